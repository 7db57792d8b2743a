"""The criteria of a feature, as the project's files have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cde_orchestrator.domain.approval import waived
from cde_orchestrator.domain.criteria import Criterion, criteria_of_file
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Phase, Workflow

if TYPE_CHECKING:
    from cde_orchestrator.application.features.project_outputs import ProjectOutputs


def proving_phase(workflow: Workflow) -> Phase | None:
    """The phase that proves the criteria of another one's output."""
    return next((phase for phase in workflow.phases if phase.proves is not None), None)


def criteria_of(feature: Feature, workflow: Workflow, outputs: ProjectOutputs) -> list[Criterion]:
    """The criteria as the project's files have them now; none where none are asked for."""
    phase = proving_phase(workflow)
    owner = workflow.output_owner(phase.proves or "") if phase else None
    if owner is None:
        return []
    path = owner[1].path_for(feature.name)
    try:
        content = outputs.read(path, owner[1].id)
    except (OutputError, ValidationError):
        return []
    return criteria_of_file(content.data) if content else []


def are_all_waived(feature: Feature, workflow: Workflow, outputs: ProjectOutputs) -> bool:
    """Whether there are criteria, and a person waived each."""
    criteria = criteria_of(feature, workflow, outputs) if feature.waivers else []
    return bool(criteria) and len(waived(feature.waivers, criteria)) == len(criteria)
