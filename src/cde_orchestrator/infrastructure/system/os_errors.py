"""What the operating system refuses, in the catalogue's words."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.system.file_ops import AppendNotUndoneError


@contextmanager
def translate_os_errors(path: Path, code: str = "E203") -> Iterator[None]:
    """Translate an ``OSError`` of work on the state.

    Args:
        path: what the work is about, where the error does not say.
        code: the code of a failure other than a full disk.

    Raises:
        StateError: E204 the disk is full, E216 nobody knows what was written, else ``code``.
    """
    try:
        yield
    except AppendNotUndoneError as error:
        raise StateError.of("E216", path=str(path)) from error
    except OSError as error:
        where = Path(error.filename) if isinstance(error.filename, str) else path
        raise write_failure(where, error, code=code) from error


def write_failure(
    path: Path, error: OSError, needed_bytes: int | None = None, code: str = "E203"
) -> StateError:
    """E204 for a full disk, with what is free and needed; ``code`` for every other reason."""
    name = errno.errorcode.get(error.errno or 0)
    reason = f"{error_words(error)} ({name})" if name else error_words(error)
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return StateError.of(code, path=str(path), reason=reason)
    return StateError.of(
        "E204",
        path=str(path),
        reason=reason,
        free=_free_bytes(path),
        needed="more" if needed_bytes is None else needed_bytes,
    )


def error_words(error: OSError) -> str:
    """What the operating system says, without the path."""
    return error.strerror or (os.strerror(error.errno) if error.errno else str(error))


def _free_bytes(path: Path) -> int | str:
    import shutil

    for folder in (path, *path.parents):
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return "unknown"
