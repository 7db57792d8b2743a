"""How the files of a project's state are, for whoever watches its health."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from cde_orchestrator.domain.condition import PartCondition, StateCondition
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.history import Damage
from cde_orchestrator.infrastructure.system.file_ops import FileOps
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors, write_failure
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.loader import Loaded, load
from cde_orchestrator.storage.quarantine import MISSING, quarantined
from cde_orchestrator.storage.read_only import SPARE_BYTES

_LAG_SECONDS = 10.0
_BACKUPS = "backups"
_EFFECTIVE = os.access in os.supports_effective_ids


def condition_of(files: StateFiles, ops: FileOps, *, is_read_only: bool) -> StateCondition:
    """The condition of the files; nothing is written, and nothing that is wrong is raised.

    Where changes are refused, ``is_read_only``, damage may be left as it is; else whoever loaded
    the state has repaired it.
    """
    loaded, refusal = Loaded(), None
    try:
        with translate_os_errors(files.folder):
            if is_read_only:
                loaded = load(files, ops)
            _require_writable(files, ops)
    except StateError as error:
        refusal = error
    harms = [Damage(each.path.name, each.reason) for each in loaded.findings]
    is_lost = loaded.gap is not None
    if is_lost:
        lost = loaded.uncertainty or ""
        harms = [Damage(name, lost) for name in (files.journal.name, _BACKUPS)]
    live = {files.state.name, files.journal.name}
    repaired, age = quarantined(files), _backup_age(files)
    journal_harm = next((each for each in harms if each.file in live), None)
    backup_harm = next((each for each in harms if each.file not in live), None)
    is_missing = files.state.exists() and not files.journal.exists()
    if is_missing:
        journal_harm = Damage(files.journal.name, "it is missing")
    if backup_harm is None and age > 0:
        backup_harm = Damage(_BACKUPS, "the newest changes have no backup")
    return StateCondition(
        "The state can be read and written.",
        refusal,
        PartCondition(
            "Every change is in the journal.",
            journal_harm,
            is_lost or is_missing,
            [each for each in repaired if each[1].removesuffix(MISSING) in live],
        ),
        PartCondition(
            "All changes have a second copy.",
            backup_harm,
            is_lost,
            [each for each in repaired if each[1].removesuffix(MISSING) not in live],
        ),
        _size(files.state),
        _size(files.journal),
        age,
    )


def _require_writable(files: StateFiles, ops: FileOps) -> None:
    """E203 where the system does not let this user write, E204 where there is no room."""
    for path in (files.folder, files.backups, files.journal):
        if path.exists() and not os.access(path, os.W_OK, effective_ids=_EFFECTIVE):
            reason = "the system does not allow writing"
            raise StateError.of("E203", path=str(path), reason=reason)
    if ops.free_bytes(files.folder) < SPARE_BYTES:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise write_failure(files.journal, full, SPARE_BYTES)


def _backup_age(files: StateFiles) -> float:
    """Seconds since the newest backup was written, where the journal is ahead of it.

    The journal's second copy is written with each change, so it lags for moments only.
    """
    changed = _stat(files.journal)
    copies = [_stat(path) for path in files.segments().values()]
    kept = [*copies, *map(_stat, files.checkpoints().values())]
    newest = max((each.st_mtime for each in kept if each is not None), default=0.0)
    if changed is None or any(c and c.st_size == changed.st_size for c in copies[-1:]):
        return 0.0
    if changed.st_mtime - newest < _LAG_SECONDS:
        return 0.0
    return max(time.time() - (newest or changed.st_mtime), 0.0)


def _stat(path: Path) -> os.stat_result | None:
    """What is known of the file; None where it is gone, as when others tidied meanwhile."""
    try:
        return path.stat()
    except OSError:
        return None


def _size(path: Path) -> int:
    stat = _stat(path)
    return stat.st_size if stat else 0
