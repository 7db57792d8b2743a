"""How the project's operations go: what the page of operations shows, in one answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.logs.error_reports import ListErrorReports
from cde_orchestrator.application.monitoring.alert_episodes import AlertEpisode, episodes
from cde_orchestrator.application.monitoring.glance import Glance, glance_at
from cde_orchestrator.application.ports.breakers import Breakers, BreakerView
from cde_orchestrator.application.ports.core import ErrorReports
from cde_orchestrator.application.ports.health import (
    Health,
    HistoryReply,
    OperationFigures,
    Point,
    Span,
    slowest,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import ValidationError

SPANS: tuple[Span, ...] = ("hour", "day", "week")
SLOWEST = 8
ERRORS = 12
ALERT_EVENTS = 20
LATELY_STEPS = 5
"""Steps of the last hour that count as now; each is a minute."""


class Lately(TypedDict):
    """The last minutes of all processes of the project; None where nothing ran."""

    operations_per_second: float
    error_rate: float | None
    refusal_rate: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class OperationsReply(Glance):
    """The project's operations; ``slowest`` are the span's."""

    lately: Lately
    history: HistoryReply
    slowest: list[OperationFigures]
    breakers: list[BreakerView]
    episodes: list[AlertEpisode]
    errors: list[dict[str, Any]]


class ShowOperations(
    UseCase[OperationsReply], operation="show_operations", tolerant=True, routine=True
):
    """Everything that the page of operations shows, be the project readable or not.

    Attributes:
        span: ``hour``, ``day`` or ``week``: how far the charts reach back.
    """

    span: str = "hour"

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        reports: ErrorReports,
        breakers: Breakers,
        health: Health,
    ) -> OperationsReply:
        """Raises E305 where there is no such span."""
        span = _span(self.span)
        glance, _ = glance_at(features, reports, breakers, health, ALERT_EVENTS)
        history = health.history(span)
        recent = history if span == "hour" else health.history("hour")
        return {
            **glance,
            "lately": _lately(recent["points"], recent["step_seconds"]),
            "history": {**history, "operations": []},
            "slowest": slowest(history["operations"], SLOWEST),
            "breakers": [*breakers.views()],
            "episodes": episodes(glance["alerts"]["history"]),
            "errors": _errors(features.root, reports),
        }


def _span(name: str) -> Span:
    for span in SPANS:
        if span == name:
            return span
    reason = f"it is {name!r}, not one of {', '.join(SPANS)}"
    raise ValidationError.of("E305", argument="span", reason=reason)


def _errors(root: Path, reports: ErrorReports) -> list[dict[str, Any]]:
    found = ListErrorReports(limit=ERRORS)(root=root, reports=reports)["reports"]
    for report in found:
        entry = ERROR_MESSAGES.get(report["code"])
        report["title"] = entry.title if entry else ""
        report["severity"] = str(entry.severity) if entry else ""
    return found


def _lately(points: Sequence[Point], step_seconds: int) -> Lately:
    """The newest steps together; latencies are those of the newest one in which anything ran."""
    newest = points[-LATELY_STEPS:]
    calls = sum(each["operations"] for each in newest)
    last = next((each for each in reversed(newest) if each["operations"]), None)
    return {
        "operations_per_second": calls / (LATELY_STEPS * step_seconds),
        "error_rate": sum(each["errors"] for each in newest) / calls if calls else None,
        "refusal_rate": sum(each["refusals"] for each in newest) / calls if calls else None,
        "p50_ms": last["p50_ms"] if last else None,
        "p95_ms": last["p95_ms"] if last else None,
        "p99_ms": last["p99_ms"] if last else None,
    }
