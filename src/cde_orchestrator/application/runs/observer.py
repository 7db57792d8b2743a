"""What a run says while it goes on, and at its end."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from cde_orchestrator.application.features.get_feature_status import AssignmentReply
from cde_orchestrator.application.ports.agents import Ask
from cde_orchestrator.application.usage_views import UsageView
from cde_orchestrator.application.views import FeatureReply, SentBackView, SubmitReply
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.exceptions import CDEError

Outcome = Literal["completed", "waits_for_person", "closed"]


class PhaseRun(TypedDict):
    """What became of a phase in this run.

    ``attempts`` is the number of the attempt that was accepted, 0 where none was made.
    ``usage`` is there where the agents' programs reported any. ``meanwhile`` is there, and true,
    where the phase was completed while an agent worked, and not by this run.
    """

    id: str
    attempts: int
    agent: str | None
    usage: NotRequired[UsageView]
    meanwhile: NotRequired[bool]


class RunReply(FeatureReply):
    """Where the feature stands when the run ends; ``phase`` is what waits for a person."""

    outcome: Outcome
    phases: list[PhaseRun]


class RunObserver:
    """Is notified of what happens; this one takes no notice.

    Attributes:
        ask: asks the person who looks on whether an agent may do something; None for nobody.
    """

    ask: Ask | None = None

    def phase_started(self, assignment: AssignmentReply) -> None:
        """A phase is worked on from now."""

    def attempt_started(self, attempt: int, last: int, agent: Agent) -> None:
        """An agent is started for the phase."""

    def line(self, line: str) -> None:
        """The agent, or the phase's check, wrote a line."""

    def agent_ended(self, report: AgentReport) -> None:
        """The agent ended, or was ended, with this report."""

    def agent_failed(self, error: CDEError) -> None:
        """The agent failed, took too long, or its model is busy."""

    def dropped(self, agent: Agent, error: CDEError) -> None:
        """The agent could not be started or cannot work here: it is not used any more."""

    def waits(self, agent: Agent, seconds: float) -> None:
        """All agents are busy; the run waits for this one."""

    def refused(self, error: CDEError) -> None:
        """What the agent left did not pass the gate."""

    def accepted(self, reply: SubmitReply) -> None:
        """The phase is completed."""

    def completed_meanwhile(self, phases: list[PhaseRun]) -> None:
        """Phases were completed while an agent worked, and not by this run."""

    def sent_back(self, sent: SentBackView) -> None:
        """The phase's verdict sent the feature back, or was the last one that it may give."""
