"""What happened to one phase of a feature, and its states in words."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from cde_orchestrator.domain.agent_run import RUNS_KEPT, AgentRun
from cde_orchestrator.domain.approval import Approval
from cde_orchestrator.domain.doer import Doer
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.proofs import ProofEvidence
from cde_orchestrator.domain.records import (
    PROGRESS_KEPT,
    Artifact,
    Difference,
    Evidence,
    Failure,
    Progress,
    Refusal,
    Returned,
    SourceMoment,
)
from cde_orchestrator.domain.tasks import Task
from cde_orchestrator.domain.workflow import WAITS_FOR_PERSON

EARLIER_KEPT = 3
SUMMARY_LIMIT = 1_000
"""Characters of a reason or a note that is kept of an attempt that was rolled back."""


class PhaseStatus(StrEnum):
    """Where a phase stands."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


@dataclass(slots=True)
class PhaseRecord:
    """What happened to one phase of a feature.

    Attributes:
        attempts: all that there ever were: the number of the present one, or of the last.
        attempts_before: those that count for no limit, as of before a resume or a rollback.
        evidence: what the last check left.
        check_output: SHA-256 of all that it printed, without secrets; empty where that is not kept.
        accepted_tree: git's id of the source tree that its check passed with, as it was before that
            began; without one, that a verdict or a person's yes is about; empty where there is
            neither, or it is not known.
        accepted_goal: ``goal_digest`` of the goal that the outputs were accepted for; empty where
            there are none, or an older release accepted them.
        progress: partial work by number, so that a change writes one entry.
        entered: when the phase began, the digest of each declared output of the workflow
            (by id; None: there was no file).
        entered_at: when ``entered`` was recorded; an attempt that failed leaves both.
        written: digest of each text that was written for a check which then failed (by id).
        start_commit: the commit at HEAD when it began; ``end_commit`` when it was completed.
            Neither need have the phase's work, which may be committed later.
        start_source: all of the source when it first began; what comes later, as an attempt
            that failed or a rollback to it, leaves it.
        returned: why it was begun again.
        refused: why a submission of the present attempt was refused last, but for a check that
            failed, which left ``evidence``.
        proof: what was seen when the criteria were proven.
        approval: a person's yes, where the phase waited for one.
        doer: who submitted what was accepted.
        difference: how much of the source had changed since the feature began.
        tasks: those that its accepted output lists, where its workflow asks for them.
        ticks: tasks that were found done, or open again, during the phase, by id.
        given: who was given its prompt by a command when it began, as ``Caller.connection``.
        runs: what agents that ``cde run`` started reported, the newest runs; what they used stays
            used when the phase is rolled back.
        past: summaries of what was rolled back, with why attempts failed and what was noted.
    """

    id: str
    status: PhaseStatus = PhaseStatus.PENDING
    attempts: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    outputs: list[Artifact] = field(default_factory=list)
    attempts_before: int = 0
    failures: list[Failure] = field(default_factory=list)
    evidence: Evidence | None = None
    check_output: str = ""
    accepted_tree: str = ""
    accepted_goal: str = ""
    progress: dict[str, Progress] = field(default_factory=dict)
    entered: dict[str, str | None] = field(default_factory=dict)
    entered_at: datetime | None = None
    written: dict[str, str] = field(default_factory=dict)
    start_commit: str | None = None
    start_source: SourceMoment | None = None
    end_commit: str | None = None
    proof: ProofEvidence | None = None
    approval: Approval | None = None
    difference: Difference | None = None
    doer: Doer | None = None
    given: str = ""
    returned: Returned | None = None
    refused: Refusal | None = None
    tasks: list[Task] = field(default_factory=list)
    ticks: dict[str, bool] = field(default_factory=dict)
    runs: list[AgentRun] = field(default_factory=list)
    past: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What happened to the phase as plain data, without what else is kept of the work."""
        said = self.approval
        approval = {"approval": {**asdict(said), "at": said.at.isoformat()}} if said else {}
        doer = self.doer
        reader = (
            {"reader": {"agent": doer.agent, "as_wanted": doer.as_wanted, "words": doer.words}}
            if doer and doer.wanted
            else {}
        )
        return {
            "id": self.id,
            "status": self.status.value,
            "attempts": self.attempts,
            "started_at": self.started_at.isoformat() if self.started_at else None,
            "completed_at": self.completed_at.isoformat() if self.completed_at else None,
            "outputs": [asdict(each) for each in self.outputs],
            **approval,
            **reader,
        }

    def begin(self, now: datetime) -> None:
        """The phase is being worked on, once more."""
        self.status = PhaseStatus.IN_PROGRESS
        self.attempts += 1
        self.started_at = now
        self.completed_at = None
        self.given, self.refused = "", None

    def begin_anew(self, now: datetime) -> None:
        """The phase begins once more, with all the attempts that a phase may have."""
        self.attempts_before = self.attempts
        self.begin(now)

    @property
    def present_attempt(self) -> int:
        """The number of the attempt under way, or of the next one where none is."""
        return self.attempts + (self.status is not PhaseStatus.IN_PROGRESS)

    @property
    def reopened(self) -> Returned | None:
        """By whom the feature was reopened, and when, as long as no attempt failed since."""
        why = self.returned
        if why is None or why.closed_as is None:
            return None
        return None if any(each.at > why.at for each in self.failures) else why

    def is_attempt_of(self, before: PhaseRecord) -> bool:
        """Whether the phase was neither begun again nor rolled back since it was as ``before``."""
        own, other = ((it.attempts, it.started_at, it.status) for it in (self, before))
        return own == other

    def last_attempt(self, limit: int) -> int:
        """The number of the last attempt that may be made; a resume or a rollback adds to it."""
        return self.attempts_before + limit

    def attempts_left(self, limit: int) -> int:
        """How many more attempts may fail, the present one included."""
        ended = self.attempts - (self.status is PhaseStatus.IN_PROGRESS)
        return max(self.last_attempt(limit) - ended, 0)

    def save(self, progress: Progress) -> None:
        """Keep partial work, dropping the oldest beyond what a phase keeps."""
        number = int(max(self.progress, default="0")) + 1
        self.progress[f"{number:06d}"] = progress
        for key in sorted(self.progress)[:-PROGRESS_KEPT]:
            del self.progress[key]

    def add_run(self, run: AgentRun) -> None:
        """Keep what an agent reported of its run."""
        self.runs = [*self.runs, run][-RUNS_KEPT:]

    def saved(self) -> list[Progress]:
        """The partial work that was kept, oldest first."""
        return [self.progress[key] for key in sorted(self.progress)]

    def has_failed(self, call: Failure) -> bool:
        """Whether this call gave an attempt up already: by its key, else if it comes twice."""
        if call.key is not None:
            return any(failure.key == call.key for failure in self.failures)
        return any(call.repeats(failure) for failure in self.failures[-1:])

    def last_failure(self) -> str | None:
        """Why an attempt failed, a submission was refused or a check failed last; None if none was.

        Nor if it was before the phase was returned to, or why: ``returned`` says that.
        """
        since = self.returned.at if self.returned else None
        last: list[Failure | Refusal] = [*self.failures[-1:]]
        if self.refused is not None:
            last.append(self.refused)
        known = [(each.at, each.reason) for each in last if since is None or each.at > since]
        if self.evidence is not None and not self.evidence.passed:
            known.append((self.evidence.at, self.evidence.summary()))
        return max(known)[1] if known else None

    def is_for_other(self, digest: str) -> bool:
        """Whether its outputs were accepted for another goal than that of this digest."""
        is_accepted = self.status is PhaseStatus.COMPLETED and bool(self.accepted_goal)
        return is_accepted and self.accepted_goal != digest

    def roll_back(self, reason: str) -> None:
        """What was done no longer counts; a summary of it stays."""
        if self.status is PhaseStatus.PENDING:
            return
        summary = {key: value for key, value in self.to_dict().items() if key != "id"}
        if failures := self.failures[-EARLIER_KEPT:]:
            summary["failures"] = [
                {"attempt": each.attempt, "reason": each.reason[:SUMMARY_LIMIT]}
                for each in failures
            ]
        if notes := self.saved()[-EARLIER_KEPT:]:
            summary["notes"] = [each.note[:SUMMARY_LIMIT] for each in notes]
        self.past.append({**summary, "reason": reason})
        self.status, self.attempts_before = PhaseStatus.ROLLED_BACK, self.attempts
        self.evidence, self.progress, self.failures = None, {}, []
        self.check_output = self.accepted_tree = self.accepted_goal = ""
        self.tasks, self.ticks = [], {}
        self.proof = self.approval = self.difference = self.doer = None
        self.returned = self.refused = None

    def complete(self, outputs: list[Artifact], now: datetime, goal: str) -> None:
        """The phase's outputs were accepted for the goal."""
        self.status = PhaseStatus.COMPLETED
        self.accepted_goal = goal_digest(goal) if outputs else ""
        self.completed_at = now
        self.outputs, self.refused = outputs, None


def goal_digest(goal: str) -> str:
    """SHA-256 of a whole goal, by which a phase and an event know it."""
    return hashlib.sha256(goal.encode()).hexdigest()


def state_words(state: str) -> str:
    """A state of a feature or a phase by itself, as ``in progress`` or ``waits for a person``."""
    return "waits for a person" if state == WAITS_FOR_PERSON else plain(state).replace("_", " ")


def state_predicate(state: str) -> str:
    """A state in a sentence, after what it is of: ``is in progress``, ``waits for a person``."""
    words = state_words(state)
    return words if state == WAITS_FOR_PERSON else f"is {words}"
