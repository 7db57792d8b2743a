"""Commands about how the project is, what fails and what recovers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cde_orchestrator.application.monitoring.get_health import GetHealth, WatchHealth
from cde_orchestrator.application.monitoring.show_breakers import ListBreakers, ResetBreaker
from cde_orchestrator.cli.console.output import redraw, say, say_json_line
from cde_orchestrator.cli.session.application import answer, application_at, ask, project_root
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption
from cde_orchestrator.cli.views.agent import breaker_closed, breaker_list
from cde_orchestrator.cli.views.health import health_line, health_page

group = command_group(
    "health",
    help_without_command=False,
    help="Show project health.",
    epilog=examples("cde health", "cde health breakers"),
)

UNHEALTHY = 1
"""Exit code if something is critical."""


@group.callback(invoke_without_command=True)
def health(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Repeat until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", help="The interval of --watch.", min=0.1)
    ] = 2.0,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show project health: checks, figures and advice. Exit code 1 if unhealthy.

    With --json and --watch, each result is a JSON value on its own line.
    """
    if context.invoked_subcommand is not None:
        return
    with boundary(as_json=as_json):
        if watch:
            _watch(every, project, as_json=as_json)
        reply = ask(GetHealth(), project)
        say(reply, health_page, project=project, as_json=as_json)
        if reply["status"] == "unhealthy":
            raise typer.Exit(UNHEALTHY)


def _watch(every: float, project: Path | None, *, as_json: bool) -> NoReturn:
    with application_at(project_root(project)) as application:
        while True:
            reply = application.handle(WatchHealth())
            if as_json:
                say_json_line(reply)
            else:
                redraw(reply, health_page, health_line, project=project)
            time.sleep(every)


@group.command(epilog=examples("cde health breakers --json"))
def breakers(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Show the circuit breakers: what failed recently, and what is paused."""
    with boundary(as_json=as_json):
        answer(ListBreakers(), breaker_list, project=project, as_json=as_json)


@group.command("reset-breaker", epilog=examples("cde health reset-breaker agent-claude"))
def reset_breaker(
    name: Annotated[str, typer.Argument(help="The circuit breaker.")],
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a circuit breaker: what it guards is called again at once."""
    with boundary(as_json=as_json):
        answer(ResetBreaker(name=name), breaker_closed, project=project, as_json=as_json)
