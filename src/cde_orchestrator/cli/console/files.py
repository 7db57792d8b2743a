"""Files that a command is told to write."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors


def write_file(path: Path, text: str) -> None:
    """Replace a file; the old content or the new one is there, never a part.

    Raises:
        StateError: E203 or E204, it cannot be written.
    """
    with translate_os_errors(path):
        replace_file(OsFileOps(), path, text.encode())
