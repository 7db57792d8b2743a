"""What watches one project, each part made when it is needed first: most commands need none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cde_orchestrator.application.ports.health import (
    AlertsReply,
    AlertTestReply,
    HealthReply,
    HistoryReply,
    Span,
)
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.settings.settings import Settings

if TYPE_CHECKING:
    from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import Notifier, Notifiers
    from cde_orchestrator.infrastructure.monitoring.alerts.engine import AlertEngine
    from cde_orchestrator.infrastructure.monitoring.health.checks import ProjectChecks
    from cde_orchestrator.infrastructure.monitoring.health.monitor import HealthMonitor
    from cde_orchestrator.infrastructure.monitoring.telemetry.sampler import Sampler
    from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore

TELL_SECONDS = 2.0
"""How long the end of a process waits for alerts that are being told."""


class Monitoring:
    """The health of a project, and what keeps its history and judges its alerts.

    Args:
        root: the project's folder.
        meter: counts the operations of this process.
        settings: the project's.
        checks: makes what looks at the project.
        notifiers: gives those that alerts are told.
        clock: where the time comes from.
    """

    def __init__(
        self,
        root: Path,
        meter: OperationMeter,
        settings: Settings,
        checks: Callable[[], ProjectChecks],
        *,
        notifiers: Callable[[], Sequence[Notifier]] = tuple,
        clock: Clock = utc_now,
    ) -> None:
        self._root = root
        self._meter = meter
        self._settings = settings
        self._checks = checks
        self._notified = notifiers
        self._clock = clock
        self._making = threading.RLock()
        self._store: TelemetryStore | None = None
        self._notifiers: Notifiers | None = None
        self._alerts: AlertEngine | None = None
        self._monitor: HealthMonitor | None = None
        self._sampler: Sampler | None = None

    def status(self) -> HealthReply:
        """Everything checked now."""
        return self._monitored().get_status()

    def history(self, span: Span) -> HistoryReply:
        """What all processes of the project measured, those that ended too."""
        return self._monitored().history(span)

    def alerts(self, limit: int = 50) -> AlertsReply:
        """The alerts, and the newest events of their past."""
        return self._monitored().alerts(limit)

    def test_alert(self) -> AlertTestReply:
        """Fire an alert for real, resolve it, and tell everybody who is to be told."""
        return self._monitored().test_alert()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in a format of Prometheus, as ``accept`` asks, and its media type."""
        return self._monitored().exposition(accept)

    def watch(self) -> None:
        """Take samples and judge the alerts from now on, in a thread, until it is closed."""
        self._sampled().start()

    def close(self) -> None:
        """Keep what was counted, and let alerts that are being told arrive; never fails."""
        if self._sampler is not None:
            self._sampler.stop()
        elif self._meter.has_undrained:
            self._leave()
        if self._notifiers is not None:
            self._notifiers.close(TELL_SECONDS)

    def _leave(self) -> None:
        """Leave what was counted for the history, without loading what opens it."""
        from cde_orchestrator.infrastructure.monitoring.telemetry.spool import leave

        now, operations = self._clock(), self._meter.drain()
        if not leave(self._root / FOLDER, now.timestamp(), operations):
            from cde_orchestrator.infrastructure.monitoring.telemetry.records import Sample

            self._stored().add(Sample(now, operations))

    def _monitored(self) -> HealthMonitor:
        from cde_orchestrator.infrastructure.monitoring.health.monitor import HealthMonitor

        with self._making:
            if self._monitor is None:
                self._monitor = HealthMonitor(
                    self._root,
                    self._meter,
                    self._checks(),
                    store=self._stored(),
                    alerts=self._judged(),
                    clock=self._clock,
                )
            return self._monitor

    def _stored(self) -> TelemetryStore:
        from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore

        with self._making:
            if self._store is None:
                self._store = TelemetryStore(self._root, self._settings.telemetry_bytes)
            return self._store

    def _judged(self) -> AlertEngine:
        from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import Notifiers
        from cde_orchestrator.infrastructure.monitoring.alerts.engine import AlertEngine
        from cde_orchestrator.infrastructure.monitoring.alerts.rules import alert_rules

        with self._making:
            if self._alerts is None:
                self._notifiers = Notifiers(self._root, self._notified)
                self._alerts = AlertEngine(
                    alert_rules(self._settings), self._stored(), self._notifiers, self._clock
                )
            return self._alerts

    def _sampled(self) -> Sampler:
        from cde_orchestrator.infrastructure.monitoring.telemetry.sampler import Sampler

        with self._making:
            if self._sampler is None:
                self._sampler = Sampler(
                    self._meter, self._stored(), self._monitored, self._judged, clock=self._clock
                )
            return self._sampler
