"""Counts the operations of this process as they end: for health, metrics and the history.

Counting one takes microseconds and a mutex that nobody holds for longer; whatever costs more,
percentiles and formats, is made when somebody asks.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import field
from datetime import datetime
from pathlib import Path

from cde_orchestrator.domain.subject import subject
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.monitoring.telemetry import spool
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample, Tally, count_phase

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds for the metrics: around a millisecond to above the lock's bounded wait."""


class Totals(Value, frozen=False):
    """One name's calls since the process began, in the buckets of the metrics.

    Attributes:
        outcomes: calls by outcome and error code.
        buckets: calls in each of ``BUCKETS_SECONDS``, and above all of them; not cumulative.
    """

    outcomes: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_SECONDS) + 1))
    seconds: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self.seconds += seconds
        self.buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1

    def copied(self) -> Totals:
        """The same, which stays as it is."""
        return Totals(Counter(self.outcomes), [*self.buckets], self.seconds)


class OperationMeter:
    """Counts what is reported to it; safe among threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._mutex = threading.Lock()
        self._totals: dict[str, Totals] = {}
        self._lock_waits = Totals()
        self._phases = Counter[str]()
        self._undrained = Sample()

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
        """Count an operation that ended, or a call that was refused before one began.

        A refusal is counted for the phase too that it is about, where that was named.
        """
        named, phase = subject(), None
        if outcome == "refused" and {"workflow", "phase_id"} <= named.keys():
            phase = f"{named['workflow']}/{named['phase_id']}"
        with self._mutex:
            totals = self._totals.setdefault(operation, Totals())
            totals.outcomes[outcome, error_code] += 1
            totals.observe(duration_ms / 1000)
            self._lock_waits.observe(lock_wait_ms / 1000)
            count_phase(self._phases, phase)
            tally = self._undrained.operations.setdefault(operation, Tally())
            tally.count(outcome, duration_ms, phase)

    def totals(self) -> tuple[dict[str, Totals], Totals]:
        """Since the process began: the operations by name, and their waits for the lock."""
        with self._mutex:
            operations = {name: each.copied() for name, each in self._totals.items()}
            return operations, self._lock_waits.copied()

    def phases(self) -> Counter[str]:
        """Refusals by ``workflow/phase`` since the process began."""
        with self._mutex:
            return Counter(self._phases)

    def undrained(self) -> Sample:
        """What ``drain`` would give, as a copy."""
        with self._mutex:
            return Sample.of([self._undrained])

    def drain(self) -> Sample:
        """What was counted since the last time that this was asked."""
        with self._mutex:
            drained, self._undrained = self._undrained, Sample()
        return drained

    def leave(self, folder: Path | None, at: datetime) -> bool:
        """Drain it into the spool of the project's ``.cde``; False where too much waits there.

        Without a folder, as one that may not be written to, it is dropped.
        """
        with self._mutex:
            operations = self._undrained.operations
            if operations and folder and not spool.leave(folder, at.timestamp(), operations):
                return False
            self._undrained = Sample()
            return True
