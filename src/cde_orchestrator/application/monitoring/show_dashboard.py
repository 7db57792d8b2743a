"""Everything that the dashboard shows, in one answer, and what shows that it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

from cde_orchestrator.application.checks.baselines import Baselines
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.logs.error_reports import ListErrorReports
from cde_orchestrator.application.monitoring.project_board import Board, board_of
from cde_orchestrator.application.ports.breakers import Breakers, BreakerView
from cde_orchestrator.application.ports.checks import CheckRunner
from cde_orchestrator.application.ports.core import (
    ErrorReports,
    ProjectFiles,
    ProjectRepository,
    StateRecovery,
)
from cde_orchestrator.application.ports.health import (
    AlertsReply,
    Health,
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
from cde_orchestrator.domain.errors.formatter import Advice, ErrorFormatter, ErrorPayload, advice_on
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import CDEError, ValidationError

SPANS: tuple[Span, ...] = ("hour", "day", "week")
SLOWEST = 8
ERRORS = 12
ALERT_EVENTS = 20
LATELY_STEPS = 5
"""Steps of the last hour that count as now; each is a minute."""
CHANGES = 100
"""How many changes a feature's timeline shows."""


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

    ``board`` is None where the project cannot be read, and ``problem`` says why; ``advice``
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


class ShowDashboard(
    UseCase[DashboardReply], operation="show_dashboard", tolerant=True, routine=True
):
    """Everything that the dashboard shows.

    A project that cannot be read is reported in it, and does not fail the answer.

    Attributes:
        span: ``hour``, ``day`` or ``week``: how far the charts reach back.
    """

    span: str = "hour"

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        files: ProjectFiles,
        reports: ErrorReports,
        breakers: Breakers,
        health: Health,
    ) -> DashboardReply:
        """Raises E305 where there is no such span."""
        root, repository = features.root, features.repository
        span = _span(self.span)
        project, board, problem = None, None, None
        try:
            found = repository.get(root)
            project = project_view(found, root, repository.backend)
            board = board_of(found, features, files)
        except CDEError as error:
            error.context.setdefault("project_path", str(root))
            problem = ErrorFormatter.payload(error)
        status = health.get_status()
        history = health.history(span)
        recent = history if span == "hour" else health.history("hour")
        alerts = health.alerts(ALERT_EVENTS)
        return {
            "at": features.clock().isoformat(),
            "mark": _mark(root, repository, reports, breakers),
            "root": str(root),
            "project": project,
            "problem": problem,
            "health": status,
            "advice": _advice(status, alerts, root),
            "board": board,
            "lately": _lately(recent["points"], recent["step_seconds"]),
            "history": {**history, "operations": []},
            "slowest": slowest(history["operations"], SLOWEST),
            "breakers": [*breakers.views()],
            "alerts": alerts,
            "errors": _errors(root, reports),
        }


class ShowFeature(UseCase[FeaturePageReply], operation="show_feature", tolerant=True, routine=True):
    """A feature with its phases and its timeline.

    Attributes:
        known: the feature's ``updated_at`` as the asker has it: reading a long history takes
            a while, and is not done again for nothing.
    """

    feature_id: str
    known: str | None = None

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        recovery: StateRecovery,
        rendering: PhasePrompts,
        baselines: Baselines,
        checks: CheckRunner,
    ) -> FeaturePageReply:
        """Raises E004, E102, E103."""
        asked = GetFeatureStatus(feature_id=self.feature_id, detail="full", to_work=False)
        ports: dict[str, Any] = {"rendering": rendering, "baselines": baselines, "checks": checks}
        status = asked(features=features, **ports)
        full = cast(FeatureDetailReply, status)
        changes = None
        if full["updated_at"] != self.known:
            past = ListChanges(limit=CHANGES, feature=full["feature"]["id"])
            found = past(root=features.root, recovery=recovery)
            changes = [each for each in found["changes"] if not _is_renewal(each)]
        return {"at": features.clock().isoformat(), "status": full, "changes": changes}


class GetPulse(UseCase[PulseReply], operation="get_pulse", tolerant=True, routine=True):
    """Whether there is something new, cheap enough to be asked every second."""

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        reports: ErrorReports,
        breakers: Breakers,
    ) -> PulseReply:
        """Look."""
        return {"mark": _mark(root, repository, reports, breakers)}


def _span(name: str) -> Span:
    for span in SPANS:
        if span == name:
            return span
    reason = f"it is {name!r}, not one of {', '.join(SPANS)}"
    raise ValidationError.of("E305", argument="span", reason=reason)


def _mark(
    root: Path, repository: ProjectRepository, reports: ErrorReports, breakers: Breakers
) -> str:
    """Differs as soon as a feature, the project, a breaker or the list of errors does."""
    parts: list[object] = []
    try:
        project = repository.get(root)
        summaries = project.features.summaries()
        touched = max((each.updated_at for each in summaries), default=project.updated_at)
        parts += [len(summaries), touched.timestamp(), project.updated_at.timestamp()]
        parts += [project.status.value, project.read_only]
    except CDEError as error:
        parts.append(error.code)
    parts += [each.id for each in reports.summaries(root, 1)]
    parts += [f"{each['name']}={each['state']}" for each in breakers.views()]
    return " ".join(map(str, parts))


def _errors(root: Path, reports: ErrorReports) -> list[dict[str, Any]]:
    found = ListErrorReports(limit=ERRORS)(root=root, reports=reports)["reports"]
    for report in found:
        entry = ERROR_MESSAGES.get(report["code"])
        report["title"] = entry.title if entry else ""
        report["severity"] = str(entry.severity) if entry else ""
    return found


def _advice(health: HealthReply, alerts: AlertsReply, root: Path) -> dict[str, Advice]:
    stirred = [each for each in alerts["alerts"] if each["state"] in {"pending", "firing"}]
    facts: dict[str | None, Mapping[str, Any]]
    facts = {each["error_code"]: {} for each in (*health["alerts"], *stirred)}
    facts |= {each["error_code"]: each["context"] for each in health["details"].values()}
    here = {"project_path": str(root)}
    return {
        code: advice_on(code, {**here, **known})
        for code, known in facts.items()
        if code is not None and code in ERROR_MESSAGES
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
