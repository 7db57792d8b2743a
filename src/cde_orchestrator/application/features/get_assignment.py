"""What a feature needs next, for whoever drives it."""

from __future__ import annotations

from dataclasses import dataclass

from cde_orchestrator.application.features.phase_prompt import current_phase_view, workflow_for
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply, feature_view, project_view


class AssignmentReply(FeatureReply):
    """A feature and its current phase, with that phase's place and bounds."""

    number: int
    total: int
    phases: list[str]
    max_attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAssignment(UseCase[AssignmentReply]):
    """The current phase, its place among the phases and how often it may be tried.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
    """

    feature_id: str

    def __call__(self, ports: Ports) -> AssignmentReply:
        """Look it up.

        Raises:
            CDEError: E004, E102, E103, E312, E313 and the repository's own.
        """
        project = ports.repository.get(ports.root)
        feature = project.feature(self.feature_id)
        workflow = workflow_for(project, feature, ports)
        ids = [phase.id for phase in workflow.phases]
        current = feature.current_phase
        return {
            "project": project_view(project, ports),
            "feature": feature_view(feature),
            "phase": current_phase_view(project, feature, workflow, ports),
            "number": ids.index(current) + 1 if current in ids else len(ids),
            "total": len(ids),
            "phases": ids,
            "max_attempts": workflow.max_attempts,
        }
