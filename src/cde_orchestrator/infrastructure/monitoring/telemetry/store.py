"""The history of the figures, of all processes of a project, in ``.cde/telemetry.db``.

It may be lost at any time, and nothing that goes wrong with it is ever raised: a damaged file is
replaced; where there can be no file, the history of this process is kept in memory, until there
can be one. SQLite is loaded with this module, so that who only counts does not import it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from cde_orchestrator.application.ports.health import HistoryReply, Point, Span, slowest
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.monitoring.telemetry import database as files
from cde_orchestrator.infrastructure.monitoring.telemetry import spool
from cde_orchestrator.infrastructure.monitoring.telemetry.database import TelemetryDatabase
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample
from cde_orchestrator.infrastructure.system.project_home import byproducts_folder, local_folder

log = get_logger(__name__)

FILE = "telemetry.db"
MOST_BYTES = 32_000_000
RETRY_SECONDS = 30.0
"""How long the history stays in memory before a file is tried again."""
TEND_SECONDS = 600.0
"""How often the file is checked for damage, and what is too old, or too much, dropped."""
_UNSAVED_MOST = 1_000

SPANS: Mapping[Span, tuple[int, int]] = {
    "hour": (60, 60),
    "day": (600, 144),
    "week": (3_600, 168),
    "month": (21_600, 120),
}
"""Seconds of a step, and steps, of each span of time."""
_FINEST = 10
_WATCHED_SECONDS = 60.0
_NOTHING: dict[int, Sample] = {}
_NOT_DONE = object()

Result = TypeVar("Result")
Write = Callable[[TelemetryDatabase], object]
Carry = Callable[[TelemetryDatabase, TelemetryDatabase], None]


class TelemetryStore:
    """The history of one project; safe among threads and processes.

    Args:
        root: the project's folder; while it holds no project, nothing is written to it.
        most_bytes: what the file may take up; the oldest goes first.
        monotonic: seconds by a clock that never goes back.
    """

    def __init__(
        self,
        root: Path,
        most_bytes: int = MOST_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._most_bytes = most_bytes
        self._monotonic = monotonic
        self._mutex = threading.RLock()
        self._memory: TelemetryDatabase | None = None
        self._retry_at = 0.0
        self._tend_at = 0.0
        self._unsaved: deque[Write] = deque(maxlen=_UNSAVED_MOST)
        self._carried: list[Carry] = []
        self._logged: set[str] = set()

    @property
    def _path(self) -> Path:
        return local_folder(self._root) / FILE

    def add(self, sample: Sample, at: datetime) -> None:
        """Add what was measured; while another process is writing, with the next sample."""
        with self._mutex:
            self._tend(at.timestamp())
            self._take_spooled()
            self.write(lambda database: database.add(sample, at.timestamp()))

    def history(self, span: Span, now: datetime) -> HistoryReply:
        """What all processes measured in the span of time that ends now."""
        seconds, count = SPANS[span]
        last = int(now.timestamp() // seconds) * seconds
        begins = range(last - (count - 1) * seconds, last + seconds, seconds)
        self._take_spooled()
        steps = self.ask(lambda database: database.steps(seconds, begins[0], last), _NOTHING)
        points = []
        for begin in begins:
            passed = min(seconds, max(now.timestamp() - begin, 1.0))
            points.append(_point(begin, steps.get(begin, Sample()), passed))
        whole = Sample.of(steps.values())
        figures = [each.figures(name) for name, each in whole.operations.items()]
        return {
            "span": span,
            "step_seconds": seconds,
            "points": points,
            "operations": slowest(figures, len(figures)),
        }

    def recent(self, seconds: float, now: datetime) -> Sample:
        """What all processes did in the last seconds, to within ten."""
        end = now.timestamp()
        self._take_spooled()
        begin = end - seconds - _FINEST
        steps = self.ask(lambda database: database.steps(_FINEST, begin, end), _NOTHING)
        return Sample.of(steps.values())

    def is_watched(self, now: datetime) -> bool:
        """Whether a server has measured lately, and judged the alerts by it."""
        since = now.timestamp() - _WATCHED_SECONDS
        steps = self.ask(lambda database: database.steps(_FINEST, since), _NOTHING)
        return any(step.gauged_at for step in steps.values())

    def ask(self, work: Callable[[TelemetryDatabase], Result], default: Result) -> Result:
        """The result of work, which may be done twice, on the file or in memory.

        It is the default while another process writes, or where nothing helps.
        """
        with self._mutex:
            for _ in range(3):  # the file, a new file, memory
                database = None
                try:
                    database = self._opened()
                    return work(database)
                except Exception as error:  # noqa: BLE001 - a history fails nobody
                    if files.is_busy(error):
                        return default
                    self._recover(error, database)
                finally:
                    if database is not None and database is not self._memory:
                        database.close()
            return default

    def write(self, write: Write) -> None:
        """Write, and whatever could not be written before; what cannot be, is kept for later."""
        with self._mutex:
            if not self._is_saved(write):
                self._unsaved.append(write)
                return
            while self._unsaved and self._is_saved(self._unsaved[0]):
                self._unsaved.popleft()

    def write_later(self, write: Write) -> None:
        """Write it when there can be a file again: for work that is done in memory."""
        self._unsaved.append(write)

    def on_return(self, carry: Carry) -> None:
        """Have this done, from memory to the file, when there can be a file again."""
        self._carried.append(carry)

    def _is_saved(self, write: Write) -> bool:
        return self.ask(write, _NOT_DONE) is not _NOT_DONE and self._memory is None

    def _take_spooled(self) -> None:
        """Add what short processes left."""
        folder = byproducts_folder(self._root)
        for at, sample in [] if folder is None else spool.take(folder):
            self.write(partial(TelemetryDatabase.add, sample=sample, at=at))

    def _opened(self) -> TelemetryDatabase:
        if self._memory is not None and self._monotonic() >= self._retry_at:
            self._leave_memory(self._memory)
        if self._memory is None and byproducts_folder(self._root) is None:
            self._memory, self._retry_at = TelemetryDatabase(None), 0.0
        return self._memory or TelemetryDatabase(self._path)

    def _recover(self, error: Exception, database: TelemetryDatabase | None) -> None:
        """Replace a broken file; where that does not help, go on in memory with what it holds."""
        if files.is_broken(error) and self._memory is None:
            try:
                files.remove(self._path, database.identity if database else None)
            except OSError as refused:
                error = refused
            else:
                self._log_once("telemetry_recreated", error)
                return
        memory = TelemetryDatabase(None)
        if database is not None:
            try:
                database.connection.backup(memory.connection)
            except Exception as unread:  # noqa: BLE001 - then it begins with nothing
                log.debug("telemetry_not_copied", reason=str(unread))
                memory = TelemetryDatabase(None)
        self._memory, self._retry_at = memory, self._monotonic() + RETRY_SECONDS
        self._log_once("telemetry_in_memory", error)

    def _leave_memory(self, memory: TelemetryDatabase) -> None:
        """Bring what was kept in memory to the file, if there can be one again."""
        if byproducts_folder(self._root) is None:
            return
        self._retry_at = self._monotonic() + RETRY_SECONDS
        try:
            with closing(TelemetryDatabase(self._path)) as database:
                for carry in self._carried:
                    carry(memory, database)
                while self._unsaved:
                    self._unsaved[0](database)
                    self._unsaved.popleft()
        except Exception as error:  # noqa: BLE001 - whatever it is, there is still the memory
            self._log_once("telemetry_in_memory", error)
            return
        memory.close()
        self._memory = None

    def _tend(self, now: float) -> None:
        if self._monotonic() >= self._tend_at:
            self._tend_at = self._monotonic() + TEND_SECONDS
            self.ask(lambda database: database.tend(now, self._most_bytes), None)

    def _log_once(self, event: str, error: Exception) -> None:
        if event not in self._logged:
            self._logged.add(event)
            log.info(event, path=str(self._path), reason=str(error))


def _point(begin: int, step: Sample, seconds: float) -> Point:
    whole = step.whole()
    return {
        "at": datetime.fromtimestamp(begin, UTC).isoformat(),
        "operations": whole.calls,
        "errors": whole.errors,
        "refusals": whole.refusals,
        "operations_per_second": whole.calls / seconds,
        "error_rate": whole.error_rate(),
        "refusal_rate": whole.refusal_rate(),
        "p50_ms": whole.quantile(0.5),
        "p95_ms": whole.quantile(0.95),
        "p99_ms": whole.quantile(0.99),
        "memory_mb": step.memory_mb,
        "active_features": step.active_features,
        "disk_mb": step.disk_mb,
    }
