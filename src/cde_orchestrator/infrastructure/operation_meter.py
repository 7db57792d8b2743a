"""Counts the operations of this process as they end: for health, metrics and the history.

Counting one takes microseconds and a mutex that nobody holds for longer; whatever costs more,
percentiles and formats, is made when somebody asks.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cde_orchestrator.application.health import OperationFigures
from cde_orchestrator.infrastructure.latency import Latencies, percentile

WINDOW_SECONDS = 300.0
WINDOW_CALLS = 20_000
"""What ``lately`` remembers at most; more calls in the window make it shorter."""

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds for the metrics: around a millisecond to above the lock's bounded wait."""


@dataclass(frozen=True, slots=True)
class EndedOperation:
    """One operation that ended; ``at`` by a clock that never goes back."""

    at: float
    operation: str
    outcome: str
    error_code: str | None
    duration_ms: float


@dataclass(slots=True)
class Counts:
    """Operations of one name, in a stretch of time or since the process began.

    Attributes:
        outcomes: calls by outcome (``ok``, ``refused``, ``failed``) and error code.
    """

    outcomes: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def errors(self) -> int:
        """Calls that did not succeed."""
        return sum(count for (outcome, _), count in self.outcomes.items() if outcome != "ok")

    def merge(self, other: Counts) -> None:
        """Count all that another one counted."""
        self.outcomes.update(other.outcomes)
        self.latencies.merge(other.latencies)


@dataclass(slots=True)
class Totals:
    """One name's calls since the process began, in the buckets that metrics are told in.

    Attributes:
        outcomes: calls by outcome and error code.
        buckets: calls in each of ``BUCKETS_SECONDS``, and above all of them; not cumulative.
    """

    outcomes: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_SECONDS) + 1))
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Lately:
    """The operations of the last five minutes.

    Attributes:
        seconds: how long the window really is: since the process began, at most 300.
        operations: by name.
    """

    seconds: float
    calls: int
    errors: int
    average_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float
    operations: list[OperationFigures]

    @property
    def error_rate(self) -> float:
        """The share, 0 to 1, of operations that did not succeed."""
        return self.errors / self.calls if self.calls else 0.0

    @property
    def per_second(self) -> float:
        """Operations a second."""
        return self.calls / self.seconds if self.seconds > 0 else 0.0


class OperationMeter:
    """Counts what it is told; safe among threads.

    Args:
        monotonic: seconds by a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._mutex = threading.Lock()
        self._window: deque[EndedOperation] = deque(maxlen=WINDOW_CALLS)
        self._totals: dict[str, Totals] = {}
        self._lock_waits = Totals()
        self._undrained: dict[str, Counts] = {}

    @property
    def uptime_seconds(self) -> float:
        """Since the meter was made, which is when the process began its work."""
        return self._monotonic() - self._began

    def ended(
        self,
        operation: str,
        outcome: str,
        error_code: str | None,
        duration_ms: float,
        lock_wait_ms: float,
    ) -> None:
        """Count an operation that ended."""
        one = EndedOperation(self._monotonic(), operation, outcome, error_code, duration_ms)
        with self._mutex:
            self._window.append(one)
            totals = self._totals.setdefault(operation, Totals())
            totals.outcomes[outcome, error_code] += 1
            _observe(totals, duration_ms / 1000)
            _observe(self._lock_waits, lock_wait_ms / 1000)
            counts = self._undrained.setdefault(operation, Counts())
            counts.outcomes[outcome, error_code] += 1
            counts.latencies.add(duration_ms)

    def lately(self) -> Lately:
        """What happened in the last five minutes."""
        now = self._monotonic()
        with self._mutex:
            while self._window and self._window[0].at < now - WINDOW_SECONDS:
                self._window.popleft()
            window = list(self._window)
        full = len(window) == WINDOW_CALLS
        seconds = now - window[0].at if full else min(now - self._began, WINDOW_SECONDS)
        by_name: dict[str, list[EndedOperation]] = {}
        for each in window:
            by_name.setdefault(each.operation, []).append(each)
        whole = _figures("", window)
        return Lately(
            seconds=max(seconds, 0.001),
            calls=whole["calls"],
            errors=whole["errors"],
            average_ms=whole["average_ms"],
            p50_ms=whole["p50_ms"],
            p95_ms=whole["p95_ms"],
            p99_ms=whole["p99_ms"],
            longest_ms=whole["max_ms"],
            operations=[_figures(name, calls) for name, calls in sorted(by_name.items())],
        )

    def totals(self) -> tuple[dict[str, Totals], Totals]:
        """Since the process began: the operations by name, and their waits for the lock."""
        with self._mutex:
            return {name: _copy(each) for name, each in self._totals.items()}, _copy(
                self._lock_waits
            )

    @property
    def has_undrained(self) -> bool:
        """Whether ``drain`` would give anything."""
        return bool(self._undrained)

    def drain(self) -> dict[str, Counts]:
        """What was counted since the last time that this was asked, by operation."""
        with self._mutex:
            drained, self._undrained = self._undrained, {}
        return drained


def _observe(totals: Totals, seconds: float) -> None:
    totals.seconds += seconds
    for number, bound in enumerate(BUCKETS_SECONDS):
        if seconds <= bound:
            totals.buckets[number] += 1
            return
    totals.buckets[-1] += 1


def _copy(totals: Totals) -> Totals:
    return replace(totals, outcomes=Counter(totals.outcomes), buckets=list(totals.buckets))


def _figures(operation: str, calls: list[EndedOperation]) -> OperationFigures:
    durations = sorted(each.duration_ms for each in calls)
    return {
        "operation": operation,
        "calls": len(calls),
        "errors": sum(each.outcome != "ok" for each in calls),
        "average_ms": sum(durations) / len(durations) if durations else 0.0,
        "p50_ms": percentile(durations, 0.5),
        "p95_ms": percentile(durations, 0.95),
        "p99_ms": percentile(durations, 0.99),
        "max_ms": durations[-1] if durations else 0.0,
    }
