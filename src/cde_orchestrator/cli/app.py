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
    "A feature moves from phase to phase; what each phase must produce is checked, and becomes "
    "the context of the next. Agents work over MCP (cde serve), people with the commands below.",
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
    """Options that stand before the command; without one, where the project stands."""
    if context.invoked_subcommand is None:
        with boundary():
            features.at_a_glance()


# Commands without a name of their own stand beside each other at the top.
app.add_typer(project.top_level)
app.add_typer(
    project.group,
    name="project",
    help="See the project, activate it, put it away.",
    epilog=examples("cde project info", "cde project archive"),
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(
    workflow.group,
    name="workflow",
    help="See and check the workflows that features follow.",
    epilog=examples("cde workflow show standard", "cde workflow validate"),
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(
    state.group,
    name="state",
    help="Judge the stored state, look at its past, bring it back.",
    epilog=examples("cde state history", "cde state restore --at 7 --dry-run"),
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(doctor.top_level)
app.add_typer(dashboard.top_level)
app.add_typer(
    errors.group,
    name="errors",
    help="See the reports that errors have left.",
    epilog=examples("cde errors list", "cde explain E101"),
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(errors.top_level)
app.add_typer(
    logs.group,
    name="logs",
    help="See what happened and what was slow.",
    rich_help_panel=PROJECT_PANEL,
)
app.add_typer(features.top_level)
app.add_typer(work.top_level)
app.add_typer(runs.top_level)
app.add_typer(
    agents.group,
    name="agents",
    help="See the agents that cde run starts, try them out, trust them.",
    epilog=examples("cde agents list", "cde agents test claude"),
    rich_help_panel=SERVER_PANEL,
)
app.add_typer(
    health.group,
    name="health",
    help="See how all is, what fails and what recovers.",
    epilog=examples("cde health", "cde health breakers"),
    rich_help_panel=SERVER_PANEL,
)
app.add_typer(
    alerts.group,
    name="alerts",
    help="See the alerts, and try out whether they arrive.",
    rich_help_panel=SERVER_PANEL,
)
app.add_typer(serve.top_level)
