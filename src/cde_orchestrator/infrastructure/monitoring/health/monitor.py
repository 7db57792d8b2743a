"""How a project, and the process that works on it, are: for people, agents and machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from cde_orchestrator import __version__
from cde_orchestrator.application.ports.health import (
    AlertsReply,
    AlertTestReply,
    AlertView,
    HealthMetrics,
    HealthReply,
    HistoryReply,
    Probe,
    Span,
    detail,
    overall,
)
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.infrastructure.monitoring.telemetry import spool
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system.resource_usage import MB, process_memory_bytes

if TYPE_CHECKING:
    from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import AlertDispatcher
    from cde_orchestrator.infrastructure.monitoring.alerts.engine import AlertEngine
    from cde_orchestrator.infrastructure.monitoring.alerts.notifier import Notifier
    from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
    from cde_orchestrator.infrastructure.monitoring.health.probes import Facts
    from cde_orchestrator.infrastructure.monitoring.telemetry.sampler import Sampler
    from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore

log = structlog.get_logger(__name__)

LATELY_SECONDS = 300.0
"""How far back the rates and latencies of ``metrics`` reach."""
SHARED_SECONDS = 2.0
"""How old facts may be that samples and the measures of alerts are made of."""
SEND_SECONDS = 2.0
"""How long the end of a process waits for alerts that are being sent."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is made when health is asked for first: most commands never ask."""

    history: TelemetryStore
    alerts: AlertStore
    dispatcher: AlertDispatcher
    engine: AlertEngine


