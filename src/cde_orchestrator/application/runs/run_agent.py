"""Let an agent work, as an operation like any other, so that its time has a name in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cde_orchestrator.application.ports.agents import Agents, Assignment, OnLine
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.subject import name_subject


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAgent(UseCase[None], operation="run_agent"):
    """Start an agent for a phase and wait for it; what it left is somebody else's to submit.

    Attributes:
        feature_id: the feature that it works on.
        feature: the same by name.
        phase_id: the phase.
        agent: who works.
        assignment: on what.
        on_line: is given each line of the agent's output.
    """

    feature_id: str
    feature: str
    phase_id: str
    agent: Agent
    assignment: Assignment
    on_line: OnLine

    def arguments(self) -> dict[str, Any]:
        """What tells one run from another; the prompt can be had again."""
        return {"feature_id": self.feature_id, "phase_id": self.phase_id, "agent": self.agent.name}

    def __call__(self, *, agents: Agents) -> None:
        """Run it.

        Raises:
            AgentError: E905 to E907.
            CDESystemError: E903 or E911.
        """
        name_subject(feature_id=self.feature_id, feature=self.feature, phase_id=self.phase_id)
        agents.run(self.agent, self.assignment, self.on_line)
