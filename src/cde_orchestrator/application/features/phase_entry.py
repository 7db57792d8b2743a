"""What is recorded when a phase begins: the outputs as they stand, and git's commit and changes."""

from __future__ import annotations

from cde_orchestrator.application.features.source_changes import remember
from cde_orchestrator.application.ports.checks import WorkTree
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Workflow


def enter_phase(feature: Feature, workflow: Workflow, ports: Ports, tree: WorkTree | None) -> None:
    """Record the beginning of the current phase, so that a rollback can come back to it.

    An output that is no plain file, or too large, is not recorded and stays as it is then.

    Args:
        feature: it stands in the phase already.
        workflow: all its outputs are looked at.
        ports: for files and contents.
        tree: git's, asked for before the state was locked.

    Raises:
        StateError: E203 or E204, the content could not be kept.
    """
    record = feature.phases.get(feature.current_phase or "")
    if record is None or not feature.is_open:
        return
    remember(record, tree, ports)
    record.end_commit, record.entered = None, {}
    for phase in workflow.phases:
        for output in phase.outputs:
            try:
                content = ports.files.read(ports.root, output.path_for(feature.name), output.id)
            except (OutputError, ValidationError):
                continue
            digest = None if content is None else ports.objects.put(ports.root, content)
            record.entered[output.id] = digest
