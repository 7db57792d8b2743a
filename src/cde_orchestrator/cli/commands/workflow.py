"""Commands about the project's workflows."""

from __future__ import annotations

from typing import Annotated

import typer

from cde_orchestrator.application.projects.show_workflows import ShowWorkflows, ValidateWorkflows
from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views.workflow import valid, workflow_details, workflow_list

group = Commands(
    "workflow",
    "cde workflow show standard",
    "cde workflow validate",
    verb="list",
    help="Show and validate the workflows that features follow.",
)

PackagedOption = Annotated[
    bool, typer.Option("--packaged", help="Show the packaged workflows, not the project's.")
]


@group.command("cde workflow list", "cde workflow list --packaged", name="list")
def list_workflows(call: Call, packaged: PackagedOption = False) -> None:
    """List the workflows with their phases."""
    call.answer(ShowWorkflows(packaged=packaged), workflow_list)


@group.command("cde workflow show standard", "cde workflow show --packaged")
def show(
    call: Call,
    name: Annotated[
        str | None,
        typer.Argument(help="The workflow. Default: all.", autocompletion=completion.workflows),
    ] = None,
    packaged: PackagedOption = False,
) -> None:
    """Show workflows in full: phases, prompts, outputs and their rules, checks."""
    call.answer(ShowWorkflows(name=name, packaged=packaged), workflow_details)


@group.command("cde workflow validate")
def validate(call: Call) -> None:
    """Validate the project's workflow file and every prompt that it names."""
    call.answer(ValidateWorkflows(), valid)
