"""Everything that the dashboard shows, in one answer, and what tells that it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, cast

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.logs.error_reports import ListErrorReports
from cde_orchestrator.application.monitoring.project_board import Board, board_of
from cde_orchestrator.application.monitoring.show_breakers import ListBreakers
from cde_orchestrator.application.ports.breakers import BreakerView
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.ports.health import (
    AlertsReply,
    HealthReply,
    HistoryReply,
    OperationFigures,
    Point,
    Span,
    slowest,
)
from cde_orchestrator.application.state.recover_state import ListChanges
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureDetailReply, ProjectView, project_view
from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.domain.errors.formatter import ErrorFormatter, ErrorPayload, fill_fix
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.errors.template import fill, placeholders
from cde_orchestrator.domain.exceptions import CDEError, ValidationError

SPANS: tuple[Span, ...] = ("hour", "day", "week")
SLOWEST = 8
ERRORS = 12
ALERT_EVENTS = 20
LATELY_STEPS = 5
"""Steps of the last hour that count as now; each is a minute."""
CHANGES = 100
"""How many changes a feature's timeline tells."""


class Advice(TypedDict):
    """What the catalogue says to do about a code."""

    code: str
    title: str
    suggestions: list[str]
    commands: list[str]


class Lately(TypedDict):
    """The last minutes of all processes of the project; None where nothing ran."""

    operations_per_second: float
    error_rate: float | None
    refusal_rate: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class DashboardReply(TypedDict):
    """The project at a glance.

    ``board`` is None where the project cannot be read, and ``problem`` tells why; ``advice``
    is by code, for every code that a check, or an alert that stirred, names; ``slowest``
    are the span's.
    """

    at: str
    mark: str
    root: str
    project: ProjectView | None
    problem: ErrorPayload | None
    health: HealthReply
    advice: dict[str, Advice]
    board: Board | None
    lately: Lately
    history: HistoryReply
    slowest: list[OperationFigures]
    breakers: list[BreakerView]
    alerts: AlertsReply
    errors: list[dict[str, Any]]


class FeaturePageReply(TypedDict):
    """A feature with everything that is known of it, and its changes, newest first.

    ``changes`` are None where the asker has them already.
    """

    at: str
    status: FeatureDetailReply
    changes: list[dict[str, Any]] | None


class PulseReply(TypedDict):
    """A word that is another one as soon as there is something new to show."""

    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDashboard(UseCase[DashboardReply]):
    """Everything that the dashboard shows.

    Attributes:
        span: ``hour``, ``day`` or ``week``: how far the charts reach back.
    """

    tolerant = True
    routine = True

    span: str = "hour"

    def __call__(self, ports: Ports) -> DashboardReply:
        """Gather it; a project that cannot be read is told, and does not fail the answer.

        Raises:
            ValidationError: E305, there is no such span.
        """
        span = _span(self.span)
        project, board, problem = None, None, None
        try:
            found = ports.repository.get(ports.root)
            project, board = project_view(found, ports), board_of(found, ports)
        except CDEError as error:
            error.context.setdefault("project_path", str(ports.root))
            problem = ErrorFormatter.payload(error)
        health = ports.health.get_status()
        history = ports.health.history(span)
        recent = history if span == "hour" else ports.health.history("hour")
        alerts = ports.health.alerts(ALERT_EVENTS)
        return {
            "at": ports.clock().isoformat(),
            "mark": _mark(ports),
            "root": str(ports.root),
            "project": project,
            "problem": problem,
            "health": health,
            "advice": _advice(health, alerts, ports),
            "board": board,
            "lately": _lately(recent["points"], recent["step_seconds"]),
            "history": {**history, "operations": []},
            "slowest": slowest(history["operations"], SLOWEST),
            "breakers": ListBreakers()(ports)["breakers"],
            "alerts": alerts,
            "errors": _errors(ports),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFeature(UseCase[FeaturePageReply]):
    """A feature with its phases and its timeline.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        known: the feature's ``updated_at`` as the asker has it: reading a long history takes
            a while, and is not done again for nothing.
    """

    tolerant = True
    routine = True

    feature_id: str
    known: str | None = None

    def __call__(self, ports: Ports) -> FeaturePageReply:
        """Look it up.

        Raises:
            CDEError: E004, E102, E103 and the repository's own.
        """
        status = GetFeatureStatus(feature_id=self.feature_id, detail="full")(ports)
        full = cast(FeatureDetailReply, status)
        changes = None
        if full["updated_at"] != self.known:
            found = ListChanges(limit=CHANGES, feature=full["feature"]["id"])(ports)
            changes = [each for each in found["changes"] if not _is_renewal(each)]
        return {"at": ports.clock().isoformat(), "status": full, "changes": changes}


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPulse(UseCase[PulseReply]):
    """Whether there is something new, cheap enough to be asked every second."""

    tolerant = True
    routine = True

    def __call__(self, ports: Ports) -> PulseReply:
        """Look."""
        return {"mark": _mark(ports)}


def _span(name: str) -> Span:
    for span in SPANS:
        if span == name:
            return span
    reason = f"it is {name!r}, not one of {', '.join(SPANS)}"
    raise ValidationError.of("E305", argument="span", reason=reason)


def _mark(ports: Ports) -> str:
    """Differs as soon as a feature, the project, a breaker or the list of errors does."""
    parts: list[object] = []
    try:
        project = ports.repository.get(ports.root)
        summaries = project.features.summaries()
        touched = max((each.updated_at for each in summaries), default=project.updated_at)
        parts += [len(summaries), touched.timestamp(), project.updated_at.timestamp()]
        parts += [project.status.value, project.read_only]
    except CDEError as error:
        parts.append(error.code)
    parts += [each.id for each in ports.reports.summaries(ports.root, 1)]
    parts += [f"{each['name']}={each['state']}" for each in ports.breakers.views()]
    return " ".join(map(str, parts))


def _errors(ports: Ports) -> list[dict[str, Any]]:
    reports = ListErrorReports(limit=ERRORS)(ports)["reports"]
    for report in reports:
        entry = ERROR_MESSAGES.get(report["code"])
        report["title"] = entry.title if entry else ""
        report["severity"] = str(entry.severity) if entry else ""
    return reports


def _advice(health: HealthReply, alerts: AlertsReply, ports: Ports) -> dict[str, Advice]:
    codes = {each["error_code"] for each in health["details"].values()}
    stirred = (each for each in alerts["alerts"] if each["state"] in {"pending", "firing"})
    codes |= {each["error_code"] for each in (*health["alerts"], *stirred)}
    known = sorted(code for code in codes if code is not None and code in ERROR_MESSAGES)
    return {code: _told(code, {"project_path": str(ports.root)}) for code in known}


def _told(code: str, facts: dict[str, str]) -> Advice:
    """What the catalogue says and these facts fill in; the rest differs from case to case."""
    entry = ERROR_MESSAGES[code]
    known = facts.keys()
    return {
        "code": code,
        "title": entry.title,
        "suggestions": [
            fill(text, facts)
            for text in entry.suggestions_for(Reader.TERMINAL)
            if placeholders(text) <= known
        ],
        "commands": [
            fill_fix(fix, facts)["command"]
            for fix in entry.fixes
            if placeholders(" ".join(fix.command)) <= known
        ],
    }


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


def _is_renewal(change: Mapping[str, Any]) -> bool:
    """Whether a change is no news: an agent that looked kept its claim."""
    summary = str(change["summary"])
    return summary.startswith("work.claim.until:") and ", " not in summary
