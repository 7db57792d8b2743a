"""Notes what happens in a run for whoever else looks on, and passes it on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cde_orchestrator.application.features.get_feature_status import AssignmentReply
from cde_orchestrator.application.ports.runs import Note
from cde_orchestrator.application.runs.observer import Outcome, PhaseRun, RunObserver, RunReply
from cde_orchestrator.application.usage_views import denied_words, used_words
from cde_orchestrator.application.views import SentBackView, SubmitReply
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.exceptions import CDEError

_OUTCOMES: dict[Outcome, str] = {
    "completed": "The feature is completed",
    "waits_for_person": "The feature waits for a person",
    "closed": "The feature is closed",
}


class NotedRun(RunObserver):
    """An observer that keeps each event as a line; ``other`` is notified as well."""

    def __init__(self, note: Note, other: RunObserver) -> None:
        self._note, self._other = note, other
        self.ask = other.ask

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Note that the run ended without a reply, and why."""
        try:
            yield
        except CDEError as error:
            stopped = error.code == "E911"
            self._note("stopped" if stopped else "broke", _words(error))
            raise
        except (KeyboardInterrupt, SystemExit):
            self._note("stopped", "Stopped; nothing is lost")
            raise

    def ended(self, reply: RunReply) -> None:
        """The run ended with this reply."""
        self._note("done", _OUTCOMES[reply["outcome"]])

    def phase_started(self, assignment: AssignmentReply) -> None:
        """Note the phase and its place."""
        phase, number = assignment["phase"], assignment["number"]
        if phase is not None:
            self._note("phase", f"{phase['id']}, phase {number} of {len(assignment['phases'])}")
        self._other.phase_started(assignment)

    def attempt_started(self, attempt: int, last: int, agent: Agent) -> None:
        """Note the agent and the attempt."""
        self._note("attempt", f"{agent.name}, attempt {attempt} of {last}")
        self._other.attempt_started(attempt, last, agent)

    def line(self, line: str) -> None:
        """Note the line."""
        self._note("line", line)
        self._other.line(line)

    def agent_ended(self, report: AgentReport) -> None:
        """Note what it used, and what it was not allowed."""
        for words in filter(None, (used_words(report), denied_words(report))):
            self._note("used", words)
        self._other.agent_ended(report)

    def agent_failed(self, error: CDEError) -> None:
        """Note why."""
        self._note("failed", _words(error))
        self._other.agent_failed(error)

    def dropped(self, agent: Agent, error: CDEError) -> None:
        """Note that the agent is not used any more."""
        self._note("failed", f"{agent.name} is not used in this run: {_words(error)}")
        self._other.dropped(agent, error)

    def waits(self, agent: Agent, seconds: float) -> None:
        """Note for whom, and how long."""
        self._note("waits", f"{agent.name} is busy; the run continues in {seconds:.0f} s")
        self._other.waits(agent, seconds)

    def refused(self, error: CDEError) -> None:
        """Note what the gate said."""
        self._note("refused", _words(error))
        self._other.refused(error)

    def accepted(self, reply: SubmitReply) -> None:
        """Note the phase."""
        self._note("accepted", f"{reply['accepted']['id']} accepted")
        self._other.accepted(reply)

    def completed_meanwhile(self, phases: list[PhaseRun]) -> None:
        """Note the phases."""
        for each in phases:
            self._note("accepted", f"{each['id']} was completed meanwhile")
        self._other.completed_meanwhile(phases)

    def sent_back(self, sent: SentBackView) -> None:
        """Note where to, and what was found."""
        to = f"back to {sent['to']}" if sent["to"] else "no attempt is left"
        self._note("refused", f"{sent['phase']} says {sent['verdict']}: {to}")
        self._other.sent_back(sent)


def _words(error: CDEError) -> str:
    return f"{error.code} {error.message}"
