"""Files that a command is told to read or to write."""

from __future__ import annotations

import os
from pathlib import Path

from cde_orchestrator.domain.exceptions import StateError, ValidationError
from cde_orchestrator.infrastructure.file_ops import OsFileOps, replace_file
from cde_orchestrator.infrastructure.refusals import told

READ_LIMIT_BYTES = 512 * 1024 * 1024


def read_file(path: Path) -> str:
    """The text of a file.

    Raises:
        StateError: E210, it cannot be read or is not UTF-8.
        ValidationError: E315, it is too large.
    """
    try:
        size = path.stat().st_size
        if size > READ_LIMIT_BYTES:
            raise ValidationError.of(
                "E315", field=str(path), size_bytes=size, limit_bytes=READ_LIMIT_BYTES
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else "it is not UTF-8"
        raise StateError.of("E210", where=str(path), reason=reason) from error


def write_file(path: Path, text: str) -> None:
    """Replace a file; the old content or the new one is there, never a part.

    Raises:
        StateError: E203 or E204, it cannot be written.
    """
    with told(path):
        replace_file(OsFileOps(), path, text.encode())
