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
from dataclasses import replace
from pathlib import Path

from cde_orchestrator.application.logs.log_query import ENDS
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.observability.logs.render import json_line
from cde_orchestrator.infrastructure.observability.logs.rotating_file import RotatingLogFile
from cde_orchestrator.infrastructure.system.tree import is_folder
from cde_orchestrator.infrastructure.system.viewing import takes_byproducts

MOMENT_SECONDS = 0.1
"""For how long a line waits for those after it."""

_GATHERED = 500


class ProjectLogHandler(logging.Handler):
    """Writes the log of a project, as soon as there is a project.

    Args:
        file: the log file, in a folder of the project's folder.

    Attributes:
        on_lost: given each line that the file did not take.
    """

    def __init__(self, file: RotatingLogFile) -> None:
        super().__init__()
        self.file = file
        self.on_lost: Callable[[logging.LogRecord], None] = lambda record: None
        self._locate: Callable[[], Path] = lambda: self.file.path
        self._root: Path | None = None
        self._has_project = False
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
        if (
            record.levelno >= logging.WARNING
            or not call_context().operation_id
            or record.getMessage() in ENDS
            or len(self._gathered) == _GATHERED
        ):
            self._write()
        elif not self._waiting.is_set():
            self._waiting.set()
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._write_later, name="cde-log-writer", daemon=True
                )
                self._writer.start()

    def flush(self) -> None:
        """Write what is gathered."""
        with self._locked():
            self._write()

    def direct_to(self, root: Path, locate: Callable[[], Path]) -> None:
        """From now on write another file; where it is, is asked again if its folder is gone."""
        with self._locked():
            self._root, self._locate = root, locate
            self._follow()

    def close(self) -> None:
        """Write what is gathered."""
        self._ended.set()
        self._waiting.set()
        self.flush()
        super().close()

    def _write(self) -> None:
        """Write what is gathered, at once and in one piece; only under the handler's lock."""
        if not self._is_there():
            if self._root is not None and not takes_byproducts(self._root):
                return  # what came there would be asked where the log is
            self._follow()
        if not takes_byproducts(self.file.path):
            return
        self._has_project = self._has_project or self._is_there()
        # While a finalizer logs in this thread, the write under way takes its line.
        if self._is_writing or not self._has_project:
            return
        self._is_writing = True
        try:
            while self._gathered:
                records = list(self._gathered)
                self._gathered.clear()
                if not self.file.append("\n".join(json_line(record) for record in records)):
                    for record in records:
                        self.on_lost(record)
        finally:
            self._is_writing = False

    def _is_there(self) -> bool:
        return is_folder(self.file.path.parent.parent)

    def _follow(self) -> None:
        """Write where the log is by now, as in another worktree of the project."""
        path = self._locate()
        if path != self.file.path:
            self.file, self._has_project = replace(self.file, path=path), False

    def _write_later(self) -> None:
        while self._waiting.wait() and not self._ended.wait(MOMENT_SECONDS):
            self._waiting.clear()
            self.flush()

    def _locked(self) -> AbstractContextManager[object]:
        return self.lock or nullcontext()
