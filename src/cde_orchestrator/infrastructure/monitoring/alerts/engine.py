"""The alerts of a project: judged by whichever of its processes looks, sent once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

from cde_orchestrator.application.ports.health import (
    AlertEvent,
    AlertState,
    AlertTestReply,
    AlertView,
)
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.monitoring.alerts import rules as alert_rules
from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import AlertDispatcher
from cde_orchestrator.infrastructure.monitoring.alerts.rules import AlertRule, shown_figure
from cde_orchestrator.infrastructure.monitoring.alerts.state import AlertStatus, transitions
from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
from cde_orchestrator.infrastructure.observability.operations import recent_operations

log = get_logger(__name__)

SENT = frozenset({"firing", "resolved"})
"""The states that are sent to the notifiers."""

TEST_RULE = AlertRule(
    name="test",
    title="Test alert",
    severity="warning",
    measure="test",
    unit="",
    message="This is a test of whether alerts arrive. Nothing is wrong.",
    expression="vector(0)",
)
_LEVELS: Mapping[AlertState, int] = {
    "inactive": logging.DEBUG,
    "pending": logging.INFO,
    "firing": logging.WARNING,
    "resolved": logging.INFO,
}


@dataclass(slots=True)
class AlertEngine:
    """Judges the alerts by the figures of now; safe among threads and processes."""

    rules: Sequence[AlertRule]
    store: AlertStore
    dispatcher: AlertDispatcher
    clock: Clock = utc_now
    measures: Mapping[str, float | None] = field(default_factory=dict, init=False)

    def evaluate(self, measures: Mapping[str, float | None]) -> list[AlertEvent]:
        """Judge the figures that are known; what happened to the alerts, which is sent once."""
        now = self.clock()
        self.measures = measures
        judge = partial(_judged, rules=self.rules, measures=measures, now=now)
        events = list(self.store.transition(judge))
        for event in events:
            rule = next(each for each in self.rules if each.name == event["name"])
            _log(event, _LEVELS[event["state"]], _context(rule))
            if event["state"] in SENT:
                self.dispatcher.send(event, rule.error_code)
        return events

    def views(self, measures: Mapping[str, float | None] | None = None) -> list[AlertView]:
        """Every alert as it is, with these figures, or with those that were judged last."""
        statuses = self.store.states()
        if measures is None:
            measures = self.measures
        return [
            _view(rule, statuses.get(rule.name, AlertStatus()), measures.get(rule.measure))
            for rule in self.rules
        ]

    def fire_test(self) -> AlertTestReply:
        """Let an alert on trial fire and be resolved, and wait until it was sent."""
        now = self.clock()
        fired = transitions(TEST_RULE, AlertStatus(), 1.0, now.timestamp())
        over = transitions(TEST_RULE, fired[-1], 0.0, now.timestamp())
        course = pairwise((AlertStatus(), *fired, *over))
        events = [_event(TEST_RULE, before, after, now) for before, after in course]
        self.store.note(events)
        for event in events:
            _log(event, logging.INFO, {})
        notices = self.dispatcher.send_now([each for each in events if each["state"] in SENT])
        return {"event": events[-1], "notices": notices}


def _judged(
    before: Mapping[str, AlertStatus],
    rules: Sequence[AlertRule],
    measures: Mapping[str, float | None],
    now: datetime,
) -> tuple[dict[str, AlertStatus], list[AlertEvent]]:
    changed: dict[str, AlertStatus] = {}
    events: list[AlertEvent] = []
    for rule in rules:
        status = before.get(rule.name, AlertStatus())
        for after in transitions(rule, status, measures.get(rule.measure), now.timestamp()):
            if after.state != status.state:
                events.append(_event(rule, status, after, now))
            changed[rule.name] = status = after
    return changed, events


def _event(rule: AlertRule, before: AlertStatus, status: AlertStatus, now: datetime) -> AlertEvent:
    message = rule.describe(status.figure)
    if status.state == "resolved":
        over = "No longer watched" if rule.off else "Back to normal"
        lasted = now.timestamp() - (before.since or now.timestamp())
        message = f"{over} after {lasted:.0f} s. When it fired: {rule.describe(before.figure)}"
    return {
        "at": now.isoformat(),
        "name": rule.name,
        "title": rule.title,
        "severity": rule.severity,
        "state": status.state,
        "figure": status.figure,
        "message": message,
    }


def _view(rule: AlertRule, status: AlertStatus, figure: float | None) -> AlertView:
    shown = status.figure if figure is None else figure
    since, message = status.since, rule.describe(shown)
    if status.state == "firing":
        message = rule.describe(status.figure)
        if rule.unit and shown != status.figure:
            message = f"{message} Now: {shown_figure(shown)} {rule.unit}."
    return {
        "name": rule.name,
        "title": rule.title,
        "severity": rule.severity,
        "state": status.state,
        "since": None if since is None else datetime.fromtimestamp(since, UTC).isoformat(),
        "figure": shown,
        "fired_figure": status.figure if status.state == "firing" else None,
        "threshold": rule.threshold,
        "unit": rule.unit,
        "message": message,
        "error_code": rule.error_code,
    }


def _context(rule: AlertRule) -> dict[str, object]:
    """The call of this process that may have to do with it."""
    recent = recent_operations()
    if rule.measure == alert_rules.ERROR_PERCENT:
        recent = [each for each in recent if each.error_code is not None]
    elif rule.measure == alert_rules.SLOWEST_MS:
        recent = sorted(recent, key=lambda each: each.duration_ms)
    else:
        recent = []
    if not recent:
        return {}
    last = recent[-1]
    return {"operation": last.name, "correlation_id": last.correlation_id}


def _log(event: AlertEvent, level: int, context: Mapping[str, object]) -> None:
    log.log(
        level,
        f"alert_{event['state']}",
        alert=event["name"],
        severity=event["severity"],
        figure=event["figure"],
        reason=event["message"],
        **context,
    )
