"""Save partial work inside a phase, for whoever resumes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.features.followed_workflow import adopted
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.ports.checks import Callers
from cde_orchestrator.application.ports.core import ProjectRepository, WorkflowRepository
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureView,
    ProgressView,
    ProjectView,
    feature_view,
    progress_view,
    project_view,
)
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.records import Progress


class SavedReply(TypedDict):
    """What was saved, and how many entries the phase keeps."""

    project: ProjectView
    feature: FeatureView
    saved: ProgressView
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveProgress(UseCase[SavedReply], operation="save_progress"):
    """Save a note, and data if wanted.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        phase_id: the current phase; None means it.
        note: what is done, what is found out, what comes next.
        data: any JSON value; with the note at most 64 KiB.
        agent: the agent's name, when the client has several.
    """

    feature_id: str
    note: str
    phase_id: str | None = None
    data: Any = None
    agent: str | None = None

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        callers: Callers,
        clock: Clock,
    ) -> SavedReply:
        """Save it.

        Raises:
            CDEError: E004, E102, E103, E105 to E107, E206, E302, E303, E305, E315 and the
                repository's own.
        """
        leases = CallerLeases.of(callers, root, clock(), self.agent)
        progress = Progress.checked(leases.now, leases.caller.name, self.note, self.data)
        with repository.transaction(root) as project:
            project.require_writable()
            feature, workflow = adopted(project, self.feature_id, workflows, root)
            wanted = self.phase_id if self.phase_id is not None else feature.current_phase
            phase = feature.require_current(wanted or "", workflow)
            record = feature.phases[phase.id]
            record.save(progress)
            leases.renew(feature)
            feature.updated_at = leases.now
            return {
                "project": project_view(project, root, repository.backend),
                "feature": feature_view(feature),
                "saved": progress_view(progress),
                "kept": len(record.progress),
            }
