"""Adds the figures of this process to the project's history, and lets the alerts be judged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from cde_orchestrator.application.ports.health import AlertEvent
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 10.0
STOP_SECONDS = 2.0
"""How long the end of a process waits for a sample that is being taken."""


class Gauged(Protocol):
    """What a sample holds besides operations."""

    @property
    def memory_mb(self) -> float:
        """What the process occupies."""
        ...

    @property
    def active_features(self) -> int:
        """Features of the project that are open."""
        ...

    @property
    def disk_mb(self) -> float:
        """What the project's ``.cde/`` takes up."""
        ...


class Monitor(Protocol):
    """Knows how the project and this process are."""

    def gauges(self) -> Gauged:
        """What a sample holds besides operations."""
        ...

    def measures(self) -> Mapping[str, float | None]:
        """What the rules of the alerts watch."""
        ...


class Judge(Protocol):
    """Judges the alerts."""

    def evaluate(self, measures: Mapping[str, float | None]) -> Sequence[AlertEvent]:
        """What happened to the alerts."""
        ...


class Sampler:
    """Takes a sample every few seconds, in a thread of its own, and one at the end.

    A process that lives for a moment never starts it, and flushes it once.

    Args:
        meter: counts the operations of this process.
        store: the project's history.
        monitor: gives what else is measured, made when it is needed first.
        alerts: judges the alerts, made when it is needed first.
        clock: where the time comes from.
        interval_seconds: between two samples.
    """

    def __init__(
        self,
        meter: OperationMeter,
        store: TelemetryStore,
        monitor: Callable[[], Monitor],
        alerts: Callable[[], Judge],
        *,
        clock: Clock = utc_now,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._meter = meter
        self._store = store
        self._monitor = monitor
        self._alerts = alerts
        self._clock = clock
        self._interval = interval_seconds
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first sample is taken after the first interval."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="cde-sampler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, with a last sample."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None
        self.flush()

    def sample(self) -> None:
        """Take a sample now, and let the alerts be judged by it; it never fails."""
        try:
            gauges = self._monitor().gauges()
            self._add(gauges)
            self._alerts().evaluate(self._monitor().measures())
        except Exception:
            log.exception("sample_failed")

    def flush(self) -> None:
        """Add what was counted since the last sample, and nothing else; it never fails."""
        try:
            self._add(None)
        except Exception:
            log.exception("sample_failed")

    def _add(self, gauges: Gauged | None) -> None:
        operations = self._meter.drain()
        if gauges is None and not operations:
            return
        from cde_orchestrator.infrastructure.monitoring.telemetry.records import Sample

        self._store.add(
            Sample(self._clock(), operations)
            if gauges is None
            else Sample(
                self._clock(),
                operations,
                memory_mb=gauges.memory_mb,
                active_features=gauges.active_features,
                disk_mb=gauges.disk_mb,
            )
        )

    def _work(self) -> None:
        while not self._ending.wait(self._interval):
            self.sample()
