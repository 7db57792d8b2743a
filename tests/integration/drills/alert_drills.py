"""Drills of what alerts are about, and of alerts that reach nobody."""

from __future__ import annotations

from functools import partial

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.infrastructure.monitoring.alerts import rules as alert_rules
from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import AlertDispatcher
from cde_orchestrator.infrastructure.monitoring.alerts.engine import AlertEngine
from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore
from cde_orchestrator.infrastructure.settings.settings import Settings
from tests.integration.drills.stage import Stage, drill
from tests.receiver import receiving

AT_ONCE = Settings(
    alert_error_hold_seconds=0.0,
    alert_slow_hold_seconds=0.0,
    alert_event_hold_seconds=0.0,
    alert_clear_seconds=0.0,
)


async def proved(stage: Stage, measure: str, figure: float, *, names: str | None = None) -> None:
    """A server finds a figure that is too bad; the doctor tells of it until it is fine again."""
    store = TelemetryStore(stage.root)
    rules = alert_rules.alert_rules(AT_ONCE)
    engine = AlertEngine(rules, AlertStore(store), AlertDispatcher(stage.root, list))

    def measured(found: float) -> None:
        now = utc_now()
        store.add(Sample({}, 70.0, now.timestamp(), active_features=1, disk_mb=0.1), now)
        engine.evaluate({measure: found})

    measured(figure)
    await stage.prove(stage.finding, names=names, by_hand=partial(measured, 0.0))


@drill("E925")
async def operations_that_fail(stage: Stage) -> None:
    await proved(stage, alert_rules.ERROR_PERCENT, 40.0)


@drill("E926")
async def operations_that_are_slow(stage: Stage) -> None:
    await proved(stage, alert_rules.SLOWEST_MS, 3_000.0)


@drill("E927")
async def changes_in_no_backup(stage: Stage) -> None:
    await proved(stage, alert_rules.BACKUP_AGE_HOURS, 50.0)


@drill("E928")
async def an_agent_that_went_away(stage: Stage) -> None:
    await proved(stage, alert_rules.CLAIMS_EXPIRED, 1.0, names="login")


@drill("E929")
async def an_alert_for_a_receiver_that_is_gone(stage: Stage) -> None:
    def send_to(address: str) -> None:
        stage.environment |= {"CDE_ALERT_WEBHOOK_URL": address, "NO_PROXY": "*", "no_proxy": "*"}

    with receiving() as receiver:
        gone = receiver.address
    send_to(gone)
    with receiving() as receiver:
        await stage.prove(
            lambda: stage.json_command("alerts", "test", "--project", str(stage.root)),
            names="alert_webhook_url",
            by_hand=lambda: send_to(receiver.address),
        )
        states = [each["alert"]["state"] for each in receiver.received]
    assert states == ["firing", "resolved"]
