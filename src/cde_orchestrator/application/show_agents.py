"""Show the agents, try one out, and trust them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from cde_orchestrator.application.agents import AgentProbe, Agents, AgentTrialReply
from cde_orchestrator.application.ports import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.agent import BUILT_IN, Agent
from cde_orchestrator.domain.exceptions import CDESystemError


class AgentsReply(TypedDict):
    """Agents as they can be used here."""

    agents: list[AgentProbe]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAgents(UseCase[AgentsReply]):
    """Show the agents, and whether each can be used here."""

    def __call__(self, ports: Ports) -> AgentsReply:
        """Look for their programs; a project's own command is only run once it is trusted.

        Raises:
            ValidationError: E314, a definition is not valid.
        """
        agents = ports.agents.definitions().values()
        return {"agents": [_probe(agent, ports.agents) for agent in agents]}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestAgent(UseCase[AgentTrialReply]):
    """Give an agent a small task, outside of the project.

    Attributes:
        name: the agent's name.
    """

    __test__ = False  # for pytest, which takes every Test... for one of its own
    changes = True

    name: str

    def __call__(self, ports: Ports) -> AgentTrialReply:
        """Try it out.

        Raises:
            CDESystemError: E903, E905 to E907, E910, E911, E912.
            ValidationError: E314, a definition is not valid.
        """
        (agent,) = chosen_agents(ports.agents, [self.name])
        require_trusted(ports, [agent])
        return ports.agents.try_out(agent)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAgents(UseCase[AgentsReply]):
    """Say, as a person, that these agents may be run in this project as they are defined.

    Attributes:
        names: the agents' names.
    """

    changes = True

    names: Sequence[str]

    def __call__(self, ports: Ports) -> AgentsReply:
        """Remember it.

        Raises:
            CDEError: E203, E314, E910.
        """
        agents = chosen_agents(ports.agents, self.names)
        ports.agents.trust(agents)
        return {"agents": [_probe(agent, ports.agents) for agent in agents]}


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTrustedAgents(UseCase[AgentsReply]):
    """The agents, if a person has trusted each of them here.

    Attributes:
        names: the agents' names.
    """

    names: Sequence[str]

    def __call__(self, ports: Ports) -> AgentsReply:
        """Look whether each is trusted.

        Raises:
            CDEError: E314, E910, E912.
        """
        agents = chosen_agents(ports.agents, self.names)
        require_trusted(ports, agents)
        return {"agents": [ports.agents.probe(agent, ask_version=False) for agent in agents]}


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


def require_trusted(ports: Ports, agents: Sequence[Agent]) -> None:
    """Refuse the first agent that is not trusted in this project.

    Raises:
        CDESystemError: E912.
    """
    for agent in agents:
        if not ports.agents.is_trusted(agent):
            raise CDESystemError.of(
                "E912",
                agent=agent.name,
                folder=str(ports.root),
                command=" ".join(agent.command),
            )


def _probe(agent: Agent, agents: Agents) -> AgentProbe:
    harmless = agent.source == BUILT_IN or agents.is_trusted(agent)
    return agents.probe(agent, ask_version=harmless)
