"""Where log events go: to the project's log file and to standard error, never to standard output.

Events of structlog and records of the standard library take the same way: through the handlers
of the root logger, where each becomes one line.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import structlog

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.observability.logs import retention
from cde_orchestrator.infrastructure.observability.logs.handler import ProjectLogHandler
from cde_orchestrator.infrastructure.observability.logs.render import (
    OWN,
    json_line,
    note_of,
    people_line,
)
from cde_orchestrator.infrastructure.observability.logs.retention import LogRetention
from cde_orchestrator.infrastructure.observability.logs.rotating_file import RotatingLogFile
from cde_orchestrator.infrastructure.paths import LOG_FILE
from cde_orchestrator.infrastructure.settings.settings import (
    LOG_LEVELS,
    Settings,
    levels_by_logger,
)
from cde_orchestrator.infrastructure.system.project_home import home_of
from cde_orchestrator.infrastructure.system.viewing import takes_byproducts

LEVELS: Mapping[str, int] = {name: getattr(logging, name) for name in LOG_LEVELS}
LEVEL_VARIABLE = "CDE_LOG_LEVEL"
MAX_BYTES = 10 * 1024 * 1024
RETENTION = LogRetention()

# What libraries log of each request, the operations log better.
_QUIET = dict.fromkeys(("asyncio", "httpcore", "httpx", "mcp", "urllib3", "uvicorn"), "WARNING")
_QUIET["opentelemetry"] = "ERROR"
_QUIET["opentelemetry.exporter"] = "CRITICAL"  # its caller logs what it drops
_set_levels: set[str] = set()
_KEEPER_SECONDS = 3_600.0

log = get_logger(__name__)

Kind = TypeVar("Kind", bound=logging.Handler)


def setup_logging(
    level: str = "INFO",
    output_file: Path | str | None = None,
    *,
    stderr_level: str | None = None,
    format: str = "auto",
    levels: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
    retention_days: int = RETENTION.days,
    files_kept: int = RETENTION.files,
    total_bytes: int = RETENTION.total_bytes,
) -> None:
    """Send events to a file, and to standard error; done again, it replaces what was set up.

    Args:
        level: the least severe level that is logged, one of ``LEVELS`` in any case.
        output_file: file that gets JSON lines. Its folder is made where the folder above it
            exists; until that exists, the newest lines are held back. None: standard error
            alone.
        stderr_level: the same for standard error; by default ``level`` without a file, and
            WARNING with one.
        format: of standard error: ``json``, ``text``, or ``auto`` for text on a terminal.
        levels: by logger, for those below or above ``level``.
        max_bytes: length at which the file is rotated.
        retention_days: for how long rotated files are kept.
        files_kept: how many of them; the oldest go first.
        total_bytes: what they may take up together.

    Raises:
        ValidationError: E305, there is no such level; nothing was changed.
    """
    least = _level("level", level)
    own_levels = {name: _level(name, own) for name, own in {**_QUIET, **(levels or {})}.items()}
    console = StderrHandler(format)
    by_default = "WARNING" if output_file is not None else level
    console.setLevel(_level("stderr_level", stderr_level or by_default))
    handlers: list[logging.Handler] = [console]
    if output_file is not None:
        file = RotatingLogFile(
            Path(output_file),
            max_bytes=max_bytes,
            kept=LogRetention(retention_days, files_kept, total_bytes),
            on_failure=console.report_failure,
        )
        handlers.append(ProjectLogHandler(file))
    stop_logging()
    root = logging.getLogger()
    root.setLevel(least)
    for handler in handlers:
        root.addHandler(handler)
    for name, own in own_levels.items():
        logging.getLogger(name).setLevel(own)
        _set_levels.add(name)
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Not cached: a test may capture events, or set up something else.
        cache_logger_on_first_use=False,
    )


def stop_logging() -> None:
    """Undo what was set up: nothing is logged, until it is set up again."""
    root = logging.getLogger()
    for handler in [*_installed(StderrHandler), *_installed(ProjectLogHandler)]:
        root.removeHandler(handler)
        handler.close()
    for name in _set_levels:
        logging.getLogger(name).setLevel(logging.NOTSET)
    _set_levels.clear()


def setup_project_logging(root: Path, settings: Settings) -> None:
    """Log as the settings of the project at ``root`` say."""
    demanded = os.environ.get(LEVEL_VARIABLE, "").strip()
    louder = max(settings.log_level, "WARNING", key=lambda name: LEVELS[name])
    setup_logging(
        settings.log_level,
        str(log_file(root)),
        stderr_level=settings.log_level if demanded else louder,
        format=settings.log_format,
        levels=levels_by_logger(settings.log_levels),
        max_bytes=settings.log_file_bytes,
        retention_days=settings.log_retention_days,
        files_kept=settings.log_files_kept,
        total_bytes=settings.log_total_bytes,
    )
    log_to_project(root)


def log_file(root: Path) -> Path:
    """The log of the project at ``root``, for all its worktrees."""
    return home_of(root) / LOG_FILE


def log_to_project(root: Path) -> None:
    """From now on write the log of the project at ``root``."""
    for handler in _installed(ProjectLogHandler):
        handler.direct_to(root, partial(log_file, root))


def tend_log(now: float) -> None:
    """Rotate, compress and remove what is due ``now``, in seconds since the epoch."""
    for handler in _installed(ProjectLogHandler):
        if not takes_byproducts(handler.file.path):
            continue
        day = f"{datetime.fromtimestamp(now, UTC):%F}".encode()
        if retention.is_due(handler.file.path, day):
            log.info("log_day_began")  # the first line of a new file
        retention.tidy(handler.file.path, handler.file.kept, now)


def keep_tending(
    interval_seconds: float = _KEEPER_SECONDS, tend: Callable[[float], None] = tend_log
) -> threading.Event:
    """Tend the log of a server, where nobody may write it, until the returned event is set."""
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(interval_seconds):
            tend(time.time())

    threading.Thread(target=keep, name="cde-log-keeper", daemon=True).start()
    return stop


def keep_lost_lines() -> None:
    """Write on standard error what the log file does not take.

    For servers, whose standard error somebody keeps; a person at a terminal gets one warning.
    """
    for console in _installed(StderrHandler):
        for file in _installed(ProjectLogHandler):
            file.on_lost = console.write_lost


class StderrHandler(logging.Handler):
    """Writes to standard error; does without where the stream takes nothing."""

    def __init__(self, format: str = "auto") -> None:
        super().__init__()
        self._format = format

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or an exception's few."""
        stream = sys.stderr  # it may be replaced while the process runs
        if stream is None or self._is_shown_anyway(record):
            return
        try:
            terminal = stream.isatty()
            as_text = terminal if self._format == "auto" else self._format == "text"
            note = note_of(record) if terminal and self._is_for_person() else None
            if note is not None:
                line = _said_once(note)
            else:
                line = people_line(record, colours=terminal) if as_text else json_line(record)
            if line:
                stream.write(line + "\n")
                stream.flush()
        except Exception:  # noqa: BLE001 - a log never fails a call
            return

    def write_lost(self, record: logging.LogRecord) -> None:
        """Write a line that the log file did not take, unless it was written here already."""
        if record.levelno < self.level:
            self.emit(record)

    def report_failure(self, path: Path, error: BaseException) -> None:
        """Report that the log file cannot be written."""
        event = {"event": "log_not_written", "path": str(path), "reason": str(error)}
        record = logging.LogRecord(__name__, logging.WARNING, "", 0, event["event"], None, None)
        setattr(record, OWN, event)
        if record.levelno >= self.level:
            self.emit(record)

    def _is_for_person(self) -> bool:
        """Whether a person called, who did not ask for the log."""
        return self.level > logging.INFO and call_context().is_command

    def _is_shown_anyway(self, record: logging.LogRecord) -> bool:
        """Whether the caller sees it anyway: the command line shows failures in its own words.

        What nobody foresaw has no words of its own but its traceback.
        """
        if not self._is_for_person() or record.exc_info:
            return False
        own = getattr(record, OWN, {})
        if own.get("event") in _NOT_SHOWN:
            return False
        return "error_code" in own or own.get("event") == "operation_slow"


