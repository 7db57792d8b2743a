"""How a project, and the process that works on it, are: for people, agents and machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cde_orchestrator import __version__
from cde_orchestrator.application.ports import health as port
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.monitoring.alerts import rules
from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import AlertDispatcher
from cde_orchestrator.infrastructure.monitoring.alerts.engine import AlertEngine
from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import Notifier
from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
from cde_orchestrator.infrastructure.monitoring.health.probes import Facts
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system.project_home import byproducts_folder
from cde_orchestrator.infrastructure.system.resource_usage import MB, process_memory_bytes

log = get_logger(__name__)

INTERVAL_SECONDS = 10.0
"""Between two samples."""
LATELY_SECONDS = 300.0
"""How far back the rates and latencies of ``metrics`` reach."""
SHARED_SECONDS = 2.0
"""How old facts may be that samples and the measures of alerts are made of."""
PHASES_SHOWN = 10
STOP_SECONDS = 2.0
"""How long the end of a process waits for a sample that is being taken."""
SEND_SECONDS = 2.0
"""How long the end of a process waits for alerts that are being sent."""


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
        self._check = facts
        self._clock = clock
        self._history = TelemetryStore(root, settings.telemetry_bytes)
        self._alerts = AlertStore(self._history)
        self._dispatcher = AlertDispatcher(root, notifiers)
        self._engine = AlertEngine(
            rules.alert_rules(settings), self._alerts, self._dispatcher, clock
        )
        self._mutex = threading.Lock()
        self._ending = threading.Event()
        self._sampler: threading.Thread | None = None
        self._checked: tuple[float, Facts] | None = None

    def get_status(self) -> port.HealthReply:
        """Everything checked now, and the last figures of all processes, written or not yet."""
        facts, recent = self._facts(), self._history.recent(LATELY_SECONDS, self._clock())
        views = self._engine.views()
        alerts = [each for each in views if each["state"] in {"pending", "firing"}]
        judged = {**facts.checks, "alerts": self._alert_probe(alerts)}
        checks = {name: verdict for name, (verdict, _) in judged.items()}
        return {
            "status": port.overall(checks),
            "version": __version__,
            "uptime_seconds": round(self._meter.uptime_seconds, 3),
            "checked_at": self._clock().isoformat(),
            "metrics": _metrics(facts, Sample.of((self._meter.undrained(), recent))),
            "checks": checks,
            "details": {name: found for name, (_, found) in judged.items()},
            "alerts": alerts,
        }

    def history(self, span: port.Span) -> port.HistoryReply:
        """What all processes of the project measured, those that ended too."""
        return self._history.history(span, self._clock())

    def alerts(self, limit: int = 50) -> port.AlertsReply:
        """The alerts, and the newest events of their past."""
        return {
            "alerts": self._engine.views(self._measures()),
            "history": self._alerts.events(limit),
        }

    def test_alert(self) -> port.AlertTestReply:
        """Fire an alert for real, resolve it, and notify everybody who is to be notified."""
        from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
        from cde_orchestrator.infrastructure.monitoring.alerts.personal import PersonalNotices

        reply = self._engine.fire_test()
        personal = PersonalNotices(self._root, BreakerRegistry())  # none rests when it is tried
        return {**reply, "notices": [*reply["notices"], *personal.try_out()]}

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in a format of Prometheus, as ``accept`` asks, and its media type."""
        from cde_orchestrator.infrastructure.monitoring.health.metrics import Observation, expose

        facts, now_ms = self._facts(), self._meter.undrained().whole().longest_ms
        slowest_ms = max(now_ms, self._engine.measures.get(rules.SLOWEST_MS) or 0.0)
        views = self._engine.views()
        return expose(Observation(facts, self._meter, views, slowest_ms), accept)

    def sample(self) -> None:
        """Add to the history what was measured, and judge the alerts by it; it never fails."""
        try:
            facts, memory_mb = self._facts(SHARED_SECONDS), process_memory_bytes() / MB
            now, sample = self._clock(), self._meter.drain()
            sample.memory_mb, sample.gauged_at = memory_mb, now.timestamp()
            sample.active_features, sample.disk_mb = facts.active_features, facts.disk_bytes / MB
            self._history.add(sample, now)
            self._engine.evaluate(self._measures())
        except Exception:
            log.exception("sample_failed")

    def watch(self, interval_seconds: float = INTERVAL_SECONDS) -> None:
        """Take samples from now on, in a thread, until it is closed, which is for good."""

        def work() -> None:
            while not self._ending.wait(interval_seconds):
                self.sample()

        with self._mutex:
            if self._sampler is None and not self._ending.is_set():
                self._sampler = threading.Thread(target=work, name="cde-sampler", daemon=True)
                self._sampler.start()

    def close(self) -> None:
        """Keep what was counted, and let alerts that are being sent arrive; never fails."""
        self._ending.set()
        with self._mutex:  # a sampler that is just made is not started yet
            sampler = self._sampler
        if sampler is not None:
            sampler.join(STOP_SECONDS)
        now = self._clock()
        if not self._meter.leave(byproducts_folder(self._root), now):
            self._history.add(self._meter.drain(), now)
        self._dispatcher.close(SEND_SECONDS)

    def _measures(self) -> dict[str, float | None]:
        """What the rules of the alerts watch, by name."""
        facts, now = self._facts(SHARED_SECONDS), self._clock()
        errors = self._history.recent(rules.ERROR_WINDOW_SECONDS, now).whole()
        slow = self._history.recent(rules.SLOW_WINDOW_SECONDS, now).whole()
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

    def _alert_probe(self, alerts: list[port.AlertView]) -> port.Probe:
        """What fires; what fired when the last server ended is not known to do so any longer."""
        firing = [alert for alert in alerts if alert["state"] == "firing"]
        names = ", ".join(alert["name"] for alert in firing or alerts)
        if not firing:
            message = f"None is firing; pending: {names}." if names else "No alert is firing."
            return "ok", port.detail(message, figure=0.0, unit="firing", threshold=0.0)
        if not self._history.is_watched(self._clock()):
            return "ok", port.detail(
                f"No server checks them now; at the last check, {names} fired."
            )
        worst = min(firing, key=lambda alert: alert["severity"])  # critical comes before warning
        return worst["severity"], port.detail(
            " ".join(alert["message"] for alert in firing),
            figure=float(len(firing)),
            unit="firing",
            threshold=0.0,
            error_code=worst["error_code"],
            context={"project_path": str(self._root)},
        )


def _metrics(facts: Facts, lately: Sample) -> port.HealthMetrics:
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
        "refusals_by_phase": dict(whole.phases.most_common(PHASES_SHOWN)),
        "operations_per_second": round(whole.calls / LATELY_SECONDS, 3),
        "average_ms": round(together["average_ms"], 3),
        "p50_ms": round(together["p50_ms"], 3),
        "p95_ms": round(together["p95_ms"], 3),
        "p99_ms": round(together["p99_ms"], 3),
        "operations": operations,
    }


def _mb(amount: int) -> float:
    return round(amount / MB, 3)
