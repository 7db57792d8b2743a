"""How a project, and the process that works on it, are: for people, agents and machines."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cde_orchestrator import __version__
from cde_orchestrator.application.ports.health import (
    AlertEvent,
    AlertsReply,
    AlertTestReply,
    AlertView,
    HealthMetrics,
    HealthReply,
    HistoryReply,
    NoHealth,
    Probe,
    Span,
    detail,
    overall,
)
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.infrastructure.monitoring.alerts import rules
from cde_orchestrator.infrastructure.monitoring.health.checks import MB, Facts, ProjectChecks
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.monitoring.telemetry.records import (
    OperationStep,
    Sample,
    Step,
)
from cde_orchestrator.infrastructure.system.resource_usage import process_memory_bytes

LATELY_SECONDS = 300.0
"""How far back the rates and latencies of ``metrics`` reach."""
SHARED_SECONDS = 2.0
"""How old facts may be that the sampler's figures and measures are made of."""


class Lastly(Protocol):
    """What all processes of the project did in the last seconds."""

    @property
    def operations(self) -> Mapping[str, OperationStep]:
        """The operations by name."""
        ...

    @property
    def slowest_ms(self) -> float:
        """How long the slowest operation took; 0 without any."""
        ...

    def error_percent(self, least_calls: int = 1) -> float:
        """Of 100 operations those that failed; 0 of too few to tell."""
        ...


class History(Protocol):
    """What all processes of the project measured."""

    def history(self, span: Span, now: datetime) -> HistoryReply:
        """The figures of a span of time."""
        ...

    def is_watched(self, now: datetime) -> bool:
        """Whether a server has measured lately, and judged the alerts by it."""
        ...

    def recent(self, seconds: float, now: datetime) -> Lastly:
        """The operations of the last seconds."""
        ...


class Alerts(Protocol):
    """Knows the alerts of the project."""

    def views(self, measures: Mapping[str, float | None] | None = None) -> list[AlertView]:
        """All of them, as they stand, with these figures or those that were judged last."""
        ...

    def history(self, limit: int) -> list[AlertEvent]:
        """What happened, newest first."""
        ...

    def fire_test(self) -> AlertTestReply:
        """Fire one for real, and resolve it."""
        ...


@dataclass(frozen=True, slots=True)
class Gauges:
    """What a sample of the history holds besides operations."""

    memory_mb: float
    active_features: int
    disk_mb: float


