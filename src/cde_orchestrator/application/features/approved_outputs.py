"""An approval holds for what was approved: a change of it before the next submission voids it."""

from __future__ import annotations

from collections.abc import Collection

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import Present
from cde_orchestrator.domain.exceptions import FeatureError, OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Phase, Workflow

VOID = "approval_void"
"""The event that a change of what was approved leaves."""


def require_approved(
    feature: Feature,
    phase: Phase,
    workflow: Workflow,
    outputs: ProjectOutputs,
    features: ProjectFeatures,
    accepted: Collection[str],
) -> None:
    """Open the approval right before a phase again, where something of it changed since.

    ``accepted`` are paths that were checked already; what this phase or a later one writes
    itself may change.

    Raises:
        FeatureError: E141, the approval is void, and its phase waits for a person again.
    """
    at = workflow.phases.index(phase)
    before = workflow.phases[at - 1] if at else None
    approval = feature.phases[before.id].approval if before else None
    if before is None or approval is None:
        return
    later = {
        each.path_for(feature.name) for next_ in workflow.phases[at:] for each in next_.outputs
    }
    changed = [
        path
        for path, digest in approval.outputs.items()
        if path not in later and path not in accepted and _digest(path, outputs) != digest
    ]
    if not changed:
        return
    reason = f"{', '.join(changed)} changed since it was approved"
    with features.change(feature.id) as (_, present, _):
        if present.current_phase == phase.id:
            at_, by = features.clock(), features.leases().caller.name
            present.roll_back(before, reason, by, workflow, at_)
            present.note(VOID, at=at_.isoformat(), by=by, phase=before.id, reason=reason)
            enter_phase(present, workflow, outputs, Present(), again=True)
    words = f"{reason}: the approval is void, and '{before.id}' waits for a person again"
    raise FeatureError.of("E141", feature=feature.name, phase=before.id, reason=words)


def _digest(path: str, outputs: ProjectOutputs) -> str | None:
    try:
        content = outputs.read(path, path)
    except (OutputError, ValidationError):
        return None
    return content.sha256 if content else None