def _said_once(note: str) -> str:
    """The note as the command line shows one, unless this call showed it before."""
    said = call_context().said
    if not note or note in said:
        return ""
    said.add(note)
    return f"! {note}"


_NOT_SHOWN = frozenset(
    {"state_damaged", "state_restored", "backup_damaged", "state_uncertain", "changes_lost"}
    | {"error_report_not_written"}
)
"""Events with a code that no failed call shows: it continues with what is whole."""


def _level(argument: str, name: str) -> int:
    found = LEVELS.get(str(name).upper())
    if found is None:
        reason = f"the levels are {', '.join(LEVELS)}"
        raise ValidationError.of("E305", argument=argument, reason=reason)
    return found


def _installed(kind: type[Kind]) -> list[Kind]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, kind)]


def _hand_over(logger: logging.Logger, method: str, event: MutableMapping[str, Any]) -> NoReturn:
    """Hand the event to the standard library, whole, without a search for its caller."""
    level = logging.ERROR if method == "exception" else LEVELS[method.upper()]
    raised = _raised(event.pop("exc_info", None))
    record = logging.LogRecord(logger.name, level, "", 0, str(event["event"]), None, raised)
    record.created -= event.pop("seconds_ago", 0.0)
    setattr(record, OWN, event)
    logger.handle(record)
    raise structlog.DropEvent


def _raised(asked: Any) -> Any:
    """What ``exc_info`` means: an exception, or the one that is handled."""
    if isinstance(asked, BaseException):
        return type(asked), asked, asked.__traceback__
    return sys.exc_info() if asked else None


_PROCESSORS: list[Any] = [
    structlog.stdlib.filter_by_level,
    structlog.contextvars.merge_contextvars,
    _hand_over,
]