class HealthMonitor:
    """The health of a project and of this process; no method fails for what it finds.

    Args:
        root: the project's folder.
        meter: counts the operations of this process.
        settings: the project's.
        facts: checks the project.
        notifiers: gives those that alerts are sent to.
        clock: where the time comes from.
    """

    def __init__(
        self,
        root: Path,
        meter: OperationMeter,
        settings: Settings,
        facts: Callable[[], Facts],
        *,
        notifiers: Callable[[], Sequence[Notifier]] = tuple,
        clock: Clock = utc_now,
    ) -> None:
        self._root = root
        self._meter = meter
        self._settings = settings
        self._check = facts
        self._notifiers = notifiers
        self._clock = clock
        self._mutex = threading.Lock()
        self._made: _Parts | None = None
        self._sampler: Sampler | None = None
        self._checked: tuple[float, Facts] | None = None

    def get_status(self) -> HealthReply:
        """Everything checked now."""
        facts = self._facts()
        views = self._parts.engine.views()
        alerts = [each for each in views if each["state"] in {"pending", "firing"}]
        judged = {**facts.checks, "alerts": self._alert_probe(alerts)}
        checks = {name: verdict for name, (verdict, _) in judged.items()}
        return {
            "status": overall(checks),
            "version": __version__,
            "uptime_seconds": round(self._meter.uptime_seconds, 3),
            "checked_at": self._clock().isoformat(),
            "metrics": _metrics(facts, self._lately()),
            "checks": checks,
            "details": {name: found for name, (_, found) in judged.items()},
            "alerts": alerts,
        }

    def history(self, span: Span) -> HistoryReply:
        """What all processes of the project measured, those that ended too."""
        return self._parts.history.history(span, self._clock())

    def alerts(self, limit: int = 50) -> AlertsReply:
        """The alerts, and the newest events of their past."""
        parts = self._parts
        return {
            "alerts": parts.engine.views(self._measures()),
            "history": parts.alerts.events(limit),
        }

    def test_alert(self) -> AlertTestReply:
        """Fire an alert for real, resolve it, and notify everybody who is to be notified."""
        return self._parts.engine.fire_test()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in a format of Prometheus, as ``accept`` asks, and its media type."""
        from cde_orchestrator.infrastructure.monitoring.health.metrics import Observation, expose

        operations, lock_waits = self._meter.totals()
        observation = Observation(
            facts=self._facts(),
            operations=operations,
            lock_waits=lock_waits,
            alerts=self._parts.engine.views(),
            process_memory_bytes=process_memory_bytes(),
            uptime_seconds=self._meter.uptime_seconds,
        )
        return expose(observation, accept)

    def sample(self) -> None:
        """Add to the history what was measured, and judge the alerts by it; it never fails."""
        try:
            facts, memory_mb = self._facts(SHARED_SECONDS), process_memory_bytes() / MB
            parts, now = self._parts, self._clock()
            sample = Sample(
                self._meter.drain(),
                memory_mb,
                gauged_at=now.timestamp(),
                active_features=facts.active_features,
                disk_mb=facts.disk_bytes / MB,
            )
            parts.history.add(sample, now)
            parts.engine.evaluate(self._measures())
        except Exception:
            log.exception("sample_failed")

    def watch(self) -> None:
        """Take samples from now on, in a thread, until it is closed."""
        from cde_orchestrator.infrastructure.monitoring.telemetry.sampler import Sampler

        with self._mutex:
            if self._sampler is None:
                self._sampler = Sampler(self.sample)

    def close(self) -> None:
        """Keep what was counted, and let alerts that are being sent arrive; never fails."""
        if self._sampler is not None:
            self._sampler.stop()
            self._sampler = None
        if self._meter.has_undrained:
            now, operations = self._clock(), self._meter.drain()
            # Without loading what opens the history, which costs a command more than its end.
            if not spool.leave(self._root / FOLDER, now.timestamp(), operations):
                self._parts.history.add(Sample(operations), now)
        if self._made is not None:
            self._made.dispatcher.close(SEND_SECONDS)

    @property
    def _parts(self) -> _Parts:
        from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import AlertDispatcher
        from cde_orchestrator.infrastructure.monitoring.alerts.engine import AlertEngine
        from cde_orchestrator.infrastructure.monitoring.alerts.rules import alert_rules
        from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
        from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore

        with self._mutex:
            if self._made is None:
                history = TelemetryStore(self._root, self._settings.telemetry_bytes)
                alerts = AlertStore(history)
                dispatcher = AlertDispatcher(self._root, self._notifiers)
                rules = alert_rules(self._settings)
                engine = AlertEngine(rules, alerts, dispatcher, self._clock)
                self._made = _Parts(history, alerts, dispatcher, engine)
            return self._made

    def _measures(self) -> dict[str, float | None]:
        """What the rules of the alerts watch, by name."""
        from cde_orchestrator.infrastructure.monitoring.alerts import rules

        facts, history, now = self._facts(SHARED_SECONDS), self._parts.history, self._clock()
        errors = history.recent(rules.ERROR_WINDOW_SECONDS, now).whole()
        slow = history.recent(rules.SLOW_WINDOW_SECONDS, now).whole()
        return {
            rules.DISK_FREE_MB: facts.disk_free_bytes / MB,
            rules.MEMORY_PERCENT: facts.memory_percent,
            rules.READ_ONLY: float(facts.read_only),
            rules.BREAKERS_OPEN: float(sum(b["state"] == "open" for b in facts.breakers)),
            rules.RECOVERIES: float(facts.recoveries),
            rules.BACKUP_AGE_HOURS: (facts.state.backup_age_seconds or 0.0) / 3600,
            rules.CLAIMS_EXPIRED: float(facts.claims_expired),
            rules.ERROR_PERCENT: 100 * errors.error_rate(rules.ERROR_LEAST_CALLS),
            rules.SLOWEST_MS: slow.longest_ms,
        }

    def _facts(self, oldest_seconds: float = 0.0) -> Facts:
        """Facts that are no older; whoever comes while somebody checks has to check too."""
        checked = self._checked
        if checked is not None and time.monotonic() - checked[0] < oldest_seconds:
            return checked[1]
        facts = self._check()
        self._checked = (time.monotonic(), facts)
        return facts

    def _lately(self) -> Sample:
        """The last five minutes of all processes, and what this one has not written yet."""
        lately = Sample(self._meter.undrained())
        lately.merge(self._parts.history.recent(LATELY_SECONDS, self._clock()))
        return lately

    def _alert_probe(self, alerts: list[AlertView]) -> Probe:
        """What fires; what fired when the last server ended is not known to do so any longer."""
        firing = [alert for alert in alerts if alert["state"] == "firing"]
        names = ", ".join(alert["name"] for alert in firing or alerts)
        if not firing:
            message = f"None is firing; pending: {names}." if names else "No alert is firing."
            return "ok", detail(message, figure=0.0, unit="firing", threshold=0.0)
        if not self._parts.history.is_watched(self._clock()):
            return "ok", detail(f"No server checks them now; at the last check, {names} fired.")
        worst = min(firing, key=lambda alert: alert["severity"])  # critical comes before warning
        return worst["severity"], detail(
            " ".join(alert["message"] for alert in firing),
            figure=float(len(firing)),
            unit="firing",
            threshold=0.0,
            error_code=worst["error_code"],
        )


def _metrics(facts: Facts, lately: Sample) -> HealthMetrics:
    whole = lately.whole()
    together = whole.figures("")
    operations = [each.figures(name) for name, each in sorted(lately.operations.items())]
    return {
        "memory_mb": _mb(process_memory_bytes()),
        "memory_percent": round(facts.memory_percent, 1),
        "disk_mb": _mb(facts.disk_bytes),
        "state_mb": _mb(facts.state.state_bytes),
        "disk_free_mb": _mb(facts.disk_free_bytes),
        "active_features": facts.active_features,
        "error_rate": round(whole.error_rate(), 6),
        "refusal_rate": round(whole.refusal_rate(), 6),
        "operations_per_second": round(whole.calls / LATELY_SECONDS, 3),
        "average_ms": round(together["average_ms"], 3),
        "p50_ms": round(together["p50_ms"], 3),
        "p95_ms": round(together["p95_ms"], 3),
        "p99_ms": round(together["p99_ms"], 3),
        "operations": operations,
    }


def _mb(amount: int) -> float:
    return round(amount / MB, 3)
