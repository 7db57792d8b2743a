"""Trust agents: a person's decision, not an agent's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cde_orchestrator.application.ports.agents import Agents
from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.application.runs.show_agents import (
    AgentsReply,
    agents_reply,
    chosen_agents,
    require_trusted,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.clock import Clock


class TrustAgents(UseCase[AgentsReply], operation="trust_agents"):
    """Say, as a person, that these agents may be run in this project as they are defined.

    It is written down outside the project.

    Attributes:
        digests: what the person was shown of those that were not trusted yet; one that is
            defined otherwise by now is not trusted. None for whoever has read the definitions.
    """

    names: Sequence[str]
    digests: frozenset[str] | None = None

    def __call__(
        self, *, root: Path, agents: Agents, trust: TrustStore, clock: Clock
    ) -> AgentsReply:
        """Raises E203 to E205, E314, E910, E912."""
        chosen = chosen_agents(agents, self.names)
        for agent in chosen:
            digest = trust.digest(root, agent.command_line)
            if self.digests is not None and digest not in self.digests:
                require_trusted([agent], root, trust)
        trust.grant(root, [agent.command_line for agent in chosen], clock())
        return agents_reply(chosen, agents, root, trust)
