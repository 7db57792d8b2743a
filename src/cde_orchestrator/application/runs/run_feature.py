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

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import AssignmentReply, GetAssignment
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.ports.agents import Agents, Assignment
from cde_orchestrator.application.runs.budget import Budget
from cde_orchestrator.application.runs.crew import PATIENCE_SECONDS, Crew
from cde_orchestrator.application.runs.noted_run import NotedRun
from cde_orchestrator.application.runs.observer import Outcome, PhaseRun, RunObserver, RunReply
from cde_orchestrator.application.runs.phase_work import PhaseWork
from cde_orchestrator.application.runs.run_agent import RecordAgentRun, RunAgent
from cde_orchestrator.application.runs.show_agents import GetTrustedAgents
from cde_orchestrator.application.usage_views import usage_view
from cde_orchestrator.application.use_case import Handles
from cde_orchestrator.application.views import PhaseView
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport, total
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.doer import Doer
from cde_orchestrator.domain.exceptions import (
    AgentError,
    CDEError,
    CDESystemError,
    CircuitBreakerOpenError,
    FeatureError,
)
from cde_orchestrator.domain.feature import COMPLETED, FAILED
from cde_orchestrator.domain.hooks import IN_A_RUN
from cde_orchestrator.domain.records import KEY_LIMIT, REASON_LIMIT
from cde_orchestrator.domain.text import shortened

