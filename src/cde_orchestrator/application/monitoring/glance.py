"""How the project is, as every page of the dashboard shows it above all else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.ports.breakers import Breakers
from cde_orchestrator.application.ports.core import ErrorReports, ProjectRepository
from cde_orchestrator.application.ports.health import AlertsReply, Health, HealthReply
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.errors.formatter import Advice, ErrorFormatter, ErrorPayload, advice_on
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.project import Project


class Glance(TypedDict):
    """Which project, and whether it is well.

    ``project`` is None where it cannot be read, and ``problem`` says why; ``advice`` is by code,
    for every code that a check, or an alert that stirred, names.
    """

    at: str
    mark: str
    root: str
    project: ProjectView | None
    problem: ErrorPayload | None
    health: HealthReply
    advice: dict[str, Advice]
    alerts: AlertsReply


def glance_at(
    features: ProjectFeatures,
    reports: ErrorReports,
    breakers: Breakers,
    health: Health,
    events: int,
) -> tuple[Glance, Project | None]:
    """How the project is, with so many ``events`` of alerts, and the project if it can be read."""
    root, repository = features.root, features.repository
    project, view, problem = None, None, None
    try:
        project = repository.get(root)
        view = project_view(project, root, repository.backend)
    except CDEError as error:
        problem = problem_of(error, root)
    status, alerts = health.get_status(), health.alerts(events)
    glance: Glance = {
        "at": features.clock().isoformat(),
        "mark": mark_of(root, repository, reports, breakers),
        "root": str(root),
        "project": view,
        "problem": problem,
        "health": status,
        "advice": _advice(status, alerts, root),
        "alerts": alerts,
    }
    return glance, project


def problem_of(error: CDEError, root: Path) -> ErrorPayload:
    """Why the project cannot be read, with commands for this folder."""
    error.context.setdefault("project_path", str(root))
    return ErrorFormatter.payload(error)


def mark_of(
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
