"""The log file that any number of processes write, rotated by day and by size."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import cast

from concurrent_log_handler import ConcurrentRotatingFileHandler

from cde_orchestrator.infrastructure.observability.logs import retention
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, open_in_own_folder

OnFailure = Callable[[BaseException], None]


class RotatingLogFile(ConcurrentRotatingFileHandler):
    """Appends lines under a lock between processes; a failure is reported once, never raised.

    The folder may have been checked out with the project: neither it nor the files in it are
    opened where they are links, pipes or devices.

    The library locks, notices that another process rotated, and writes. When to rotate, and
    what becomes of a rotated file, is decided here: a file whose last line is of an earlier
    day (UTC) is put aside as well as one that is too long, and it is compressed after the lock
    was let go.

    Args:
        path: the file; its folder is made where it is missing, the folder above never.
        max_bytes: length at which the file is rotated.
        retention_days: for how long rotated files are kept.
        on_failure: told the first failure.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        retention_days: int,
        on_failure: OnFailure,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(str(path), maxBytes=max_bytes, backupCount=1, encoding="utf-8", newline="")
        self._path = path
        self._retention_days = retention_days
        self._on_failure = on_failure
        self._clock = clock
        self._has_failed = False
        self._is_taken = True
        self._has_rotated = True  # what an earlier process left is looked at, too

    def append(self, lines: str) -> bool:
        """Append lines, in one piece and without a rotation between them; whether it could."""
        record = logging.LogRecord("", logging.INFO, "", 0, lines, None, None)
        self._is_taken = True
        self.emit(record)
        return self._is_taken

    def format(self, record: logging.LogRecord) -> str:
        """The lines as they are."""
        return str(record.msg)

    def emit(self, record: logging.LogRecord) -> None:
        """Append what the record holds."""
        if self.stream_lock is None and not self._has_folder(record):
            return
        super().emit(record)
        if self._has_rotated:
            self._has_rotated = False
            retention.tidy_beside(self._path, self._retention_days, self._clock())

    def do_open(self, mode: str | None = None) -> TextIOWrapper:
        """The file, open to be appended to; its folder may have been removed meanwhile."""
        OsFileOps().make_folder(self._path.parent)
        return self._opened(self._path, "a", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def atomic_open(self, file_path: str) -> TextIOWrapper:
        """The file of the lock."""
        return self._opened(file_path, "r+", os.O_RDWR | os.O_CREAT)

    def _opened(self, path: Path | str, mode: str, flags: int) -> TextIOWrapper:
        descriptor = open_in_own_folder(path, flags)
        return cast("TextIOWrapper", open(descriptor, mode, encoding="utf-8", newline=""))

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - logging's name
        """Whether the file is too long, or of an earlier day."""
        return retention.is_due(self._path, self.maxBytes, self._clock())

    def doRollover(self) -> None:  # noqa: N802 - logging's name
        """Put the file aside under the time of its last line."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None
        modified = datetime.fromtimestamp(self._path.lstat().st_mtime, UTC)
        self._path.rename(retention.rotated_name(self._path, modified))
        self._has_rotated = True

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Tell the first failure; a log that cannot be written never fails a call."""
        error = sys.exc_info()[1]
        self._is_taken = False
        if not self._has_failed and error is not None:
            self._has_failed = True
            self._on_failure(error)

    def _has_folder(self, record: logging.LogRecord) -> bool:
        try:
            OsFileOps().make_folder(self._path.parent)
        except OSError:
            self.handleError(record)
            return False
        return True
