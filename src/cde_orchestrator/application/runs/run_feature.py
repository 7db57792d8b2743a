"""Take a feature through its phases with agents that are started here, without a person.

Every step goes through the use cases that everybody uses: what an agent leaves is submitted to
the same gates, and what was acknowledged is kept. So a run may end at any moment, however it
ends, and another one goes on where the feature stands.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import AssignmentReply, GetAssignment
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.ports.agents import Agents, Assignment, OnLine
from cde_orchestrator.application.runs.show_agents import GetTrustedAgents
from cde_orchestrator.application.use_case import Handles, UseCase
from cde_orchestrator.application.views import FeatureReply, PhaseView, SentBackView, SubmitReply
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.doer import Doer
from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import (
    AgentError,
    CDEError,
    CDESystemError,
    CircuitBreakerOpenError,
    FeatureError,
    OutputError,
)
from cde_orchestrator.domain.feature import COMPLETED, FAILED
from cde_orchestrator.domain.records import KEY_LIMIT, REASON_LIMIT
from cde_orchestrator.domain.subject import name_subject
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.domain.workflow import OTHER_AGENT

Outcome = Literal["completed", "waits_for_person", "closed"]

MOVED_ON = frozenset({"E105", "E106"})
"""Somebody else completed the phase meanwhile, or closed the feature."""

REFUSALS = frozenset({"E118", "E119", "E123", "E134", "E135", "E139"})
"""Refusals other than those of outputs: the check failed, took too long, or was overtaken; the
proofs cannot be used, or prove nothing. What no agent can correct ends the run, and is no attempt.
"""

_UNATTENDED = """

## You are running unattended

Nobody will answer questions. Write the outputs to their paths in this folder and end: they are \
then submitted for you. Do not call cde_submitWork or cde submit yourself.
"""
_REFUSED = """

## Your last attempt was refused

This is attempt {attempt}. The gate reported:

{words}

Fix these problems; leave the rest unchanged.
"""


class PhaseRun(TypedDict):
    """What became of a phase in this run."""

    id: str
    attempts: int
    agent: str | None


class RunReply(FeatureReply):
    """Where the feature stands when the run ends; ``phase`` is what waits for a person."""

    outcome: Outcome
    phases: list[PhaseRun]


class RunObserver:
    """Is notified of what happens; this one takes no notice."""

    def phase_started(self, assignment: AssignmentReply) -> None:
        """A phase is worked on from now."""

    def attempt_started(self, attempt: int, attempts: int, agent: Agent) -> None:
        """An agent is started for the phase."""

    def line(self, line: str) -> None:
        """The agent, or the phase's check, wrote a line."""

    def agent_failed(self, error: CDEError) -> None:
        """The agent could not be started, failed, or took too long."""

    def refused(self, error: CDEError) -> None:
        """What the agent left did not pass the gate."""

    def accepted(self, reply: SubmitReply) -> None:
        """The phase is completed."""

    def sent_back(self, sent: SentBackView) -> None:
        """The phase's verdict sent the feature back, or was the last one that it may give."""


@dataclass(slots=True)
class _PhaseWork:
    """The work on one phase in this run; ``attempts`` is the number of the last attempt."""

    id: str
    agents: list[Agent]
    attempts: int = 0
    refusal: CDEError | None = None
    last: CDEError | None = None


