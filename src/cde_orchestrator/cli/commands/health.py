"""Commands about how the project is, what fails and what recovers."""

from __future__ import annotations

import time
from typing import Annotated, NoReturn

import typer

from cde_orchestrator.application.monitoring.get_health import GetHealth, WatchHealth
from cde_orchestrator.application.monitoring.show_breakers import ListBreakers, ResetBreaker
from cde_orchestrator.cli.console.output import redraw, say_json
from cde_orchestrator.cli.session.boundary import FINDINGS
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views.agent import breaker_closed, breaker_list
from cde_orchestrator.cli.views.health import health_line, health_page

group = Commands("health", help="Show project health.")


@group.callback("cde health", "cde health breakers")
def health(
    call: Call,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Repeat until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", help="The interval of --watch.", min=0.1)
    ] = 2.0,
) -> None:
    """Show project health: checks, figures and advice. Exit code 1 if unhealthy.

    With --json and --watch, each result is a JSON value on its own line.
    """
    if watch:
        _watch(call, every)
    reply = call.ask(GetHealth())
    call.say(reply, health_page)
    if reply["status"] == "unhealthy":
        raise typer.Exit(FINDINGS)


def _watch(call: Call, every: float) -> NoReturn:
    with call.application() as application:
        asked: GetHealth = GetHealth()  # by a person; what repeats it is not logged
        while True:
            reply = application.handle(asked)
            if call.as_json:
                say_json(reply, indent=None)
            else:
                redraw(reply, health_page, health_line, project=call.project)
            time.sleep(every)
            asked = WatchHealth()


@group.command("cde health breakers --json")
def breakers(call: Call) -> None:
    """Show the circuit breakers: what failed recently, and what is paused."""
    call.answer(ListBreakers(), breaker_list)


@group.command("cde health reset-breaker agent-claude", name="reset-breaker")
def reset_breaker(
    call: Call, name: Annotated[str, typer.Argument(help="The circuit breaker.")]
) -> None:
    """Close a circuit breaker: what it guards is called again at once."""
    call.answer(ResetBreaker(name=name), breaker_closed)
