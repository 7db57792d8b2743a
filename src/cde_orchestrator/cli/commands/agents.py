"""Commands about the agents that ``cde run`` starts."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.application.projects.trust_commands import RevokeTrust
from cde_orchestrator.application.runs.show_agents import (
    AgentsReply,
    GetTrustedAgents,
    ListAgents,
    TrustAgents,
    TryAgent,
)
from cde_orchestrator.cli.console.output import say
from cde_orchestrator.cli.console.wording import clean
from cde_orchestrator.cli.session.application import answer, application_at, project_root
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption
from cde_orchestrator.cli.views.agent import agent_list, agent_tried

group = command_group(
    "agents",
    help="List, test and trust the agents that cde run starts.",
    epilog=examples("cde agents list", "cde agents test claude"),
)


@group.command("list", epilog=examples("cde agents list --json"))
def list_agents(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """List the agents: on PATH, version, trust in this project, circuit breaker."""
    with boundary(as_json=as_json):
        answer(ListAgents(), agent_list, project=project, as_json=as_json)


@group.command("test", epilog=examples("cde agents test claude"))
def try_out(
    name: Annotated[str, typer.Argument(help="The agent.")],
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test an agent with a small task in a temporary folder."""
    with boundary(as_json=as_json):
        answer(TryAgent(name=name), agent_tried, project=project, as_json=as_json)


@group.command(epilog=examples("cde agents trust claude codex", "cde agents trust --revoke codex"))
def trust(
    names: Annotated[list[str], typer.Argument(help="The agents.")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; you have reviewed the commands.")
    ] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke trust in this project.")] = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Allow agents to run in this project with their current commands.

    An agent acts with your rights, on prompts from the project. Your decision is stored for
    you alone, outside the project.
    """
    if yes and revoke:
        raise typer.BadParameter("it cannot be combined with --yes", param_hint="--revoke")
    with boundary(as_json=as_json):
        reply = _distrusted(names, project) if revoke else trusted(names, project, ask=not yes)
        say(reply, agent_list, project=project, as_json=as_json)


def trusted(names: list[str], project: Path | None, *, ask: bool) -> AgentsReply:
    """Trust the agents, asking the person first when there is one.

    Raises:
        CDESystemError: E912, nobody could be asked, the person said no, or a definition
            changed meanwhile.
    """
    with application_at(project_root(project)) as application:
        if not ask:
            return application.handle(TrustAgents(names=names))
        rows = application.handle(ListAgents(names=names))["agents"]
        new = [row for row in rows if not row["trusted"]]
        for row in new:
            if not _agreed(row["name"], row["command"], application.root):
                application.handle(GetTrustedAgents(names=[row["name"]]))
        shown = frozenset(row["digest"] for row in rows)
        return application.handle(TrustAgents(names=names, digests=shown))


def _distrusted(names: list[str], project: Path | None) -> AgentsReply:
    with application_at(project_root(project)) as application:
        application.handle(RevokeTrust(agents=names))
        return application.handle(ListAgents(names=names))


def _agreed(name: str, command: list[str], root: Path) -> bool:
    """What the person answers; no, where there is none."""
    if not (sys.stdin and sys.stdin.isatty()):
        return False
    typer.echo(f"{clean(name)} would run in {clean(root)}:", err=True)
    typer.echo(f"  {clean(shlex.join(command))}", err=True)
    return typer.confirm("It acts with your rights. Trust it in this project?", err=True)
