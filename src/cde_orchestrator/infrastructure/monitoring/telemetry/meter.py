"""Counts the operations of this process as they end: for health, metrics and the history.

Counting one takes microseconds and a mutex that nobody holds for longer; whatever costs more,
percentiles and formats, is made when somebody asks.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cde_orchestrator.infrastructure.monitoring.telemetry.tally import Tally

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds for the metrics: around a millisecond to above the lock's bounded wait."""


@dataclass(slots=True)
class Totals:
    """One name's calls since the process began, in the buckets of the metrics.

    Attributes:
        outcomes: calls by outcome and error code.
        buckets: calls in each of ``BUCKETS_SECONDS``, and above all of them; not cumulative.
    """

    outcomes: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_SECONDS) + 1))
    seconds: float = 0.0


class OperationMeter:
    """Counts what is reported to it; safe among threads.

    Args:
        monotonic: seconds by a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._mutex = threading.Lock()
        self._totals: dict[str, Totals] = {}
        self._lock_waits = Totals()
        self._undrained: dict[str, Tally] = {}

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
        with self._mutex:
            totals = self._totals.setdefault(operation, Totals())
            totals.outcomes[outcome, error_code] += 1
            _observe(totals, duration_ms / 1000)
            _observe(self._lock_waits, lock_wait_ms / 1000)
            self._undrained.setdefault(operation, Tally()).count(outcome, duration_ms)

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

    def undrained(self) -> dict[str, Tally]:
        """What ``drain`` would give, as a copy."""
        with self._mutex:
            copies: dict[str, Tally] = {}
            for name, tally in self._undrained.items():
                copies.setdefault(name, Tally()).merge(tally)
            return copies

    def drain(self) -> dict[str, Tally]:
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
