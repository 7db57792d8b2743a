"""The key of a project whose state several machines share.

Checkouts of one repository lie in different folders, so the name travels with the repository:
it is ``state_project`` in ``.cde/config.toml``, which git keeps.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.names import slug_from
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.settings.settings import (
    FILE,
    SIZE_LIMIT,
    refusal_of,
    settings_document,
    settings_file,
    settings_states,
)
from cde_orchestrator.infrastructure.system.acting_files import wrote
from cde_orchestrator.infrastructure.system.file_ops import (
    FileOps,
    OsFileOps,
    read_bounded,
    replace_file,
)
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.infrastructure.system.toml import parse_toml
from cde_orchestrator.infrastructure.system.tree import kind_of
from cde_orchestrator.storage.format.files import StateFiles

_KEYS = ("state_project", "state_url")
_OWN_LINE = re.compile(rf"\s*({'|'.join(_KEYS)})\s*=")


def key_of(root: Path) -> str:
    """The name in the project's settings; empty when it has none yet.

    Raises:
        ValidationError: E314 or E320, the settings are not valid.
    """
    state = next(each for each in settings_states(root) if each.key == "state_project")
    if state.problem is not None:
        raise refusal_of(state)
    return str(state.value)


def ensure_key(root: Path, wanted: str = "", ops: FileOps | None = None) -> str:
    """The same; a project without a name gets one, which is written into its settings.

    ``wanted`` is the name that it gets, where it was given one before.

    Raises:
        LockTimeoutError: E205, another process is at it.
        StateError: E203 or E204, not written.
        ValidationError: E314 or E320, the settings are not valid.
    """
    ops, files, path = ops or OsFileOps(), StateFiles(root), root / FOLDER / FILE
    with translate_os_errors(path):
        for folder in {files.folder, path.parent}:
            ops.make_folder(folder)
        with ProcessLock(files.lock).exclusive():
            key = key_of(root)
            if not key:
                key = wanted or f"{slug_from(root.name)}-{secrets.token_hex(6)}"
                found = settings_file(root)  # in a worktree without one, another one's
                present = read_bounded(found, SIZE_LIMIT) if kind_of(found) else b""
                # First in the file: below a table's heading it would belong to the table.
                line = f'state_project = "{key}"  # names the project in the shared database\n'
                content = line.encode() + present.removeprefix(b"\xef\xbb\xbf")
                replace_file(ops, path, content, mode=None)
                wrote(path, content)
    return key


def remove_key(root: Path, *, dry_run: bool = False, ops: FileOps | None = None) -> None:
    """Let the project's settings name no database, nor the project in it.

    Raises:
        LockTimeoutError: E205, another process is at it.
        StateError: E203 or E204, not written.
        ValidationError: E314 or E320, a person has to change the settings.
    """
    ops, path = ops or OsFileOps(), settings_file(root)
    if _without_keys(path) is None or dry_run:
        return
    with translate_os_errors(path), ProcessLock(StateFiles(root).lock).exclusive():
        if (left := _without_keys(path)) is not None:
            replace_file(ops, path, left, mode=None)
            wrote(path, left)


def _without_keys(path: Path) -> bytes | None:
    """What a settings file says without the keys; None where it has none of them."""
    _, document = settings_document(path)
    if not any(key in document for key in _KEYS):
        return None
    lines = read_bounded(path, SIZE_LIMIT).decode("utf-8-sig").splitlines(keepends=True)
    left = "".join(line for line in lines if not _OWN_LINE.match(line))
    wanted = {key: value for key, value in document.items() if key not in _KEYS}
    try:
        fits = parse_toml(left) == wanted
    except ValueError:
        fits = False
    if not fits:
        reason = "it is not in a line of its own; delete it, and try again"
        raise ValidationError.of("E314", setting=_KEYS[0], source=str(path), reason=reason)
    return left.encode()
