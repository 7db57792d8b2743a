"""Recognizes a folder, also after another one has taken its path."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.infrastructure.system.tree import open_folder, status_of

HELD_AT_MOST = 64
"""Folders that one process keeps open; any further one is known by its numbers alone."""

_open: set[int] = set()


class HeldFolder:
    """Checks whether the folder that was held is the one at its path; for one thread at a time.

    A file system gives the inode of a removed folder to the next one that is made. It cannot
    while the folder is open, so it is kept open, where the system opens folders at all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: os.stat_result | None = None
        self._close: Callable[[], object] = lambda: None

    def hold(self) -> None:
        """Hold the folder at the path, unless one is held; ``OSError`` where there is none."""
        if self._held is not None:
            return
        if len(_open) < HELD_AT_MOST:
            with suppress(OSError):  # the numbers have to do
                descriptor = open_folder(self._path, listed=False)
                self._close = weakref.finalize(self, _close, descriptor)
                _open.add(descriptor)
        self._held = status_of(self._path)

    def release(self) -> None:
        """Hold none."""
        self._held = None
        self._close()

    def is_in_place(self) -> bool:
        """Whether a folder is held and it is the one at the path."""
        try:
            return self._held is not None and os.path.samestat(self._held, status_of(self._path))
        except OSError:
            return False


def _close(descriptor: int) -> None:
    _open.discard(descriptor)
    os.close(descriptor)
