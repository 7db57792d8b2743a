"""What the operating system refuses, in the catalogue's words."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.segment import NotTakenBackError


@contextmanager
def told(path: Path, code: str = "E203") -> Iterator[None]:
    """Translate an ``OSError`` of work on the state.

    Args:
        path: what the work is about, where the error does not say.
        code: the code of a failure other than a full disk.

    Raises:
        StateError: E204 the disk is full, E216 it is not known what was written, else
            ``code``.
    """
    try:
        yield
    except NotTakenBackError as error:
        raise StateError.of("E216", path=str(path)) from error
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        where = error.filename if isinstance(error.filename, str) else str(path)
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StateError.of("E204" if full else code, path=where, reason=reason) from error
