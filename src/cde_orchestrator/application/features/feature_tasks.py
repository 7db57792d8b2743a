"""The tasks of a feature, as outputs that are submitted list and tick them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.feature_tasks import accepted_tasks
from cde_orchestrator.domain.workflow import Phase, Workflow


def covered_outputs(
    feature: Feature, workflow: Workflow, phase: Phase, outputs: ProjectOutputs
) -> Mapping[str, bytes]:
    """Outputs of earlier phases whose criteria the tasks of this one have to name, by id."""
    found: dict[str, bytes] = {}
    for output in phase.outputs:
        owner = workflow.output_owner(output.covers or "")
        if owner is None or owner[0] == phase:
            continue
        try:
            content = outputs.read(owner[1].path_for(feature.name), owner[1].id)
        except (OutputError, ValidationError):
            continue
        if content is not None:
            found[owner[1].id] = content.data
    return found


def keep_tasks(
    feature: Feature, workflow: Workflow, phase: Phase, contents: Mapping[str, Content]
) -> None:
    """Record what accepted outputs list and tick."""
    record = feature.phases[phase.id]
    data = {key: content.data for key, content in contents.items()}
    record.tasks, record.ticks = accepted_tasks(feature, workflow, phase, data)


def with_accepted_tasks(
    feature: Feature, workflow: Workflow, phase: Phase, contents: Mapping[str, Content]
) -> Feature:
    """The feature as it will be once these outputs are accepted, as far as tasks go."""
    after = replace(feature, phases={**feature.phases})
    after.phases[phase.id] = replace(feature.phases[phase.id])
    keep_tasks(after, workflow, phase, contents)
    return after
