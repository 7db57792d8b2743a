"""The contract: the objects that agents and ``--json`` are answered with.

Made from entities here and nowhere else, so that every surface says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

from cde_orchestrator.application.ports import Ports
from cde_orchestrator.domain.feature import Artifact, Feature, PhaseRecord
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import Output, Workflow


class ProjectView(TypedDict):
    """Which project, where its state is kept, and whether it takes changes."""

    id: str
    name: str
    path: str
    status: str
    backend: str
    read_only: bool


class FeatureView(TypedDict):
    """Where a feature stands."""

    id: str
    name: str
    status: str
    current_phase: str | None
    workflow: str


class OutputView(TypedDict):
    """What a phase must produce; ``path`` is relative to the project."""

    id: str
    path: str
    type: str
    required: bool
    min_bytes: int
    must_contain: list[str]


class PhaseView(TypedDict):
    """A phase to work on: its prompt and what it must produce."""

    id: str
    description: str
    handler: str
    prompt: str
    outputs: list[OutputView]


class ArtifactView(TypedDict):
    """A recorded output."""

    id: str
    path: str
    sha256: str
    size: int


class PhaseRecordView(TypedDict):
    """What happened to a phase; times are ISO 8601."""

    id: str
    status: str
    attempts: int
    started_at: str | None
    completed_at: str | None
    outputs: list[ArtifactView]


class FeatureRow(TypedDict):
    """A feature in a list."""

    id: str
    name: str
    status: str
    current_phase: str | None
    updated_at: str


class FeatureReply(TypedDict):
    """A feature and the phase to work on next; None when it is completed."""

    project: ProjectView
    feature: FeatureView
    phase: PhaseView | None


class SubmitReply(FeatureReply):
    """A feature after a phase was accepted, with what was recorded for that phase."""

    accepted: PhaseRecordView


class FeatureStatusReply(FeatureReply):
    """A feature with all its phases."""

    phases: list[PhaseRecordView]


class FeatureDetailReply(FeatureStatusReply):
    """A feature with everything that is known of it."""

    goal: str
    created_at: str
    updated_at: str


class FeatureListReply(TypedDict):
    """A page of features; ``next_cursor`` is None on the last page."""

    project: ProjectView
    features: list[FeatureRow]
    total: int
    next_cursor: str | None


def project_view(project: Project, ports: Ports) -> ProjectView:
    """The project as the contract has it."""
    return {
        "id": project.id,
        "name": project.name,
        "path": str(ports.root),
        "status": project.status.value,
        "backend": ports.repository.backend,
        "read_only": project.read_only,
    }


def feature_view(feature: Feature) -> FeatureView:
    """The feature as the contract has it."""
    return {
        "id": feature.id,
        "name": feature.name,
        "status": feature.status,
        "current_phase": feature.current_phase,
        "workflow": feature.workflow_type,
    }


def feature_row(feature: FeatureSummary) -> FeatureRow:
    """The feature as a list shows it."""
    return {
        "id": feature.id,
        "name": feature.name,
        "status": feature.status,
        "current_phase": feature.current_phase,
        "updated_at": feature.updated_at.isoformat(),
    }


def output_view(output: Output, feature_name: str) -> OutputView:
    """The declared output, its path filled in."""
    return {
        "id": output.id,
        "path": output.path_for(feature_name),
        "type": output.type,
        "required": output.required,
        "min_bytes": output.min_bytes,
        "must_contain": list(output.must_contain),
    }


def artifact_views(artifacts: Iterable[Artifact]) -> list[ArtifactView]:
    """Recorded outputs as the contract has them."""
    return [{"id": a.id, "path": a.path, "sha256": a.sha256, "size": a.size} for a in artifacts]


def phase_record_view(record: PhaseRecord) -> PhaseRecordView:
    """What happened to a phase, as the contract has it."""
    return {
        "id": record.id,
        "status": record.status.value,
        "attempts": record.attempts,
        "started_at": _iso(record.started_at),
        "completed_at": _iso(record.completed_at),
        "outputs": artifact_views(record.outputs),
    }


def phase_record_views(feature: Feature, workflow: Workflow) -> list[PhaseRecordView]:
    """All phases of a feature, in the workflow's order."""
    return [phase_record_view(feature.phases[phase.id]) for phase in workflow.phases]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
