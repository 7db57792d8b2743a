"""The whole command line, assembled."""

from __future__ import annotations

from typing import Annotated

import typer

from cde_orchestrator import __version__
from cde_orchestrator.cli.commands import (
    agents,
    alerts,
    dashboard,
    doctor,
    errors,
    features,
    health,
    logs,
    project,
    runs,
    serve,
    state,
    work,
    workflow,
)
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.help import PROJECT_PANEL, SERVER_PANEL, command_group, examples

app = command_group(help_without_command=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cde {__version__}")
        raise typer.Exit


@app.callback(
    # A line's end in a docstring would stay one on the screen.
    help="Take features through their phases, with AI agents, in one project.\n\n"
    "A feature moves from phase to phase. The outputs of each phase are checked and become the "
    "context of the next. Agents work over MCP (cde serve), people with the commands below.",
    epilog=examples("cde init", "cde start 'Add a login page'", "cde status"),
)
def cde(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Show the version.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options before the command; without a command, the project's status."""
    if context.invoked_subcommand is None:
        with boundary():
            features.at_a_glance()


# Commands without a group are at the top level.
app.add_typer(project.top_level)
app.add_typer(
    project.group,
    name="project",
    help="Show, activate or archive the project.",
    epilog=examples("cde project info", "cde project archive"),
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(
    workflow.group,
    name="workflow",
    help="Show and validate the workflows that features follow.",
    epilog=examples("cde workflow show standard", "cde workflow validate"),
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(
    state.group,
    name="state",
    help="Verify, inspect and restore the project's state.",
    epilog=examples("cde state history", "cde state restore --at 7 --dry-run"),
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(doctor.top_level)
app.add_typer(dashboard.top_level)
app.add_typer(
    errors.group,
    name="errors",
    help="Show error reports.",
    epilog=examples("cde errors list", "cde explain E101"),
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(errors.top_level)
app.add_typer(
    logs.group,
    name="logs",
    help="Show what happened and what was slow.",
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(features.top_level)
app.add_typer(work.top_level)
app.add_typer(runs.top_level)
app.add_typer(
    agents.group,
    name="agents",
    help="List, test and trust the agents that cde run starts.",
    epilog=examples("cde agents list", "cde agents test claude"),
    rich_help_panel=SERVER_PANEL,
)
app.add_typer(
    health.group,
    name="health",
    help="Show project health.",
    epilog=examples("cde health", "cde health breakers"),
    rich_help_panel=SERVER_PANEL,
)
app.add_typer(
    alerts.group,
    name="alerts",
    help="Show alerts, and test that they arrive.",
    rich_help_panel=SERVER_PANEL,
)
app.add_typer(serve.top_level)
