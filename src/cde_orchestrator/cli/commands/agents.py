"""Commands about the agents that ``cde run`` starts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.application.projects.trust_commands import RevokeTrust
from cde_orchestrator.application.runs import show_agents, trust_agents
from cde_orchestrator.cli.console.output import is_terminal
from cde_orchestrator.cli.console.wording import clean
from cde_orchestrator.cli.session.call import Call, Commands, confirmed
from cde_orchestrator.cli.views.agent import agent_list, agent_tried
from cde_orchestrator.domain.text import command_words
from cde_orchestrator.infrastructure.trust.person import require_person

group = Commands(
    "agents",
    "cde agents list",
    "cde agents test claude",
    verb="list",
    help="List, test and trust the agents that cde run starts.",
)


@group.command("cde agents list --json", name="list")
def list_agents(call: Call) -> None:
    """List the agents: on PATH, version, trust in this project, circuit breaker."""
    call.answer(show_agents.ListAgents(), agent_list)


@group.command("cde agents test claude", name="test")
def try_out(call: Call, name: Annotated[str, typer.Argument(help="The agent.")]) -> None:
    """Test an agent with a small task in a temporary folder."""
    call.answer(show_agents.TryAgent(name=name), agent_tried)


@group.command("cde agents trust claude codex", "cde agents trust --revoke codex")
def trust(
    call: Call,
    names: Annotated[list[str], typer.Argument(help="The agents.")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; you have reviewed the commands.")
    ] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke trust in this project.")] = False,
) -> None:
    """Allow agents to run in this project with their current commands.

    An agent acts with your rights, on prompts from the project. Your decision is stored for
    you alone, outside the project.
    """
    if yes and revoke:
        raise typer.BadParameter("it cannot be combined with --yes", param_hint="--revoke")
    reply = _distrusted(names, call) if revoke else trusted(names, call, ask=not yes)
    call.say(reply, agent_list)


def trusted(names: list[str], call: Call, *, ask: bool) -> show_agents.AgentsReply:
    """Trust the agents, asking the person first when there is one.

    Raises:
        CDESystemError: E912, nobody could be asked, the person said no, or a definition
            changed meanwhile.
        ValidationError: E325 to E327, the folder is not trusted; E328, an agent wants it.
    """
    with call.application() as application:
        application.require_trusted()
        if not ask:
            require_person(str(application.root))
            return application.handle(trust_agents.TrustAgents(names=names))
        rows = application.handle(show_agents.ListAgents(names=names))["agents"]
        for row in rows:
            if not (row["trusted"] or _agreed(row["name"], row["command"], application.root)):
                application.handle(show_agents.GetTrustedAgents(names=[row["name"]]))
        shown = frozenset(row["digest"] for row in rows)
        return application.handle(trust_agents.TrustAgents(names=names, digests=shown))


def _distrusted(names: list[str], call: Call) -> show_agents.AgentsReply:
    with call.application() as application:
        application.handle(RevokeTrust(agents=names))
        return application.handle(show_agents.ListAgents(names=names))


def _agreed(name: str, command: list[str], root: Path) -> bool:
    """What the person answers; no, where there is none."""
    if not is_terminal(sys.stdin):
        return False
    require_person(str(root))
    typer.echo(f"{clean(name)} would run in {clean(root)}:", err=True)
    typer.echo(f"  {clean(command_words(command))}", err=True)
    typer.echo("It acts with your rights, and may run what a phase asks for, as tests.", err=True)
    return confirmed("Trust it in this project?", err=True)
