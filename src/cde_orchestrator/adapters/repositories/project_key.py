"""The key of a project whose state several machines share.

Checkouts of one repository lie in different folders, so the name travels with the repository:
it is ``state_project`` in ``.cde/config.toml``, which git keeps.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cde_orchestrator.domain.names import slug_from
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.settings.settings import (
    FILE,
    refusal_of,
    settings_file,
    settings_states,
)
from cde_orchestrator.infrastructure.system.file_ops import FileOps, OsFileOps, replace_file
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage.format.files import StateFiles


def key_of(root: Path) -> str:
    """The name in the project's settings; empty when it has none yet.

    Raises:
        ValidationError: E314 or E320, the settings are not valid.
    """
    state = next(each for each in settings_states(root) if each.key == "state_project")
    if state.problem is not None:
        raise refusal_of(state)
    return str(state.value)


def ensure_key(root: Path, ops: FileOps | None = None) -> str:
    """The same; a project without a name gets one, which is written into its settings.

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
                key = f"{slug_from(root.name)}-{secrets.token_hex(6)}"
                found = settings_file(root)  # in a worktree without one, another one's
                present = found.read_bytes() if found.exists() else b""
                # First in the file: below a table's heading it would belong to the table.
                line = f'state_project = "{key}"  # names the project in the shared database\n'
                replace_file(ops, path, line.encode() + present.removeprefix(b"\xef\xbb\xbf"))
    return key
