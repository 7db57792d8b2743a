"""Show the agents, try one out, and find those that a person trusts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.ports.agents import AgentProbe, Agents, AgentTrialReply
from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.agent import BUILT_IN, Agent
from cde_orchestrator.domain.exceptions import CDESystemError


class AgentRow(AgentProbe):
    """An agent, and whether a person trusts it here; ``digest`` names what is to be trusted."""

    trusted: bool
    digest: str


class AgentsReply(TypedDict):
    """Agents as they can be used here."""

    agents: list[AgentRow]


class ListAgents(UseCase[AgentsReply], operation="list_agents"):
    """Show the agents, and whether each can be used here.

    A project's own command is only run for it once it is trusted.

    Attributes:
        names: those to show; all when None.
    """

    names: Sequence[str] | None = None

    def __call__(self, *, root: Path, agents: Agents, trust: TrustStore) -> AgentsReply:
        """Raises E910 where there is none of a name, E314 where a definition is not valid."""
        names = agents.definitions() if self.names is None else self.names
        return agents_reply(chosen_agents(agents, [*names]), agents, root, trust)


class TryAgent(UseCase[AgentTrialReply], operation="test_agent"):
    """Give an agent a small task, outside the project."""

    name: str

    def __call__(self, *, root: Path, agents: Agents, trust: TrustStore) -> AgentTrialReply:
        """Raises E314, E903, E905 to E907, and E910 to E912."""
        (agent,) = chosen_agents(agents, [self.name])
        require_trusted([agent], root, trust)
        return agents.try_out(agent)


class GetTrustedAgents(UseCase[list[Agent]], operation="get_trusted_agents"):
    """The agents, if a person has trusted each of them here: just as they were trusted."""

    names: Sequence[str]

    def __call__(self, *, root: Path, agents: Agents, trust: TrustStore) -> list[Agent]:
        """Raises E314, E910, E912."""
        chosen = chosen_agents(agents, self.names)
        require_trusted(chosen, root, trust)
        return chosen


def chosen_agents(agents: Agents, names: Sequence[str]) -> list[Agent]:
    """The agents of these names, in their order.

    Raises:
        CDESystemError: E910, there is none of a name.
        ValidationError: E314, the project's definitions are not valid.
    """
    known = agents.definitions()
    for name in names:
        if name not in known:
            raise CDESystemError.of("E910", agent=name, agents=", ".join(known))
    return [known[name] for name in dict.fromkeys(names)]


def require_trusted(agents: Sequence[Agent], root: Path, trust: TrustStore) -> None:
    """Refuse the first agent that is not trusted in this project.

    Raises:
        CDESystemError: E912.
    """
    for agent in agents:
        if not trust.trusts(root, agent.command_line):
            raise CDESystemError.of(
                "E912",
                agent=agent.name,
                folder=str(root),
                command=" ".join(agent.command),
            )


def agents_reply(
    chosen: Sequence[Agent], agents: Agents, root: Path, trust: TrustStore
) -> AgentsReply:
    """These agents, as the contract has them."""
    rows: list[AgentRow] = []
    for agent in chosen:
        trusted = trust.trusts(root, agent.command_line)
        harmless = agent.source == BUILT_IN or trusted
        rows.append(
            {
                **agents.probe(agent, ask_version=harmless),
                "trusted": trusted,
                "digest": trust.digest(root, agent.command_line),
            }
        )
    return {"agents": rows}