MOVED_ON = frozenset({"E105", "E106"})
"""Somebody else completed the phase meanwhile, or closed the feature."""


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
        budget: what the run may use, which others may share.
        done: what became of each phase, also of those of a run that this one continues.
    """

    service: Handles
    agents: Agents
    names: Sequence[str]
    folder: Path
    timeout_seconds: float | None = None
    observer: RunObserver = field(default_factory=RunObserver)
    budget: Budget = field(default_factory=Budget)
    done: list[PhaseRun] = field(default_factory=list)
    _is_given_up: bool = False
    _run: str = field(default_factory=lambda: uuid.uuid4().hex)
    _watch: Stopwatch = field(default_factory=Stopwatch)

    def __call__(self, feature_id: str) -> RunReply:
        """Go on where the feature stands.

        Raises:
            CDEError: E903 to E912, E939, E940 and E942, and whatever the use cases raise; the
                feature stands where it stood.
        """
        assignment = self.service.handle(GetAssignment(feature_id=feature_id))
        # Never read again: what is run is what was trusted, whatever the settings say by then.
        names = [*self.names, *assignment["named_agents"]]
        trusted = self.service.handle(GetTrustedAgents(names=names))
        feature = assignment["feature"]
        if feature["status"] == FAILED:
            self.service.handle(ResumeFeature(feature_id=feature["id"], to_work=False))
            assignment = self.service.handle(GetAssignment(feature_id=feature["id"]))
        crew = Crew(trusted=trusted, names=self.names, seconds=self._seconds)
        self._require_installed(crew, assignment)
        with self.agents.lock_run(feature["id"], feature["name"]) as note:
            self.observer = noted = NotedRun(note, self.observer)
            with noted.ending():
                reply = self._continued(assignment, crew)
                noted.ended(reply)
                return reply

    def _continued(self, assignment: AssignmentReply, crew: Crew) -> RunReply:
        """Work phase after phase, until there is none for an agent."""
        feature = assignment["feature"]
        work: PhaseWork | None = None
        while True:
            phase = assignment["phase"]
            self._note_meanwhile(work, assignment)
            if phase is None:
                return self._reply(assignment, self._outcome(assignment["feature"]["status"]))
            if work is None or work.id != phase["id"]:
                place, agents = assignment["number"], crew.for_phase(assignment)
                work = PhaseWork(phase["id"], place, crew, agents)
                self.observer.phase_started(assignment)
            if phase["handler"] == "human_input":
                return self._reply(assignment, "waits_for_person")
            self._attempt(assignment, phase, work)
            assignment = self.service.handle(GetAssignment(feature_id=feature["id"]))

    def _require_installed(self, crew: Crew, assignment: AssignmentReply) -> None:
        """Drop agents whose program is missing, before any is started.

        Raises:
            AgentError: E905, nobody is left, or the workflow names such an agent.
        """
        if assignment["phase"] is None:
            return
        for agent in crew.trusted:
            if self.agents.is_installed(agent):
                continue
            reason = f"the command {agent.command[0]} is not on PATH"
            error = AgentError.of("E905", agent=agent.name, reason=reason)
            crew.drop(agent, error)
            if agent.name in assignment["named_agents"] or not crew.free(crew.trusted):
                raise error
            self.observer.dropped(agent, error)

    def _attempt(self, assignment: AssignmentReply, phase: PhaseView, work: PhaseWork) -> None:
        """One attempt at the phase by the first agent that can be started."""
        while True:
            for agent in work.crew.free(work.agents):
                self.budget.require(assignment["feature"]["name"])
                if self._worked(agent, assignment, phase, work):
                    return
                if work.last is not None and work.last.code in {"E906", "E907"}:
                    # The next attempt is another agent's, if there is one.
                    work.agents.remove(agent)
                    work.agents.append(agent)
                    return
            self._wait(assignment, work)

    def _wait(self, assignment: AssignmentReply, work: PhaseWork) -> None:
        """Wait for the busy agent that is free first.

        Raises:
            CDESystemError: E908, nobody is waited for any more; E911, the run was stopped.
        """
        waiting = work.crew.next_free(work.agents)
        if waiting is None or work.waited_seconds + waiting[1] > PATIENCE_SECONDS:
            raise self._nobody(assignment, work)
        agent, seconds = waiting
        left = self.budget.seconds_left
        if left is not None:
            seconds = min(seconds, max(left, 0.0) + 0.01)
        self.observer.waits(agent, seconds)
        self.agents.wait(seconds, agent.name)
        work.waited_seconds += seconds
        self.budget.require(assignment["feature"]["name"])

    def _worked(
        self, agent: Agent, assignment: AssignmentReply, phase: PhaseView, work: PhaseWork
    ) -> bool:
        """Let the agent work and submit what it left; False when the agent itself failed."""
        attempt = assignment["attempt"]
        self.observer.attempt_started(attempt, assignment["last_attempt"], agent)
        began = self._seconds()
        try:
            report = self.service.handle(self._call(agent, assignment, phase, work))
        except (AgentError, CircuitBreakerOpenError) as error:
            if isinstance(error, AgentError):
                self._record(agent, assignment, work, error.report, self._seconds() - began)
            work.last = error
            self._note_failure(agent, work.crew, error)
            if error.code in {"E906", "E907"}:
                work.session = None
                self.budget.require(assignment["feature"]["name"])  # it may be why it was ended
                self._give_up(assignment, work, error)
            return False
        self._record(agent, assignment, work, report, self._seconds() - began)
        work.crew.answered(agent)
        work.attempts = attempt
        self._submit(assignment, work, agent)
        return True

    def _call(
        self, agent: Agent, assignment: AssignmentReply, phase: PhaseView, work: PhaseWork
    ) -> RunAgent:
        feature, left = assignment["feature"], self.budget.seconds_left
        seconds = self.timeout_seconds
        if left is not None:
            seconds = min(seconds or agent.timeout_seconds, max(left, 0.01))
        attempt = f"attempt {assignment['attempt']} of {assignment['last_attempt']}"
        assigned = Assignment(
            prompt=work.prompt(phase, agent, attempt),
            folder=self.folder,
            timeout_seconds=seconds,
            labels={"CDE_FEATURE": feature["name"], IN_A_RUN: phase["id"]},
            commands=assignment["commands"],
            session=work.session_of(agent),
            whole_prompt=work.whole_prompt(phase, attempt),
            others=len(work.crew.free(work.agents)) > 1,
            accepted={
                path: (feature["name"], earlier) for path, earlier in assignment["accepted"].items()
            },
            ask=self.observer.ask,
        )
        return RunAgent(
            feature_id=feature["id"],
            feature=feature["name"],
            phase_id=phase["id"],
            agent=agent,
            assignment=assigned,
            on_line=self.observer.line,
        )

    def _record(
        self,
        agent: Agent,
        assignment: AssignmentReply,
        work: PhaseWork,
        report: AgentReport,
        seconds: float,
    ) -> None:
        """Keep what the agent's program reported, if it reported anything."""
        work.ended(agent, report)
        self.budget.add(report)
        self.observer.agent_ended(report)
        if report.has_answer:
            call = RecordAgentRun(
                feature_id=assignment["feature"]["id"],
                phase_id=work.id,
                agent=agent.name,
                attempt=assignment["attempt"],
                seconds=seconds,
                report=report,
            )
            self.service.handle(call)

    def _note_failure(self, agent: Agent, crew: Crew, error: CDEError) -> None:
        if error.code in {"E905", "E942"}:
            crew.drop(agent, error)
            self.observer.dropped(agent, error)
            return
        if error.code == "E939":
            crew.busy(agent, error.context.get("wait_seconds"))
        self.observer.agent_failed(error)

    def _note_meanwhile(self, work: PhaseWork | None, assignment: AssignmentReply) -> None:
        """Add the phases that were completed while an agent worked, and not by this run."""
        if work is None or assignment["feature"]["status"] == FAILED:
            return
        is_open = assignment["phase"] is not None
        is_completed = assignment["feature"]["status"] == COMPLETED
        end = assignment["number"] - 1 if is_open else len(assignment["phases"])
        if not (is_open or is_completed):
            return
        known = bool(self.done) and self.done[-1]["id"] == work.id
        passed = assignment["phases"][work.place - 1 + known : end]
        missed: list[PhaseRun] = [
            {"id": each, "attempts": 0, "agent": work.ran, "meanwhile": True} for each in passed
        ]
        if missed:
            self.done += missed
            self.observer.completed_meanwhile(missed)

    def _outcome(self, status: str) -> Outcome:
        if status == COMPLETED:
            return "completed"
        return "waits_for_person" if self._is_given_up else "closed"

    def _submit(self, assignment: AssignmentReply, work: PhaseWork, agent: Agent) -> None:
        """Submit the phase's outputs as they are; a refusal is for the next attempt."""
        use_case = SubmitWork(
            feature_id=assignment["feature"]["id"],
            phase_id=work.id,
            # The agent was shown it once and cannot always put it back by itself.
            restore=work.refusal is not None and work.refusal.code == "E132",
            # A phase is done in a session of its own, which knows nothing of other phases.
            doer=Doer(agent=agent.name, session=f"run {work.id} {work.attempts}"),
            watch=self._watch_check,
            to_work=False,
        )
        try:
            reply = self.service.handle(use_case)
        except FeatureError as error:
            if error.code in MOVED_ON:
                return
            if not error.is_about_the_work:  # no agent can correct it, so it is no attempt
                raise
            work.refusal = work.last = error
            self.observer.refused(error)
            self._give_up(assignment, work, error)
            return
        work.crew.accepted(agent)
        if "sent_back" in reply:
            self._is_given_up = reply["sent_back"]["to"] is None
            self.observer.sent_back(reply["sent_back"])
            return
        done: PhaseRun = {"id": work.id, "attempts": work.attempts, "agent": agent.name}
        used = total(work.reports)
        if used.has_answer:
            done["usage"] = usage_view(used)
        self.done.append(done)
        self.observer.accepted(reply)

    def _give_up(self, assignment: AssignmentReply, work: PhaseWork, error: CDEError) -> None:
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
            to_work=False,
        )
        try:
            self.service.handle(call)
        except FeatureError as refusal:
            if refusal.code in MOVED_ON:
                return
            raise
        if work.attempts >= assignment["last_attempt"]:
            raise self._nobody(assignment, work)

    def _watch_check(self, text: str) -> None:
        for line in text.splitlines():
            if line.strip():
                self.observer.line(line)

    def _seconds(self) -> float:
        return self._watch.elapsed_ms / 1_000

    def _nobody(self, assignment: AssignmentReply, work: PhaseWork) -> CDEError:
        reason = work.last.message if work.last else "no agent can be used"
        return CDESystemError.of(
            "E908",
            feature=assignment["feature"]["name"],
            phase=work.id,
            attempts=work.attempts,
            reason=reason.rstrip("."),
            last_words=total(work.reports).words or "none",
            project_path=assignment["project"]["path"],
        )

    def _reply(self, assignment: AssignmentReply, outcome: Outcome) -> RunReply:
        reply: RunReply = {
            "project": assignment["project"],
            "feature": assignment["feature"],
            "phase": assignment["phase"],
            "outcome": outcome,
            "phases": list(self.done),
        }
        if "made" in assignment:
            reply["made"] = assignment["made"]
        return reply
