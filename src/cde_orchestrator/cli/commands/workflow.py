"""Commands about the project's workflows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.application.projects.show_workflows import (
    ShowWorkflows,
    ValidateWorkflows,
    WorkflowsReply,
)
from cde_orchestrator.cli.console.target import Render
from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.application import answer
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption
from cde_orchestrator.cli.views.workflow import valid, workflow_details, workflow_list

group = command_group(
    "workflow",
    help="Show and validate the workflows that features follow.",
    epilog=examples("cde workflow show standard", "cde workflow validate"),
)

PackagedOption = Annotated[
    bool,
    typer.Option("--packaged", help="Show the packaged workflows, whatever the project has."),
]


@group.command("list", epilog=examples("cde workflow list", "cde workflow list --packaged"))
def list_workflows(
    packaged: PackagedOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the workflows with their phases."""
    with boundary(as_json=as_json):
        _show(None, workflow_list, packaged=packaged, project=project, as_json=as_json)


@group.command(epilog=examples("cde workflow show standard", "cde workflow show --packaged"))
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            help="The workflow. Default: all.",
            autocompletion=completion.workflows,
            show_default=False,
        ),
    ] = None,
    packaged: PackagedOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show workflows in full: phases, prompts, outputs and their rules, checks."""
    with boundary(as_json=as_json):
        _show(name, workflow_details, packaged=packaged, project=project, as_json=as_json)


@group.command(epilog=examples("cde workflow validate"))
def validate(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Validate the project's workflow file and every prompt that it names."""
    with boundary(as_json=as_json):
        answer(ValidateWorkflows(), valid, project=project, as_json=as_json)


def _show(
    name: str | None,
    render: Render[WorkflowsReply],
    *,
    packaged: bool,
    project: Path | None,
    as_json: bool,
) -> None:
    use_case = ShowWorkflows(name=name, packaged=packaged)
    answer(use_case, render, project=project, as_json=as_json)
