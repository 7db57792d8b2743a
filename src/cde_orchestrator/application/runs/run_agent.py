"""Start an agent for a phase, and record what its program reported."""

from __future__ import annotations

from typing import Any

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.ports.agents import Agents, Assignment, OnLine
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport, AgentRun
from cde_orchestrator.domain.subject import name_subject


class RunAgent(UseCase[AgentReport], operation="run_agent"):
    """Start an agent for a phase and wait for it; what it left is somebody else's to submit.

    ``feature`` is the feature's name; ``on_line`` is given each line of the agent's output.
    """

    feature_id: str
    feature: str
    phase_id: str
    agent: Agent
    assignment: Assignment
    on_line: OnLine

    def arguments(self) -> dict[str, Any]:
        """What distinguishes one run from another; the prompt can be had again."""
        return {"feature_id": self.feature_id, "phase_id": self.phase_id, "agent": self.agent.name}

    def __call__(self, *, agents: Agents) -> AgentReport:
        """Raises E903, E905 to E907, E911, E939 or E942."""
        name_subject(feature_id=self.feature_id, feature=self.feature, phase_id=self.phase_id)
        return agents.run(self.agent, self.assignment, self.on_line)


class RecordAgentRun(UseCase[None], operation="record_agent_run"):
    """Keep with the phase what the program of an agent reported of its run."""

    feature_id: str
    phase_id: str
    agent: str
    attempt: int
    seconds: float
    report: AgentReport

    def __call__(self, *, features: ProjectFeatures) -> None:
        """Raises E004, E102, E103, E206."""
        run = AgentRun(
            at=features.clock(),
            agent=self.agent,
            attempt=self.attempt,
            seconds=round(self.seconds, 1),
            report=self.report,
        )
        with features.change(self.feature_id) as (_, feature, _workflow):
            record = feature.phases.get(self.phase_id)
            if record is not None:  # the feature may continue in another workflow by now
                record.add_run(run)
