"""How an alert goes from one state to the next: no clock, no storage, no notifying."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from cde_orchestrator.application.ports.health import AlertState
from cde_orchestrator.infrastructure.monitoring.alerts.rules import AlertRule

GAP_SECONDS = 60.0
"""When nobody checked for longer, nobody knows that a breach, or its end, went on meanwhile."""


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """The status of an alert; times are seconds since the epoch.

    Attributes:
        since: when it took its state.
        clearing_since: since when the figure of a firing alert has been fine.
        seen: when a hold that is running was checked last.
        figure: when it took its state.
    """

    state: AlertState = "inactive"
    since: float | None = None
    clearing_since: float | None = None
    seen: float | None = None
    figure: float | None = None


def transitions(
    rule: AlertRule, status: AlertStatus, figure: float | None, now: float
) -> list[AlertStatus]:
    """The statuses that follow, in order; empty where nothing changes.

    Breached, an alert is pending; when the breach has lasted, it fires; when its figure has
    been fine for long enough, it is resolved. Where nothing has to last, several follow at once.
    Where the figure is not known, nothing fires, and what fires goes on.
    """
    if figure is not None and math.isnan(figure):
        figure = None
    found = [status]
    if status.state == "firing":
        found.append(_while_firing(rule, status, figure, now))
    elif figure is not None and not rule.off and rule.is_breached(figure):
        if status.state != "pending":
            found.append(AlertStatus("pending", now, seen=now, figure=figure))
        found.append(_while_pending(rule, found[-1], figure, now))
    elif status.state == "pending":
        found.append(AlertStatus("inactive", now))
    return [after for before, after in pairwise(found) if after != before]


def _while_pending(rule: AlertRule, status: AlertStatus, figure: float, now: float) -> AlertStatus:
    since = _went_on(status.since, status.seen, now)
    if now - since >= rule.hold_seconds:
        return AlertStatus("firing", now, figure=figure)
    return replace(status, since=since, seen=now)


def _while_firing(
    rule: AlertRule, status: AlertStatus, figure: float | None, now: float
) -> AlertStatus:
    if rule.off:
        return AlertStatus("resolved", now, figure=figure)
    if figure is None:
        return status
    if not rule.is_clear(figure):
        return replace(status, clearing_since=None, seen=None)
    since = _went_on(status.clearing_since, status.seen, now)
    if now - since >= rule.clear_seconds:
        return AlertStatus("resolved", now, figure=figure)
    return replace(status, clearing_since=since, seen=now)


def _went_on(since: float | None, seen: float | None, now: float) -> float:
    """Since when something has lasted: since now where it may have been interrupted."""
    if since is None or seen is None or not 0 <= now - seen <= GAP_SECONDS or since > now:
        return now
    return since
