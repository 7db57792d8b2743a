"""A feature on its way through the phases of its workflow."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog

from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.subject import name_subject
from cde_orchestrator.domain.workflow import Phase, Workflow

log = structlog.get_logger(__name__)


class PhaseStatus(StrEnum):
    """Where a phase stands."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"
CLOSED_STATUSES = frozenset({COMPLETED, FAILED, CANCELLED})


@dataclass(frozen=True, slots=True)
class Artifact:
    """A recorded output: the file's path in the project, its SHA-256 and size in bytes."""

    id: str
    path: str
    sha256: str
    size: int


@dataclass(slots=True)
class PhaseRecord:
    """What happened to one phase of a feature."""

    id: str
    status: PhaseStatus = PhaseStatus.PENDING
    attempts: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    outputs: list[Artifact] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def begin(self, now: datetime) -> None:
        """The phase is being worked on, once more."""
        self.status = PhaseStatus.IN_PROGRESS
        self.attempts += 1
        self.started_at = now
        self.completed_at = None

    def complete(self, outputs: list[Artifact], now: datetime) -> None:
        """The phase's outputs were accepted."""
        self.status = PhaseStatus.COMPLETED
        self.completed_at = now
        self.outputs = outputs


@dataclass(slots=True, kw_only=True)
class Feature:
    """One feature: what was asked, where it stands, what each phase left.

    Attributes:
        workflow_type: name of the workflow that it was started with.
        workflow_digest: key of that workflow, as it was, in ``Project.workflows``;
            None for a feature from before workflows were kept.
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
    created_at: datetime
    updated_at: datetime
    workflow_digest: str | None = None
    phases: dict[str, PhaseRecord] = field(default_factory=dict)
    artifacts: Any = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def create(
        cls, *, project_id: str, name: str, prompt: str, workflow: Workflow, now: datetime
    ) -> Feature:
        """A new feature in its workflow's first phase."""
        records = {phase.id: PhaseRecord(phase.id) for phase in workflow.phases}
        records[workflow.first.id].begin(now)
        return cls(
            id=str(uuid.uuid4()),
            project_id=project_id,
            name=name,
            prompt=prompt,
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
        if phase is None:
            phases = ", ".join(phase.id for phase in workflow.phases)
            raise FeatureError.of("E107", feature=self.name, phase=phase_id, phases=phases)
        name_subject(phase_id=phase.id)
        if not self.is_open:
            raise FeatureError.of("E105", feature=self.name, status=self.status)
        if phase_id != self.current_phase:
            raise FeatureError.of(
                "E106", feature=self.name, phase=phase_id, current_phase=self.current_phase
            )
        return phase

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
        self.phases[phase_id].complete(outputs, now)
        following = workflow.after(phase_id)
        self.updated_at = now
        if following is None:
            self.status, self.current_phase = COMPLETED, None
        else:
            self.phases[following.id].begin(now)
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


def artifacts_from(records: Mapping[str, PhaseRecord]) -> list[Artifact]:
    """The recorded outputs of all phases, in the order of the phases."""
    return [artifact for record in records.values() for artifact in record.outputs]
