"""A feature on its way through the phases of its workflow."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cde_orchestrator.domain.approval import Waiver
from cde_orchestrator.domain.clock import Stopwatch, to_the_second, utc_now
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.lease import Claim
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.names import slug_from
from cde_orchestrator.domain.phase_record import PhaseRecord, PhaseStatus
from cde_orchestrator.domain.proofs import Verified
from cde_orchestrator.domain.records import (
    Artifact,
    Baseline,
    Failure,
    Progress,
    Returned,
    SourceBase,
    SourceMoment,
)
from cde_orchestrator.domain.subject import name_subject
from cde_orchestrator.domain.text import checked_prompt
from cde_orchestrator.domain.trial import Trial
from cde_orchestrator.domain.workflow import (
    CANONICAL_STATUS,
    IN_PROGRESS,
    WAITS_FOR_PERSON,
    Phase,
    Workflow,
)

log = get_logger(__name__)


COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"
EVENTS_KEPT = 20
EDITED = "edited"
"""The event that an edit leaves: the beginning of the goal and its digest, and the name, before."""
OUTPUTS_RESTORED = "outputs_restored"
"""The event of changed outputs that were put back as they were accepted: ``files`` say how it is
undone, as those of a rollback."""
COMMITTED = "committed"
"""The event that a commit of all its files leaves."""
CHANGED_WORKFLOW = "workflow_changed"
"""The event that a change of the workflow leaves."""
NOTES_RETURNED = 5
"""Notes of a phase that whoever begins it again is given."""
CLOSED_STATUSES = frozenset({COMPLETED, FAILED, CANCELLED})
KNOWN_STATUSES = CLOSED_STATUSES | {*CANONICAL_STATUS.values(), IN_PROGRESS, WAITS_FOR_PERSON}
"""All that a feature may have, but for those that its workflow names."""


@dataclass(slots=True, kw_only=True)
class Feature:
    """One feature: what was asked, where it stands, what each phase left.

    Attributes:
        workflow_type: name of the workflow that it was started with.
        workflow_digest: key of that workflow in ``Project.workflows``; None before any was kept.
        workflow_file: digest of ``workflow_digest`` and the ``Workflow.file_digest`` of the file
            that had it when that was seen last; empty where none is known.
        claim: the lease of the agent at work.
        closing: how and why it was closed before it was completed.
        idempotency_key: names the call that started it, so that a repeated call starts none.
        branch: the git branch that was made for it.
        baseline: the work tree when it began; None where nobody looked.
        base: all of the source when it began; None where git could not keep it.
        trials: how its checks and runners of tests ended before work began.
        seen_source: all of the source when something was last submitted for it, accepted or
            refused by its check, or saved.
        verified: how it ended when it was proven again after it was completed.
        waivers: criteria that a person lets count without a proof, by id.
        events: takeovers, rollbacks and decisions, newest last.
        artifacts: recorded outputs as older releases kept them; carried along unchanged.
        extra: keys of a stored feature that this release does not know.
    """

    id: str
    project_id: str
    name: str
    prompt: str
    status: str
    current_phase: str | None
    workflow_type: str
    workflow_digest: str | None = None
    workflow_file: str = ""
    created_at: datetime
    updated_at: datetime
    claim: Claim | None = None
    closing: dict[str, str] | None = None
    idempotency_key: str | None = None
    branch: str | None = None
    baseline: Baseline | None = None
    base: SourceBase | None = None
    trials: list[Trial] = field(default_factory=list)
    seen_source: SourceMoment | None = None
    verified: Verified | None = None
    waivers: dict[str, Waiver] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    phases: dict[str, PhaseRecord] = field(default_factory=dict)
    artifacts: Any = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        project_id: str,
        prompt: str,
        *,
        name: str | None = None,
        workflow: Workflow | None = None,
        now: datetime | None = None,
        feature_id: str | None = None,
    ) -> Feature:
        """A new feature in its workflow's first phase; raises as ``checked_prompt``."""
        workflow, now = workflow or Workflow.canonical(), now or utc_now()
        records = {phase.id: PhaseRecord(phase.id) for phase in workflow.phases}
        records[workflow.first.id].begin(now)
        return cls(
            id=feature_id or str(uuid.uuid4()),
            project_id=project_id,
            name=name or slug_from(checked_prompt(prompt)),
            prompt=checked_prompt(prompt),
            status=workflow.first.feature_status,
            current_phase=workflow.first.id,
            workflow_type=workflow.id,
            created_at=now,
            updated_at=now,
            phases=records,
        )

    @property
    def is_open(self) -> bool:
        """Whether it takes more work."""
        return self.status not in CLOSED_STATUSES

    def follow(self, workflow: Workflow) -> None:
        """Give a feature that has no phase records those of ``workflow``.

        A feature of an older release knows only its current phase: the phases before it
        count as completed, without recorded outputs.
        """
        self.workflow_type = workflow.id
        if self.phases:
            return
        if self.current_phase is None or workflow.find(self.current_phase) is None:
            self.current_phase = workflow.first.id if self.is_open else self.current_phase
        before = self.status == COMPLETED or self.is_open
        for phase in workflow.phases:
            record = PhaseRecord(phase.id)
            if phase.id == self.current_phase and self.is_open:
                record.begin(self.updated_at)
                self.status = phase.feature_status
                before = False
            elif before:
                record.status = PhaseStatus.COMPLETED
            self.phases[phase.id] = record

    def require_current(self, phase_id: str, workflow: Workflow) -> Phase:
        """The phase, if work on it can be submitted now.

        Raises:
            FeatureError: E107 no such phase, E105 the feature is closed, E106 the phase is
                not the current one.
        """
        phase = workflow.find(phase_id)
        if phase is None and self.is_open:
            raise workflow.no_phase(self.name, phase_id)
        if phase is not None:
            name_subject(workflow=self.workflow_type, phase_id=phase.id)
        if phase is None or not self.is_open:
            raise self.closed()
        if phase_id != self.current_phase:
            raise FeatureError.of(
                "E106", feature=self.name, phase=phase_id, current_phase=self.current_phase
            )
        return phase

    @property
    def committed(self) -> Mapping[str, Any] | None:
        """The event of the commit that has what it completed last; None where none is known."""
        done = [it.completed_at.isoformat() for it in self.phases.values() if it.completed_at]
        last = next((each for each in self.events[::-1] if each.get("event") == COMMITTED), None)
        if last is None or self.status != COMPLETED:
            return None
        return last if str(last.get("at")) >= max(done, default="") else None

    def closed(self) -> FeatureError:
        """E105, for what needs an open feature: how this one ended, and since when it has."""
        done = [each.completed_at for each in self.phases.values() if each.completed_at]
        ended = max(done) if done and self.status == COMPLETED else self.updated_at
        since = self.closing["at"] if self.closing else ended.isoformat()
        words = f"It is {self.status} since {to_the_second(since)}."
        return FeatureError.of("E105", feature=self.name, status=self.status).also(words)

    def complete_phase(
        self, phase_id: str, outputs: list[Artifact], workflow: Workflow, now: datetime
    ) -> Phase | None:
        """Record the phase's outputs and begin the next phase.

        Returns:
            The phase that is current now, or None when the feature is completed.

        Raises:
            FeatureError: E105, E106 or E107 as ``require_current``.
        """
        watch = Stopwatch()
        self.require_current(phase_id, workflow)
        self.phases[phase_id].complete(outputs, now, self.prompt)
        following = workflow.after(phase_id)
        self.updated_at = now
        if following is None:
            self.status, self.current_phase, self.claim = COMPLETED, None, None
        else:
            self.phases[following.id].begin(now)
            if workflow.waits_for_person(phase_id):  # nobody reads there what was noted meanwhile
                for saved in self.phases[phase_id].saved():
                    self.phases[following.id].save(saved)
            self.status, self.current_phase = following.feature_status, following.id
        log.info(
            "phase_completed",
            operation="complete_phase",
            feature_id=self.id,
            phase_id=phase_id,
            next_phase=self.current_phase,
            duration_ms=watch.elapsed_ms,
        )
        return following

    def fail_phase(
        self,
        phase_id: str,
        reason: str,
        by: str,
        workflow: Workflow,
        now: datetime,
        key: str | None = None,
        *,
        stays: bool = False,
    ) -> int:
        """Record a failed attempt; the feature stays at the phase, or fails with the last one.

        Where it ``stays`` all the same, a person has been called, and gets all attempts again.

        Returns:
            How many attempts are left.

        Raises:
            FeatureError: E105, E106 or E107 as ``require_current``.
        """
        self.require_current(phase_id, workflow)
        record = self.phases[phase_id]
        record.failures = [*record.failures, Failure(now, record.attempts, reason, by, key)]
        record.status = PhaseStatus.FAILED
        left = record.attempts_left(workflow.max_attempts)
        self.updated_at = now
        if left:
            record.begin(now)
        elif stays:
            record.begin_anew(now)
        else:
            self._close(FAILED, reason, by, now)
        log.info(
            "phase_failed",
            operation="fail_phase",
            feature_id=self.id,
            phase_id=phase_id,
            attempts_left=left,
        )
        return left

    def close(self, outcome: str, reason: str, by: str, now: datetime) -> None:
        """Take no more work: the feature is ``failed`` or ``cancelled``, not completed.

        Raises:
            FeatureError: E105, it is closed already.
        """
        if not self.is_open:
            raise self.closed()
        record = self.phases[self.current_phase or ""]
        record.status = PhaseStatus.FAILED if outcome == FAILED else PhaseStatus.PENDING
        if outcome == FAILED:  # whoever resumes is shown why
            record.failures = [*record.failures, Failure(now, record.attempts, reason, by)]
        self._close(outcome, reason, by, now)
        log.info("feature_closed", operation="close", feature_id=self.id, outcome=outcome)

    def reopen(self, workflow: Workflow, now: datetime, *, cancelled: bool = False) -> bool:
        """Take a failed feature back to the phase that failed, or a ``cancelled`` one to its own.

        Returns:
            Whether it was closed so; an open or completed feature stays as it is.

        Raises:
            FeatureError: E105, it was cancelled, and that is not meant.
        """
        if self.status == CANCELLED and not cancelled:
            raise self.closed()
        if self.status not in {FAILED, CANCELLED}:
            return False
        phase = workflow.find(self.current_phase or "") or workflow.first
        self._enter(phase, now)
        return True

    def roll_back(
        self, to_phase: Phase, reason: str, by: str, workflow: Workflow, now: datetime
    ) -> list[str]:
        """Begin an earlier phase again, or the present one; what came after no longer counts.

        Returns:
            The phases that were rolled back, in the workflow's order.
        """
        ids = [phase.id for phase in workflow.phases]
        later = [self.phases[each] for each in ids[ids.index(to_phase.id) + 1 :]]
        undone = [record for record in later if record.status is not PhaseStatus.PENDING]
        target = self.phases[to_phase.id]
        # What people noted while they were asked is for whoever does the work again.
        asked = (record for record in undone if workflow.waits_for_person(record.id))
        people = [saved for record in asked for saved in record.saved()]
        closed_as = None if self.is_open else self.status
        for record in (target, *undone):
            kept = [*record.saved(), *(people if record is target else [])]
            notes = tuple(saved.note for saved in kept[-NOTES_RETURNED:])
            record.roll_back(reason)
            to = None if record is target else to_phase.id
            record.returned = Returned(
                now, by, reason, notes=notes, to=to, closed_as=None if to else closed_as
            )
        target.outputs = []
        self._enter(to_phase, now)
        return [record.id for record in undone]

    def change_workflow(self, workflow: Workflow, by: str, now: datetime) -> list[Progress]:
        """Begin another workflow, which the project gave it; of what was done a summary stays.

        Returns:
            The notes of all phases, oldest first.
        """
        left = [each for each in self.phases.values() if each.status is not PhaseStatus.PENDING]
        records = {phase.id: PhaseRecord(phase.id) for phase in workflow.phases}
        for record in left:
            done = {"workflow": self.workflow_type, **record.to_dict()}
            records[workflow.first.id].past += [*record.past, done]
        self.note(
            CHANGED_WORKFLOW,
            at=now.isoformat(),
            by=by,
            before=self.workflow_type,
            after=workflow.id,
            phase=self.current_phase,
        )
        self.phases, self.workflow_type = records, workflow.id
        self._enter(workflow.first, now)
        return sorted((each for record in left for each in record.saved()), key=lambda it: it.at)

    def remember_file(self, workflow: Workflow) -> None:
        """Remember which file has the workflow that is kept with the feature."""
        if workflow.file_digest:
            self.workflow_file = self._marked(workflow.file_digest)

    def is_of_file(self, digest: str) -> bool:
        """Whether the file with this ``Workflow.file_digest`` has the workflow that is kept."""
        return bool(digest) and self.workflow_file == self._marked(digest)

    def _marked(self, digest: str) -> str:
        return hashlib.sha256(f"{self.workflow_digest} {digest}".encode()).hexdigest()[:16]

    def edit(self, goal: str, name: str, now: datetime) -> None:
        """Give it another goal and another name; whoever had its prompt gets it in full again."""
        self.prompt, self.name, self.updated_at = goal, name, now
        self.phases[self.current_phase or ""].given = ""

    def note(self, event: str, **facts: Any) -> None:
        """Keep what happened to the feature, the newest events alone."""
        self.events = [*self.events, {"event": event, **facts}][-EVENTS_KEPT:]

    def _enter(self, phase: Phase, now: datetime) -> None:
        self.phases[phase.id].begin_anew(now)
        self.status, self.current_phase = phase.feature_status, phase.id
        self.closing, self.updated_at = None, now

    def _close(self, outcome: str, reason: str, by: str, now: datetime) -> None:
        self.status, self.updated_at, self.claim = outcome, now, None
        self.closing = {"outcome": outcome, "reason": reason, "by": by, "at": now.isoformat()}


def artifacts_from(records: Mapping[str, PhaseRecord]) -> list[Artifact]:
    """The accepted outputs, in the order of the phases; those that went back count no more."""
    accepted = (each for each in records.values() if each.status is PhaseStatus.COMPLETED)
    return [artifact for record in accepted for artifact in record.outputs]
