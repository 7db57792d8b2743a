"""Commands about what fails and recovers."""

from __future__ import annotations

from typing import Annotated

import typer

from cde_orchestrator.cli._boundary import boundary
from cde_orchestrator.cli._help import command_group, examples
from cde_orchestrator.cli._options import JsonOption, ProjectOption

group = command_group()


@group.command(epilog=examples("cde health breakers --json"))
def breakers(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Show the circuit breakers: what failed lately, and what is left alone for a while."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.show_breakers import ListBreakers
        from cde_orchestrator.cli._agent_views import breaker_list
        from cde_orchestrator.cli._application import answer

        answer(ListBreakers(), breaker_list, project=project, as_json=as_json)


@group.command("reset-breaker", epilog=examples("cde health reset-breaker agent-claude"))
def reset_breaker(
    name: Annotated[str, typer.Argument(help="The circuit breaker.")],
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a circuit breaker by hand: what it guards is called again at once."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.show_breakers import ResetBreaker
        from cde_orchestrator.cli._agent_views import breaker_closed
        from cde_orchestrator.cli._application import answer

        answer(ResetBreaker(name=name), breaker_closed, project=project, as_json=as_json)
