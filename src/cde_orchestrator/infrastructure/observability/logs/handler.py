"""The lines of one operation, written together.

A line that is written while a change waits for the disk makes that wait longer: the file system
orders both. So an operation's lines are gathered and written when it has ended, or a moment
after the first of them; warnings, and lines outside of operations, are written at once.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from cde_orchestrator.application.logs.log_query import ENDS
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.observability.logs import retention
from cde_orchestrator.infrastructure.observability.logs.render import json_line
from cde_orchestrator.infrastructure.observability.logs.rotating_file import RotatingLogFile

MOMENT_SECONDS = 0.1
"""For how long a line waits for those after it."""

_GATHERED = 500


class ProjectLogHandler(logging.Handler):
    """Writes the log of a project, as soon as there is a project.

    Args:
        path: the log file.
        max_bytes: length at which the file is rotated.
        retention_days: for how long rotated files are kept.
        on_failure: called once, when the file cannot be written.

    Attributes:
        on_lost: given each line that the file did not take.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        retention_days: int,
        on_failure: Callable[[Path, BaseException], None],
    ) -> None:
        super().__init__()
        self._path = path
        self._max_bytes = max_bytes
        self._retention_days = retention_days
        self._on_failure = on_failure
        self.on_lost: Callable[[logging.LogRecord], None] = lambda record: None
        self._file: RotatingLogFile | None = None
        self._is_writing = False
        # Without a project there is no end of it: the newest lines are kept.
        self._gathered: deque[logging.LogRecord] = deque(maxlen=_GATHERED)
        self._waiting = threading.Event()
        self._ended = threading.Event()
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Gather the record's line, and write all that is gathered where it is time to."""
        json_line(record)  # now, while the call that it belongs to runs
        self._gathered.append(record)
        if self._is_urgent(record) or len(self._gathered) == _GATHERED:
            self._write()
        elif not self._waiting.is_set():
            self._waiting.set()
            self._start_writer()

    def flush(self) -> None:
        """Write what is gathered."""
        with self._locked():
            self._write()

    def direct_to(self, path: Path) -> None:
        """From now on write another file."""
        with self._locked():
            if path != self._path:
                self._file, self._path = None, path

    def close(self) -> None:
        """Write what is gathered."""
        self._ended.set()
        self._waiting.set()
        self.flush()
        super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do without the line: a log never fails a call."""

    def is_of_earlier_day(self, now: float) -> bool:
        """Whether the file's last line was written on an earlier day."""
        return retention.is_of_earlier_day(self._path, now)

    def tidy(self, now: float) -> None:
        """Compress rotated files, and remove those that are too old."""
        retention.tidy(self._path, self._retention_days, now)

    def _is_urgent(self, record: logging.LogRecord) -> bool:
        context = call_context()
        return (
            record.levelno >= logging.WARNING
            or not context.operation_id
            or record.getMessage() in ENDS
        )

    def _write(self) -> None:
        """Write what is gathered, at once and in one piece; only under the handler's lock."""
        if self._file is None and self._has_place():
            self._file = self._open()
        if self._file is None or not self._gathered:
            return
        if self._is_writing:  # a finalizer logs in this thread: the write under way takes it
            return
        self._is_writing = True
        try:
            while self._gathered:
                self._write_gathered(self._file)
        finally:
            self._is_writing = False

    def _write_gathered(self, file: RotatingLogFile) -> None:
        records = list(self._gathered)
        self._gathered.clear()
        if not file.append("\n".join(json_line(record) for record in records)):
            for record in records:
                self.on_lost(record)

    def _has_place(self) -> bool:
        try:
            return self._path.parent.parent.is_dir()
        except OSError:  # the folder cannot be read
            return False

    def _start_writer(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(
                target=self._write_later, name="cde-log-writer", daemon=True
            )
            self._writer.start()

    def _write_later(self) -> None:
        while self._waiting.wait() and not self._ended.wait(MOMENT_SECONDS):
            self._waiting.clear()
            self.flush()

    def _locked(self) -> AbstractContextManager[object]:
        return self.lock or nullcontext()

    def _open(self) -> RotatingLogFile:
        path = self._path
        return RotatingLogFile(
            path,
            max_bytes=self._max_bytes,
            retention_days=self._retention_days,
            on_failure=lambda error: self._on_failure(path, error),
        )
