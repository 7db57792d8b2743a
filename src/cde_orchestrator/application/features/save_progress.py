"""Save partial work inside a phase, for whoever resumes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.shapes import view_of
from cde_orchestrator.application.task_views import TasksDone, tasks_done
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureView, ProjectView, feature_view, project_view
from cde_orchestrator.application.work_views import ProgressView
from cde_orchestrator.domain.exceptions import besides
from cde_orchestrator.domain.feature_tasks import tick
from cde_orchestrator.domain.records import Progress


class SavedReply(TypedDict):
    """What was saved, and how many entries the phase keeps.

    ``saved`` is None where tasks were ticked without a note; ``tasks`` where none are listed.
    """

    project: ProjectView
    feature: FeatureView
    saved: ProgressView | None
    kept: int
    tasks: TasksDone | None


class SaveProgress(UseCase[SavedReply], operation="save_progress"):
    """Save a note, and data if wanted; tick tasks.

    Attributes:
        phase_id: the current phase; None means it.
        note: what is done, what is found out, what comes next.
        data: any JSON value; with the note at most 64 KiB.
        done: ids of tasks that are done.
        undone: ids of tasks that are not done after all.
    """

    feature_id: str
    note: str = ""
    phase_id: str | None = None
    data: Any = None
    agent: str | None = None
    done: Sequence[str] = ()
    undone: Sequence[str] = ()

    def __call__(self, *, features: ProjectFeatures, sources: ProjectSources) -> SavedReply:
        """Raises E004, E102, E103, E105 to E107, E153, E206, E302, E303, E305, E315."""
        leases = features.leases(self.agent)
        with besides(lambda: features.require_named(self.feature_id, self.phase_id)):
            progress = self._progress(leases)
        present = sources.keep_of(self.feature_id, features)
        with features.change(self.feature_id) as (project, feature, workflow):
            wanted = self.phase_id if self.phase_id is not None else feature.current_phase
            phase = feature.require_current(wanted or "", workflow)
            record = feature.phases[phase.id]
            newest = record.saved()[-1:]
            tick(feature, workflow, phase, self.done, self.undone)
            known = progress and newest and progress.repeats(newest[0])
            if known and not leases.caller.anonymous:
                (progress,) = newest
            else:
                if progress is not None:
                    record.save(progress)
                feature.seen_source = present.moment or feature.seen_source
                leases.renew(feature)
                feature.updated_at = leases.now
            return {
                "project": project_view(project, features.root, features.repository.backend),
                "feature": feature_view(feature),
                "saved": view_of(ProgressView, progress) if progress else None,
                "kept": len(record.progress),
                "tasks": tasks_done(feature, workflow),
            }

    def _progress(self, leases: CallerLeases) -> Progress | None:
        """The note to save; None where tasks are ticked and nothing else is said."""
        if not self.note.strip() and self.data is None and (self.done or self.undone):
            return None
        return Progress.checked(leases.now, leases.caller.name, self.note, self.data)
