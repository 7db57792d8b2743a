"""The work on one phase in a run of agents: sessions, refusals, and what is said to an agent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cde_orchestrator.application.runs.crew import Crew
from cde_orchestrator.application.views import PhaseView
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.domain.errors.formatter import ErrorFormatter, detail_lines
from cde_orchestrator.domain.exceptions import CDEError

_UNATTENDED = """

## You are running unattended

Nobody will answer questions. Write the outputs to their paths in this folder and end: they are \
then submitted for you. Do not call cde_submitWork or cde submit yourself.
"""
_REFUSED = """

## Your last attempt was refused

This is {attempt}. The gate reported:

{words}

Fix these problems; leave the rest unchanged.
"""
_ADVICE = """

## About the refusal {code}

{words}

Fix these problems; leave the rest unchanged.
"""
_AGAIN = """What you left for the phase `{phase}` was submitted. All of its prompt still holds.
"""
_SUBMITTING = re.compile(r"cde_submitWork|cde submit")
_GO_ON = """The model was busy, and you were stopped. Continue with the phase `{phase}` where you \
were: all of its prompt still holds.
"""


@dataclass(slots=True)
class PhaseWork:
    """The work on one phase in this run.

    Attributes:
        crew: the agents of the run; ``agents`` are those for this phase.
        place: of the phase among all, from 1.
        attempts: the number of the last attempt.
        session: of the agent that ran last, with all that it has used in it; None where it
            cannot be continued.
        reports: of all runs of agents for the phase.
        waited_seconds: for busy agents.
    """

    id: str
    place: int
    crew: Crew
    agents: list[Agent]
    attempts: int = 0
    refusal: CDEError | None = None
    last: CDEError | None = None
    ran: str = ""
    session: AgentReport | None = None
    reports: list[AgentReport] = field(default_factory=list)
    waited_seconds: float = 0.0

    def ended(self, agent: Agent, report: AgentReport) -> None:
        """Keep what the agent reported, and its session where it can be continued."""
        self.reports.append(report)
        before = self.session_of(agent)
        self.ran, self.session = agent.name, None
        if agent.resumes and report.session and report.turns:
            is_same = before is not None and before.session == report.session
            self.session = before + report if before and is_same else report

    def session_of(self, agent: Agent) -> AgentReport | None:
        """The session that the agent continues: nobody else may have worked since."""
        return self.session if self.ran == agent.name else None

    def prompt(self, phase: PhaseView, agent: Agent, attempt: str) -> str:
        """What the agent is given: all of it, or what is new to its session.

        Args:
            phase: the phase, with its prompt.
            agent: who works.
            attempt: its number and that of the last one, in words.
        """
        if self.session_of(agent) is None:
            return self.whole_prompt(phase, attempt)
        refused = _handed_back(self.refusal, attempt, "")
        return (_AGAIN if refused else _GO_ON).format(phase=phase["id"]) + refused

    def whole_prompt(self, phase: PhaseView, attempt: str) -> str:
        """What an agent is given that knows nothing of the phase."""
        refused = _handed_back(self.refusal, attempt, phase["prompt"])
        return phase["prompt"] + _UNATTENDED + refused


def _handed_back(refusal: CDEError | None, attempt: str, said: str) -> str:
    """The refusal as the agent is given it, without what is said already."""
    if refusal is None:
        return ""
    payload = ErrorFormatter.payload(refusal, Reader.AGENT)
    # The run submits, so that no call is named.
    listed = [each for each in payload["suggestions"] if not _SUBMITTING.search(each)]
    words = "\n".join([*detail_lines(payload), *(f"- {each}" for each in listed)])
    if all(line in said for line in (attempt, *refusal.message.splitlines())):
        return _ADVICE.format(code=refusal.code, words=words)
    words = f"{payload['message']} ({refusal.code})\n\n{words}"
    return _REFUSED.format(attempt=attempt, words=words)
