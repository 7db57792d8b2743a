"""What the shell offers on Tab: names from the project, nothing where there is none.

Typer keeps those that begin with what was typed.
"""

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
from cde_orchestrator.domain.lease import COMMAND_LINE
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.observability.logs.setup import setup_logging

Reply = TypeVar("Reply")


def features(context: typer.Context) -> list[str]:
    """Names of features, newest first."""
    return [row["name"] for row in _rows(context)]


def open_features(context: typer.Context) -> list[str]:
    """Names of features that take more work, newest first."""
    return [row["name"] for row in _rows(context) if row["current_phase"]]


def current_phase(context: typer.Context) -> list[str]:
    """The current phase of the feature that was typed already."""
    wanted = context.params.get("feature")
    phases = [row["current_phase"] for row in _rows(context) if row["name"] == wanted]
    return [phase for phase in phases if phase]


def workflows(context: typer.Context) -> list[str]:
    """Names of the project's workflows."""
    reply = _ask(context, ShowWorkflows())
    return [each["id"] for each in reply["workflows"]] if reply else []


def statuses() -> list[str]:
    """What a list of features can be limited to."""
    return list(FILTERS)


def _rows(context: typer.Context) -> list[FeatureRow]:
    reply = _ask(context, ListFeatures(limit=LARGEST_LIMIT))
    return reply["features"] if reply else []


def _ask(context: typer.Context, use_case: UseCase[Reply]) -> Reply | None:
    """The reply; None when it was refused, for a Tab is no place to complain."""
    setup_logging("CRITICAL")
    named = [*(context.find_root().params.get("start_in") or ()), context.params.get("project")]
    folders = [each for each in named if each]
    try:
        application = build_application(project_root(Path(*folders) if folders else None))
        try:
            with calling(COMMAND_LINE):
                return application.handle(use_case)
        finally:
            application.close()
    except CDEError:
        return None
