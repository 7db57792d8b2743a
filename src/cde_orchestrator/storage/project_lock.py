"""The lock of a project: its file ``lock``, and the folder ``.cde`` itself.

The file can be deleted while it is locked, and whoever comes next locks a new one. The folder
cannot be replaced without the state in it, so the folder decides. The file is locked first: it
says who holds the lock, and earlier releases lock it alone.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, in_the_way
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.infrastructure.system.tree import open_folder, status_of
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.quarantine import Quarantine, clear_places, log_damaged

_NO_FOLDER_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a file system says that locks files only, as NFS does."""


class ProjectLock:
    """The lock between processes for changes of one project."""

    def __init__(self, files: StateFiles, timeout_seconds: float = 5.0) -> None:
        self.timeout_seconds = timeout_seconds
        self._file = _LockFile(files, timeout_seconds)
        self._files = files
        self._folder = _FolderLock(files.folder, timeout_seconds, self._file)
        self._vault: _FolderLock | None = None
        self._locks_folders = os.name == "posix"

    def exclusive(self) -> AbstractContextManager[float]:
        """Hold the lock alone; the seconds waited for it.

        Raises:
            LockTimeoutError: E205, another process kept it for too long.
            OSError: the lock's file or the folder cannot be opened.
        """
        return self._held(shared=False)

    def shared(self) -> AbstractContextManager[float]:
        """Hold the lock together with other readers; else as ``exclusive``."""
        return self._held(shared=True)

    def attempt(self, *, shared: bool = False) -> ExitStack | None:
        """Take the lock if nobody holds it, or nobody alone where it is to be shared.

        Closing what is returned lets go of it; None when it is held. ``OSError`` where its file
        or the folder cannot be opened.
        """
        with ExitStack() as held:
            for lock in self._locks():
                descriptor = lock.attempt(shared=shared)
                if descriptor is None:
                    return None
                held.callback(os.close, descriptor)
            if not shared:
                self._clear_places()
            return held.pop_all()

    @contextmanager
    def _held(self, *, shared: bool) -> Iterator[float]:
        """Hold every lock, all of them had within one time-out."""
        started, descriptors = time.monotonic(), list[int]()
        with ExitStack() as held:
            locks = self._locks()
            for lock in locks:
                left = self.timeout_seconds - (time.monotonic() - started)
                descriptors.append(lock.acquire(shared=shared, seconds=left)[0])
                held.callback(os.close, descriptors[-1])
            waited = time.monotonic() - started
            for lock, descriptor in zip(locks, descriptors, strict=True):
                if not shared:
                    lock.sign(descriptor)
            if not shared:
                self._clear_places()
            yield waited

    def _clear_places(self) -> None:
        with suppress(OSError):  # what needs the place says why it cannot be had
            clear_places(self._files, OsFileOps())

    def is_current(self) -> bool:
        """Whether the folder that this process holds alone is the one at its path."""
        folders = [each for each in (self._folder, self._vault) if each is not None]
        return all(each.held is None or each.is_current(each.held) for each in folders)

    def _locks(self) -> list[ProcessLock]:
        """What is locked, in this order; the vault once there is one."""
        if not self._locks_folders:
            return [self._file]
        vault = self._files.outside
        if vault is None:
            self._vault = None
            return [self._file, self._folder]
        known = self._vault
        if known is None or known.path != vault:
            self._vault = known = _FolderLock(vault, self.timeout_seconds, self._file)
        return [self._file, self._folder, known]


class _LockFile(ProcessLock):
    """The lock's file; what else is in its place nobody can have locked, so it is moved away."""

    def __init__(self, files: StateFiles, timeout_seconds: float) -> None:
        super().__init__(files.lock, timeout_seconds)
        self._files = files

    def _open(self) -> int:
        try:
            return super()._open()
        except OSError:
            thing = in_the_way(self.path)
            if thing is None:
                raise
        log_damaged(self.path, f"{thing} is in its place")
        Quarantine(self._files, OsFileOps()).put_aside(self.path)
        return super()._open()


class _FolderLock(ProcessLock):
    """A lock on a folder; nothing is written, so the file in it says who holds it."""

    def __init__(self, path: Path, timeout_seconds: float, file: ProcessLock) -> None:
        super().__init__(path, timeout_seconds)
        self.held: int | None = None
        self._file = file

    def holder(self) -> str:
        return self._file.holder()

    def sign(self, descriptor: int) -> None:
        self.held = descriptor

    def _take(self, descriptor: int, *, shared: bool) -> bool:
        try:
            return super()._take(descriptor, shared=shared)
        except OSError as error:
            if error.errno in _NO_FOLDER_LOCKS:
                return True
            raise

    def _open(self) -> int:
        return open_folder(self.path)

    def is_current(self, descriptor: int) -> bool:
        try:  # the folder may be a link, by the owner's choice
            return os.path.samestat(os.fstat(descriptor), status_of(self.path))
        except FileNotFoundError:
            return False
