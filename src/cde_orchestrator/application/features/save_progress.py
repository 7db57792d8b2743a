"""Save partial work inside a phase, for whoever resumes it."""

from __future__ import annotations

from typing import Any, TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureView,
    ProgressView,
    ProjectView,
    feature_view,
    project_view,
    view_of,
)
from cde_orchestrator.domain.records import Progress


class SavedReply(TypedDict):
    """What was saved, and how many entries the phase keeps."""

    project: ProjectView
    feature: FeatureView
    saved: ProgressView
    kept: int


class SaveProgress(UseCase[SavedReply], operation="save_progress"):
    """Save a note, and data if wanted.

    Attributes:
        phase_id: the current phase; None means it.
        note: what is done, what is found out, what comes next.
        data: any JSON value; with the note at most 64 KiB.
    """

    feature_id: str
    note: str
    phase_id: str | None = None
    data: Any = None
    agent: str | None = None

    def __call__(self, *, features: ProjectFeatures, sources: ProjectSources) -> SavedReply:
        """Raises E004, E102, E103, E105 to E107, E206, E302, E303, E305, E315."""
        leases = features.leases(self.agent)
        progress = Progress.checked(leases.now, leases.caller.name, self.note, self.data)
        present = sources.keep_of(self.feature_id, features)
        with features.change(self.feature_id) as (project, feature, workflow):
            wanted = self.phase_id if self.phase_id is not None else feature.current_phase
            phase = feature.require_current(wanted or "", workflow)
            record = feature.phases[phase.id]
            newest = record.saved()[-1:]
            if newest and not leases.caller.anonymous and progress.repeats(newest[0]):
                (progress,) = newest
            else:
                record.save(progress)
                feature.seen_source = present.moment or feature.seen_source
                leases.renew(feature)
                feature.updated_at = leases.now
            return {
                "project": project_view(project, features.root, features.repository.backend),
                "feature": feature_view(feature),
                "saved": view_of(ProgressView, progress),
                "kept": len(record.progress),
            }
