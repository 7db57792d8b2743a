"""Outputs that several features write: those whose path does not have the feature's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cde_orchestrator.application.views import SharedView
from cde_orchestrator.domain.feature import CLOSED_STATUSES, Feature, PhaseStatus
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import Workflow


@dataclass(frozen=True, slots=True)
class OthersRecord:
    """What another feature recorded at a path."""

    at: datetime
    sha256: str


def recorded_by_others(
    project: Project, feature: Feature, since: datetime | None
) -> Mapping[str, OthersRecord]:
    """By path, the newest output that another feature has had accepted since then."""
    newest: dict[str, OthersRecord] = {}
    for summary in project.features.summaries():
        if summary.id == feature.id or (since is not None and summary.updated_at < since):
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
    paths: dict[str, list[str]] = {path: [] for path in workflow.shared_paths()}
    if not paths:
        return []
    known: dict[str | None, Workflow | None] = {feature.workflow_digest: workflow}
    for summary in project.features.summaries():
        if summary.id == feature.id or summary.status in CLOSED_STATUSES:
            continue
        other = project.features.by_id(summary.id)
        if other is None:
            continue
        if other.workflow_digest not in known:
            known[other.workflow_digest] = project.workflow_of(other)
        followed = known[other.workflow_digest]
        for path in followed.shared_paths() if followed is not None else ():
            if path in paths:
                paths[path].append(other.name)
    return [{"path": path, "features": names} for path, names in paths.items() if names]