class HealthMonitor:
    """Tells how a project and this process are; no method fails for what it finds.

    ``Monitoring`` gives it as the port ``Health``.

    Args:
        root: the project's folder.
        meter: counts the operations of this process.
        checks: looks at the project.
        store: the history of all processes; None where there is none.
        alerts: None where nobody watches.
        clock: where the time comes from.
    """

    def __init__(
        self,
        root: Path,
        meter: OperationMeter,
        checks: ProjectChecks,
        *,
        store: History | None = None,
        alerts: Alerts | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.root = root
        self._meter = meter
        self._checks = checks
        self._store = store
        self._alerts = alerts
        self._clock = clock
        self._mutex = threading.Lock()
        self._facts: tuple[float, Facts] | None = None

    def get_status(self) -> HealthReply:
        """Everything checked now."""
        facts = self._look()
        alerts = [a for a in self._alert_views() if a["state"] in {"pending", "firing"}]
        judged = {**facts.checks, "alerts": self._alert_probe(alerts)}
        checks = {name: verdict for name, (verdict, _) in judged.items()}
        return {
            "status": overall(checks),
            "version": __version__,
            "uptime_seconds": round(self._meter.uptime_seconds, 3),
            "checked_at": self._clock().isoformat(),
            "metrics": _metrics(facts, self._lately()),
            "checks": checks,
            "details": {name: told for name, (_, told) in judged.items()},
            "alerts": alerts,
        }

    def history(self, span: Span) -> HistoryReply:
        """What all processes of the project measured, those that ended too."""
        if self._store is None:
            return NoHealth().history(span)
        return self._store.history(span, self._clock())

    def alerts(self, limit: int = 50) -> AlertsReply:
        """The alerts, and the newest events of their past."""
        if self._alerts is None:
            return NoHealth().alerts(limit)
        return {
            "alerts": self._alerts.views(self.measures()),
            "history": self._alerts.history(limit),
        }

    def test_alert(self) -> AlertTestReply:
        """Fire an alert for real, resolve it, and tell everybody who is to be told."""
        return NoHealth().test_alert() if self._alerts is None else self._alerts.fire_test()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in a format of Prometheus, as ``accept`` asks, and its media type."""
        from cde_orchestrator.infrastructure.monitoring.metrics import Observation, expose

        operations, lock_waits = self._meter.totals()
        observation = Observation(
            facts=self._look(),
            operations=operations,
            lock_waits=lock_waits,
            alerts=self._alert_views(),
            process_memory_bytes=process_memory_bytes(),
            uptime_seconds=self._meter.uptime_seconds,
        )
        return expose(observation, accept)

    def gauges(self) -> Gauges:
        """The figures that the history keeps, at most two seconds old."""
        facts = self._look(SHARED_SECONDS)
        return Gauges(
            memory_mb=process_memory_bytes() / MB,
            active_features=facts.active_features,
            disk_mb=facts.disk_bytes / MB,
        )

    def measures(self) -> dict[str, float | None]:
        """What the rules of the alerts watch, by name; None where it is not known."""
        facts = self._look(SHARED_SECONDS)
        measures: dict[str, float | None] = {
            rules.DISK_FREE_MB: facts.disk_free_bytes / MB,
            rules.MEMORY_PERCENT: facts.memory_percent,
            rules.READ_ONLY: float(facts.read_only),
            rules.BREAKERS_OPEN: float(sum(b["state"] == "open" for b in facts.breakers)),
            rules.RECOVERIES: float(facts.recoveries),
            rules.BACKUP_AGE_HOURS: facts.backup_age_seconds / 3600,
            rules.CLAIMS_EXPIRED: float(facts.claims_expired),
            rules.ERROR_PERCENT: None,
            rules.SLOWEST_MS: None,
        }
        if self._store is not None:
            now = self._clock()
            errors = self._store.recent(rules.ERROR_WINDOW_SECONDS, now)
            slow = self._store.recent(rules.SLOW_WINDOW_SECONDS, now)
            measures[rules.ERROR_PERCENT] = errors.error_percent(rules.ERROR_LEAST_CALLS)
            measures[rules.SLOWEST_MS] = slow.slowest_ms
        return measures

    def _look(self, oldest_seconds: float = 0.0) -> Facts:
        """Facts that are no older; whoever comes while somebody looks has to look itself."""
        with self._mutex:
            if self._facts is not None and time.monotonic() - self._facts[0] < oldest_seconds:
                return self._facts[1]
        facts = self._checks.look()
        with self._mutex:
            self._facts = (time.monotonic(), facts)
        return facts

    def _lately(self) -> Step:
        """The last five minutes of all processes, and what this one has not written yet."""
        now = self._clock()
        lately = Step.of(Sample(now, self._meter.undrained()))
        if self._store is not None:
            written = self._store.recent(LATELY_SECONDS, now)
            lately.merge(Step(dict(written.operations)))
        return lately

    def _alert_probe(self, alerts: list[AlertView]) -> Probe:
        """What fires; what fired when the last server ended is not known to do so any longer."""
        firing = [alert for alert in alerts if alert["state"] == "firing"]
        if not firing or self._store is None or self._store.is_watched(self._clock()):
            return _alert_probe(alerts)
        names = ", ".join(alert["name"] for alert in firing)
        return "ok", detail(f"No server judges them now; when one last did, {names} fired.")

    def _alert_views(self) -> list[AlertView]:
        return [] if self._alerts is None else self._alerts.views()


def get_health_status(root: Path | None = None) -> HealthReply:
    """How the project is that this process works on; never fails for what it finds.

    Args:
        root: the project's folder. Where the process works on none, or on another one, the
            nearest project from there upwards; None is the current folder.
    """
    # The one place where something below the composition root has to ask it.
    reply: HealthReply = importlib.import_module("cde_orchestrator.bootstrap").health_of(root)
    return reply


def _alert_probe(alerts: list[AlertView]) -> Probe:
    firing = [alert for alert in alerts if alert["state"] == "firing"]
    if not firing:
        pending = ", ".join(alert["name"] for alert in alerts)
        message = f"None is firing; pending: {pending}." if pending else "No alert is firing."
        return "ok", detail(message, figure=0.0, unit="firing", threshold=0.0)
    worst = min(firing, key=lambda alert: alert["severity"])  # critical comes before warning
    told = detail(
        " ".join(alert["message"] for alert in firing),
        figure=float(len(firing)),
        unit="firing",
        threshold=0.0,
        error_code=worst["error_code"],
    )
    return worst["severity"], told


def _metrics(facts: Facts, lately: Step) -> HealthMetrics:
    together = lately.whole().figures("")
    operations = [each.figures(name) for name, each in sorted(lately.operations.items())]
    return {
        "memory_mb": _mb(process_memory_bytes()),
        "memory_percent": round(facts.memory_percent, 1),
        "disk_mb": _mb(facts.disk_bytes),
        "state_mb": _mb(facts.state_bytes),
        "disk_free_mb": _mb(facts.disk_free_bytes),
        "active_features": facts.active_features,
        "error_rate": round(lately.errors / lately.calls, 6) if lately.calls else 0.0,
        "refusal_rate": round(lately.refusals / lately.calls, 6) if lately.calls else 0.0,
        "operations_per_second": round(lately.calls / LATELY_SECONDS, 3),
        "average_ms": round(together["average_ms"], 3),
        "p50_ms": round(together["p50_ms"], 3),
        "p95_ms": round(together["p95_ms"], 3),
        "p99_ms": round(together["p99_ms"], 3),
        "operations": operations,
    }


def _mb(amount: int) -> float:
    return round(amount / MB, 3)
