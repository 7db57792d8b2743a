"""Outputs that several features write: those whose path does not have the feature's name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from cde_orchestrator.application.views import SharedView
from cde_orchestrator.domain.feature import CLOSED_STATUSES, Feature
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Workflow

_NAMES_SHOWN = 5


class OthersRecord(Value):
    """What another feature recorded at a path."""

    at: datetime
    sha256: str


def recorded_by_others(
    project: Project, feature: Feature, workflow: Workflow, since: datetime | None
) -> Mapping[str, OthersRecord]:
    """By path, the newest output of the feature's that another one has had accepted since then.

    The others are decoded in ``project``, so it is not one that is being changed.
    """
    newest: dict[str, OthersRecord] = {}
    own = workflow.paths_for(feature.name)
    for summary, paths in _others(project, feature):
        if since is not None and summary.updated_at < since:
            continue
        if paths is not None and own.isdisjoint(paths):
            continue
        other = project.features.by_id(summary.id)
        for record in other.phases.values() if other is not None else ():
            at = record.completed_at
            if record.status is not PhaseStatus.COMPLETED or at is None:
                continue
            if since is not None and at < since:
                continue
            for artifact in record.outputs:
                known = newest.get(artifact.path)
                if known is None or known.at <= at:
                    newest[artifact.path] = OthersRecord(at, artifact.sha256)
    return newest


def shared_with(project: Project, feature: Feature, workflow: Workflow) -> list[SharedView]:
    """The paths that other open features are going to write as well."""
    names: dict[str, list[str]] = {path: [] for path in workflow.shared_paths()}
    for summary, paths in _others(project, feature) if names else ():
        if summary.status not in CLOSED_STATUSES:
            for path in names.keys() & (paths or ()):
                names[path].append(summary.name)
    return [
        {"path": path, "features": found[:_NAMES_SHOWN], "total": len(found)}
        for path, found in names.items()
        if found
    ]


def _others(
    project: Project, feature: Feature
) -> Iterator[tuple[FeatureSummary, Collection[str] | None]]:
    """The other features, with the paths of their outputs; None where no workflow is kept."""
    followed: dict[str | None, Workflow | None] = {None: None}
    for summary in project.features.summaries():
        digest = summary.workflow_digest
        if digest not in followed:
            kept = project.workflows.get(digest or "")
            followed[digest] = Workflow.from_dict(kept) if kept is not None else None
        if summary.id != feature.id:
            workflow = followed[digest]
            yield summary, workflow.paths_for(summary.name) if workflow is not None else None
