"""What is recorded when a phase begins: the outputs as they are, and the source."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.application.features.project_sources import Present
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Workflow


def enter_phase(
    feature: Feature,
    workflow: Workflow,
    outputs: ProjectOutputs,
    present: Present,
    known: Mapping[str, Content | None] | None = None,
    *,
    again: bool = False,
) -> None:
    """Record the beginning of the current phase, so that a rollback can come back to it.

    An output that is no plain file, or too large, is not recorded and stays as it is then.

    Args:
        feature: it stands in the phase already.
        workflow: all its outputs are looked at.
        outputs: the project's.
        present: the source, looked at before the state was locked.
        known: contents by path that were read already; None: there is no file.
        again: whether the source is compared with what it was when the phase first began.

    Raises:
        StateError: E203 or E204, the content could not be kept.
    """
    record = feature.phases.get(feature.current_phase or "")
    if record is None or not feature.is_open:
        return
    if not (again and record.start_source):
        record.start_source = present.moment
    record.start_commit = present.commit
    record.end_commit, record.entered, record.written = None, {}, {}
    record.entered_at, known = record.started_at, known or {}
    lacks = cache(outputs.lacks)  # a new feature has no folder yet, in which all of them are
    for phase in workflow.phases:
        for output in phase.outputs:
            path = output.path_for(feature.name)
            folder = path.rpartition("/")[0]
            try:
                if path in known:
                    content = known[path]
                else:
                    content = None if lacks(folder) else outputs.read(path, output.id)
            except (OutputError, ValidationError):
                continue
            if content is not None:
                outputs.keep(content)
            record.entered[output.id] = content.sha256 if content else None
