"""File operations that are recorded, and of which any one can be made to fail."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePath
from typing import Literal

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from tests.simulation.disk import REPOSITORY, Acknowledged, Event, OnFile, OnFolder

Fault = Literal["EIO", "ENOSPC", "EINTR", "short write"]
_CODES = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EINTR": errno.EINTR}


class UnsyncedOps(OsFileOps):
    """The system's operations without waiting for the disk, which the tests only imagine."""

    def fdatasync(self, descriptor: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


class SimulatedOps(UnsyncedOps):
    """Counts operations, records those that change something, and fails the chosen ones.

    The project is in a repository, so that all of its files are below its folder.

    Args:
        root: the project's folder.

    Attributes:
        log: what took effect, in order.
        count: operations so far, those that failed among them.
    """

    def __init__(self, root: Path) -> None:
        self.log: list[Event] = []
        self.count = 0
        self._root = root
        for path, data in REPOSITORY.items():
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_bytes(data)
        self._fault: Fault = "EIO"
        self._first = self._last = -1
        self._reads_fail = False

    def fail(self, number: int, fault: Fault, *, for_ever: bool, reads: bool = False) -> None:
        """Let the operation with this number fail, counted from 0.

        Args:
            number: which one.
            fault: how.
            for_ever: all after it, too.
            reads: reading fails as well, not only what changes something.
        """
        self._fault, self._first, self._reads_fail = fault, number, reads
        self._last = 10**9 if for_ever else number

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._first = self._last = -1

    def acknowledge(self, checksum: str) -> None:
        """A call returned, and the state is at the record with this checksum."""
        self.log.append(Acknowledged(checksum))

    @property
    def failed(self) -> bool:
        """Whether the chosen operation was reached."""
        return 0 <= self._first < self.count

    def read(self, path: Path, offset: int = 0) -> bytes:
        self._count(path, reads=True)
        return super().read(path, offset)

    def open_append(self, path: Path) -> int:
        self._count(path)
        return self._opened(super().open_append(path), path)

    def create(self, path: Path) -> int:
        self._count(path)
        return self._opened(super().create(path), path)

    def write(self, descriptor: int, data: bytes) -> int:
        if self._count(None):
            data = data[: max(1, len(data) // 2)]
        written = super().write(descriptor, data)
        self.log.append(OnFile("write", descriptor, data=data[:written]))
        return written

    def truncate(self, descriptor: int, size: int) -> None:
        self._count(None)
        super().truncate(descriptor, size)
        self.log.append(OnFile("truncate", descriptor, size=size))

    def fdatasync(self, descriptor: int) -> None:
        try:
            self._count(None)
        except OSError:
            self.log.append(OnFile("sync failed", descriptor))
            raise
        self.log.append(OnFile("sync", descriptor))

    def close(self, descriptor: int) -> None:
        # As the system has it: the descriptor is gone even when closing tells of a failure.
        super().close(descriptor)
        self.log.append(OnFile("close", descriptor))
        self._count(None)

    def replace(self, source: Path, target: Path) -> None:
        self._count(target)
        super().replace(source, target)
        self.log.append(OnFolder("move", self._inner(source), self._inner(target)))

    def sync_folder(self, path: Path) -> None:
        self._count(path)
        self.log.append(OnFolder("sync", self._inner(path)))

    def unlink(self, path: Path) -> None:
        self._count(path)
        super().unlink(path)
        self.log.append(OnFolder("remove", self._inner(path)))

    def make_folder(self, path: Path) -> None:
        self._count(path)
        super().make_folder(path)
        self.log.append(OnFolder("folder", self._inner(path)))

    def free_bytes(self, path: Path) -> int:
        self._count(path, reads=True)
        return 1 << 40

    def _opened(self, descriptor: int, path: Path) -> int:
        self.log.append(OnFile("open", descriptor, self._inner(path)))
        return descriptor

    def _inner(self, path: Path) -> PurePath:
        return PurePath(path.relative_to(self._root))

    def _count(self, path: Path | None, *, reads: bool = False) -> bool:
        """Count an operation; whether it shall be done only in part."""
        number, self.count = self.count, self.count + 1
        if not self._first <= number <= self._last or (reads and not self._reads_fail):
            return False
        if self._fault == "short write":
            return True
        code = _CODES[self._fault]
        raise OSError(code, os.strerror(code), str(path) if path else None)
