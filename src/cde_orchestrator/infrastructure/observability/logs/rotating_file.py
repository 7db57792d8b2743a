"""The log file that any number of processes write, rotated by day and by size."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from cde_orchestrator.infrastructure.observability.logs import retention
from cde_orchestrator.infrastructure.observability.logs.retention import LogRetention
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, open_regular, rename
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock


@dataclass
class RotatingLogFile:
    """Appends lines under a lock between processes; a failure is reported once, never raised.

    The folder may have been checked out with the project: neither it nor the files in it are
    opened where they are links, pipes or devices.

    A file of an earlier day (UTC) than the line that is to be written is put aside, as well as
    one that is too long, and it is compressed after the lock was released. No file stays open:
    whoever holds the lock opens the one that is current then, whichever process rotated.

    Args:
        path: the file; its folder is made where it is missing, the folder above never.
        max_bytes: length at which the file is rotated.
        kept: which rotated files are kept.
        on_failure: given the path and the first failure.
    """

    path: Path
    _: KW_ONLY
    max_bytes: int
    kept: LogRetention = field(default_factory=LogRetention)
    on_failure: Callable[[Path, BaseException], None]

    def __post_init__(self) -> None:
        self._lock = ProcessLock(self.path.with_name(f".__{self.path.stem}.lock"))
        self._has_failed = False
        self._has_rotated = True  # what an earlier process left is tidied, too

    def append(self, lines: str) -> bool:
        """Append lines, in one piece and without a rotation between them; whether it could."""
        data = f"{lines}\n".encode()
        try:
            try:
                self._append(data)
            except FileNotFoundError:  # the folder is not there yet, or was removed
                OsFileOps().make_folder(self.path.parent)
                self._append(data)
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                self.on_failure(self.path, error)
            return False
        if self._has_rotated:
            self._has_rotated = False
            retention.tidy_beside(self.path, self.kept, time.time())
        return True

    def _append(self, data: bytes) -> None:
        with self._lock.blocking():
            if not self._written(data, self.max_bytes, retention.day_of(data)):
                with suppress(OSError):  # a file that is too long is better than a lost line
                    self._rotate()
                self._written(data)

    def _written(self, data: bytes, max_bytes: int = sys.maxsize, day: bytes = b"") -> bool:
        """Whether the file took it, which it does not where it is to be rotated first."""
        descriptor = open_regular(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            if retention.is_over(descriptor, day, max_bytes):
                return False
            _write_whole(descriptor, data)
            return True
        finally:
            os.close(descriptor)

    def _rotate(self) -> None:
        """Put the file aside under the time of its last line."""
        rename(self.path, retention.rotated_name(self.path, retention.last_time(self.path)))
        self._has_rotated = True


def _write_whole(descriptor: int, data: bytes) -> None:
    """Write all of it or nothing, which is ENOSPC; only under the lock."""
    size = os.fstat(descriptor).st_size
    if os.write(descriptor, data) < len(data):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
