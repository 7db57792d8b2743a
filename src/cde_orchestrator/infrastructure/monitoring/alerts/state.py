"""How an alert goes from one state to the next: no clock, no storage, no telling."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from cde_orchestrator.application.ports.health import AlertState
from cde_orchestrator.infrastructure.monitoring.alerts.rules import AlertRule

GAP_SECONDS = 60.0
"""When nobody looked for longer, nobody knows that a breach, or its end, went on meanwhile."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an alert stands; times are seconds since the epoch.

    Attributes:
        since: when it took its state.
        clearing_since: since when the figure of a firing alert has been fine.
        seen: when a hold that is running was looked at last.
        figure: when it took its state.
    """

    state: AlertState = "inactive"
    since: float | None = None
    clearing_since: float | None = None
    seen: float | None = None
    figure: float | None = None


def course(rule: AlertRule, standing: Standing, figure: float | None, now: float) -> list[Standing]:
    """The standings that follow, in order; empty where nothing changes.

    Breached, an alert is pending; when the breach has lasted, it fires; when its figure has
    been fine for long enough, it is resolved. Where nothing has to last, several follow at once.

    Args:
        rule: what it is about.
        standing: how it stands.
        figure: None where it is not known: then nothing fires, and what fires goes on.
        now: seconds since the epoch.
    """
    if figure is not None and math.isnan(figure):
        figure = None
    if standing.state == "firing":
        return _while_firing(rule, standing, figure, now)
    if rule.off or figure is None or not rule.is_breached(figure):
        return [Standing("inactive", now)] if standing.state == "pending" else []
    if standing.state != "pending":
        pending = Standing("pending", now, seen=now, figure=figure)
        return [pending, *_while_pending(rule, pending, figure, now)]
    return _while_pending(rule, standing, figure, now)


def _while_pending(
    rule: AlertRule, standing: Standing, figure: float, now: float
) -> list[Standing]:
    since = _went_on(standing.since, standing.seen, now)
    if now - since >= rule.hold_seconds:
        return [Standing("firing", now, figure=figure)]
    seen = replace(standing, since=since, seen=now)
    return [] if seen == standing else [seen]


def _while_firing(
    rule: AlertRule, standing: Standing, figure: float | None, now: float
) -> list[Standing]:
    if rule.off:
        return [Standing("resolved", now, figure=figure)]
    if figure is None:
        return []
    if not rule.is_clear(figure):
        still = replace(standing, clearing_since=None, seen=None)
        return [] if still == standing else [still]
    since = _went_on(standing.clearing_since, standing.seen, now)
    if now - since >= rule.clear_seconds:
        return [Standing("resolved", now, figure=figure)]
    seen = replace(standing, clearing_since=since, seen=now)
    return [] if seen == standing else [seen]


def _went_on(since: float | None, seen: float | None, now: float) -> float:
    """Since when something has lasted: since now where it may have been interrupted."""
    if since is None or seen is None or not 0 <= now - seen <= GAP_SECONDS or since > now:
        return now
    return since
