"""Show the agents, try one out, and trust them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from cde_orchestrator.application.ports.agents import AgentProbe, Agents, AgentTrialReply
from cde_orchestrator.application.ports.core import Ports
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAgents(UseCase[AgentsReply]):
    """Show the agents, and whether each can be used here.

    Attributes:
        names: those to show; all when None.
    """

    names: Sequence[str] | None = None

    def __call__(self, ports: Ports) -> AgentsReply:
        """Look for their programs; a project's own command is only run once it is trusted.

        Raises:
            CDESystemError: E910, there is none of a name.
            ValidationError: E314, a definition is not valid.
        """
        names = ports.agents.definitions() if self.names is None else self.names
        return _reply(chosen_agents(ports.agents, [*names]), ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class TryAgent(UseCase[AgentTrialReply]):
    """Give an agent a small task, outside of the project.

    Attributes:
        name: the agent's name.
    """

    __test__ = False  # for pytest, which takes every Test... for one of its own

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
        digests: what the person was shown of those that were not trusted yet; one that is
            defined otherwise by now is not trusted. None for whoever has read the definitions.
    """

    names: Sequence[str]
    digests: frozenset[str] | None = None

    def __call__(self, ports: Ports) -> AgentsReply:
        """Remember it, outside of the project.

        Raises:
            CDEError: E203 to E205, E314, E910, E912.
        """
        agents = chosen_agents(ports.agents, self.names)
        for agent in agents:
            if self.digests is not None and _digest(agent, ports) not in self.digests:
                require_trusted(ports, [agent])
        ports.trust.grant(ports.root, [agent.command_line for agent in agents], ports.clock())
        return _reply(agents, ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTrustedAgents(UseCase[list[Agent]]):
    """The agents, if a person has trusted each of them here: just as they were trusted.

    Attributes:
        names: the agents' names.
    """

    names: Sequence[str]

    def __call__(self, ports: Ports) -> list[Agent]:
        """Look whether each is trusted.

        Raises:
            CDEError: E314, E910, E912.
        """
        agents = chosen_agents(ports.agents, self.names)
        require_trusted(ports, agents)
        return agents


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
        if not ports.trust.trusts(ports.root, agent.command_line):
            raise CDESystemError.of(
                "E912",
                agent=agent.name,
                folder=str(ports.root),
                command=" ".join(agent.command),
            )


def _reply(agents: Sequence[Agent], ports: Ports) -> AgentsReply:
    return {"agents": [_row(agent, ports, ask_version=True) for agent in agents]}


def _row(agent: Agent, ports: Ports, *, ask_version: bool) -> AgentRow:
    trusted = ports.trust.trusts(ports.root, agent.command_line)
    harmless = agent.source == BUILT_IN or trusted
    return {
        **ports.agents.probe(agent, ask_version=ask_version and harmless),
        "trusted": trusted,
        "digest": _digest(agent, ports),
    }


def _digest(agent: Agent, ports: Ports) -> str:
    return ports.trust.digest(ports.root, agent.command_line)