@dataclass(slots=True, kw_only=True)
class FeatureRun:
    """Drives one feature until it is completed, or waits for a person.

    Attributes:
        service: runs the use cases.
        agents: says who may run agents for a feature.
        names: the agents to use, the first choice first.
        folder: where they work.
        timeout_seconds: of one attempt; each agent's own when None.
        observer: is notified of what happens.
    """

    service: Handles
    agents: Agents
    names: Sequence[str]
    folder: Path
    timeout_seconds: float | None = None
    observer: RunObserver = field(default_factory=RunObserver)
    _done: list[PhaseRun] = field(default_factory=list)
    _is_given_up: bool = False
    _run: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __call__(self, feature_id: str) -> RunReply:
        """Go on where the feature stands.

        Raises:
            CDEError: E903 to E912, and whatever the use cases raise; the feature stands where
                it stood.
        """
        assignment = self.service.handle(GetAssignment(feature_id=feature_id))
        # Never read again: what is run is what was trusted, whatever the settings say by then.
        names = [*self.names, *assignment["named_agents"]]
        trusted = self.service.handle(GetTrustedAgents(names=names))
        feature = assignment["feature"]
        if feature["status"] == FAILED:
            self.service.handle(ResumeFeature(feature_id=feature["id"]))
            assignment = self.service.handle(GetAssignment(feature_id=feature["id"]))
        with self.agents.lock_run(feature["id"], feature["name"]):
            work: _PhaseWork | None = None
            while True:
                phase = assignment["phase"]
                if phase is None:
                    return self._reply(assignment, self._outcome(assignment["feature"]["status"]))
                if work is None or work.id != phase["id"]:
                    work = _PhaseWork(phase["id"], self._chosen(assignment, trusted))
                    self.observer.phase_started(assignment)
                if phase["handler"] == "human_input":
                    return self._reply(assignment, "waits_for_person")
                self._attempt(assignment, phase, work)
                assignment = self.service.handle(GetAssignment(feature_id=feature["id"]))

    def _chosen(self, assignment: AssignmentReply, trusted: Sequence[Agent]) -> list[Agent]:
        """Who may do the phase, the first choice first: whom the workflow names, or any."""
        wanted = assignment["agent"]
        if wanted not in {None, OTHER_AGENT}:
            return [agent for agent in trusted if agent.name == wanted]
        given = [agent for agent in trusted if agent.name in self.names]
        if wanted is None:
            return given
        return sorted(given, key=lambda agent: agent.name == assignment["worked"])

    def _attempt(self, assignment: AssignmentReply, phase: PhaseView, work: _PhaseWork) -> None:
        """One attempt at the phase by the first agent that can be started."""
        for agent in tuple(work.agents):
            if self._worked(agent, assignment, phase, work):
                return
            if work.last is not None and work.last.code in {"E906", "E907"}:
                work.agents.remove(agent)  # the next attempt is another agent's, if there is one
                work.agents.append(agent)
                return
        raise self._nobody(assignment, work)

    def _worked(
        self, agent: Agent, assignment: AssignmentReply, phase: PhaseView, work: _PhaseWork
    ) -> bool:
        """Let the agent work and submit what it left; False when the agent itself failed."""
        feature, attempt = assignment["feature"], assignment["attempt"]
        assigned = Assignment(
            prompt=phase["prompt"] + _UNATTENDED + _handed_back(work.refusal, attempt),
            folder=self.folder,
            timeout_seconds=self.timeout_seconds,
            labels={"CDE_FEATURE": feature["name"], "CDE_PHASE": phase["id"]},
        )
        self.observer.attempt_started(attempt, assignment["max_attempts"], agent)
        try:
            self.service.handle(
                RunAgent(
                    feature_id=feature["id"],
                    feature=feature["name"],
                    phase_id=phase["id"],
                    agent=agent,
                    assignment=assigned,
                    on_line=self.observer.line,
                )
            )
        except (AgentError, CircuitBreakerOpenError) as error:
            work.last = error
            self.observer.agent_failed(error)
            if error.code in {"E906", "E907"}:
                self._give_up(assignment, work, error)
            return False
        work.attempts = attempt
        self._submit(assignment, work, agent)
        return True

    def _outcome(self, status: str) -> Outcome:
        if status == COMPLETED:
            return "completed"
        return "waits_for_person" if self._is_given_up else "closed"

    def _submit(self, assignment: AssignmentReply, work: _PhaseWork, agent: Agent) -> None:
        """Submit the phase's outputs as they are; a refusal is for the next attempt."""
        use_case = SubmitWork(
            feature_id=assignment["feature"]["id"],
            phase_id=work.id,
            # The agent was shown it once and cannot always put it back by itself.
            restore=work.refusal is not None and work.refusal.code == "E132",
            # Each attempt is a process of its own, which knows nothing of the ones before.
            doer=Doer(agent=agent.name, session=f"run {work.id} {work.attempts}"),
            watch=self._watch,
            to_work=False,
        )
        try:
            reply = self.service.handle(use_case)
        except FeatureError as error:
            if error.code in MOVED_ON:
                return
            if not isinstance(error, OutputError) and error.code not in REFUSALS:
                raise
            work.refusal = work.last = error
            self.observer.refused(error)
            self._give_up(assignment, work, error)
            return
        if "sent_back" in reply:
            self._is_given_up = reply["sent_back"]["to"] is None
            self.observer.sent_back(reply["sent_back"])
            return
        self._done.append({"id": work.id, "attempts": work.attempts, "agent": agent.name})
        self.observer.accepted(reply)

    def _give_up(self, assignment: AssignmentReply, work: _PhaseWork, error: CDEError) -> None:
        """Record the attempt as failed, as any agent's is that ends without being accepted.

        Raises:
            CDESystemError: E908, it was the last one.
        """
        work.attempts = assignment["attempt"]
        call = FailPhase(
            feature_id=assignment["feature"]["id"],
            phase_id=work.id,
            reason=shortened(error.message, REASON_LIMIT - 100),
            idempotency_key=f"{self._run}-{work.id}-{work.attempts}"[-KEY_LIMIT:],
            stays=True,
        )
        try:
            self.service.handle(call)
        except FeatureError as refusal:
            if refusal.code in MOVED_ON:
                return
            raise
        if work.attempts >= assignment["max_attempts"]:
            raise self._nobody(assignment, work)

    def _watch(self, text: str) -> None:
        for line in text.splitlines():
            if line.strip():
                self.observer.line(line)

    def _nobody(self, assignment: AssignmentReply, work: _PhaseWork) -> CDEError:
        reason = work.last.message if work.last else "no agent was named"
        return CDESystemError.of(
            "E908",
            feature=assignment["feature"]["name"],
            phase=work.id,
            attempts=work.attempts,
            reason=reason.rstrip("."),
            project_path=assignment["project"]["path"],
        )

    def _reply(self, assignment: AssignmentReply, outcome: Outcome) -> RunReply:
        return {
            "project": assignment["project"],
            "feature": assignment["feature"],
            "phase": assignment["phase"],
            "outcome": outcome,
            "phases": list(self._done),
        }


def _handed_back(refusal: CDEError | None, attempt: int) -> str:
    if refusal is None:
        return ""
    words = ErrorFormatter.format(refusal, Reader.AGENT)
    return _REFUSED.format(attempt=attempt, words=words)


class RunAgent(UseCase[None], operation="run_agent"):
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

    def __call__(self, *, agents: Agents) -> None:
        """Raises E903, E905 to E907, or E911."""
        name_subject(feature_id=self.feature_id, feature=self.feature, phase_id=self.phase_id)
        agents.run(self.agent, self.assignment, self.on_line)
