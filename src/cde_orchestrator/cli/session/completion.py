"""What the shell offers on Tab: names from the project, nothing where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import typer

from cde_orchestrator.application.features.list_features import FILTERS, LARGEST_LIMIT, ListFeatures
from cde_orchestrator.application.projects.show_workflows import ShowWorkflows
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureRow
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.cli.session.application import project_root
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.observability.logs.setup import setup_logging

Reply = TypeVar("Reply")


def features(context: typer.Context, incomplete: str) -> list[str]:
    """Names of features, newest first."""
    return [row["name"] for row in _rows(context) if row["name"].startswith(incomplete)]


def open_features(context: typer.Context, incomplete: str) -> list[str]:
    """Names of features that take more work, newest first."""
    return [
        row["name"]
        for row in _rows(context)
        if row["current_phase"] and row["name"].startswith(incomplete)
    ]


def current_phase(context: typer.Context, incomplete: str) -> list[str]:
    """The current phase of the feature that was typed already."""
    return [
        row["current_phase"]
        for row in _rows(context)
        if row["name"] == context.params.get("feature")
        and row["current_phase"]
        and row["current_phase"].startswith(incomplete)
    ]


def workflows(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the project's workflows."""
    reply = _ask(context, ShowWorkflows())
    found = reply["workflows"] if reply else []
    return [each["id"] for each in found if each["id"].startswith(incomplete)]


def statuses(incomplete: str) -> list[str]:
    """What a list of features can be limited to."""
    return [status for status in FILTERS if status.startswith(incomplete)]


def _rows(context: typer.Context) -> list[FeatureRow]:
    reply = _ask(context, ListFeatures(limit=LARGEST_LIMIT))
    return reply["features"] if reply else []


def _ask(context: typer.Context, use_case: UseCase[Reply]) -> Reply | None:
    """The reply; None when it was refused, for a Tab is no place to complain."""
    setup_logging("CRITICAL")
    project = context.params.get("project")
    try:
        application = build_application(project_root(Path(project) if project else None))
        try:
            with calling("cli"):
                return application.handle(use_case)
        finally:
            application.close()
    except CDEError:
        return None
