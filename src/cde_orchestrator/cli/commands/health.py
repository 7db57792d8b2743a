"""Commands about how the project is, what fails and what recovers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption

if TYPE_CHECKING:
    from pathlib import Path

group = command_group()
group.info.no_args_is_help = False

UNHEALTHY = 1
"""Exit code if something is critical."""


@group.callback(
    invoke_without_command=True,
    epilog=examples("cde health", "cde health --watch", "cde health breakers"),
)
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
        from cde_orchestrator.application.monitoring.get_health import GetHealth
        from cde_orchestrator.cli.console.output import say
        from cde_orchestrator.cli.session.application import ask
        from cde_orchestrator.cli.views.health import health_page

        if watch:
            _watch(every, project, as_json=as_json)
        reply = ask(GetHealth(), project)
        say(reply, health_page, project=project, as_json=as_json)
        if reply["status"] == "unhealthy":
            raise typer.Exit(UNHEALTHY)


def _watch(every: float, project: Path | None, *, as_json: bool) -> NoReturn:
    from cde_orchestrator.application.monitoring.get_health import WatchHealth
    from cde_orchestrator.cli.console.output import redraw, say_json_line
    from cde_orchestrator.cli.session.application import application_at, project_root
    from cde_orchestrator.cli.views.health import health_line, health_page

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
        from cde_orchestrator.application.monitoring.show_breakers import ListBreakers
        from cde_orchestrator.cli.session.application import answer
        from cde_orchestrator.cli.views.agent import breaker_list

        answer(ListBreakers(), breaker_list, project=project, as_json=as_json)


@group.command("reset-breaker", epilog=examples("cde health reset-breaker agent-claude"))
def reset_breaker(
    name: Annotated[str, typer.Argument(help="The circuit breaker.")],
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a circuit breaker: what it guards is called again at once."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.monitoring.show_breakers import ResetBreaker
        from cde_orchestrator.cli.session.application import answer
        from cde_orchestrator.cli.views.agent import breaker_closed

        answer(ResetBreaker(name=name), breaker_closed, project=project, as_json=as_json)
