"""What a feature needs next, for whoever drives it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.application.features.followed_workflow import followed
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.ports.core import (
    ProjectFiles,
    ProjectRepository,
    PromptRenderer,
    WorkflowRepository,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply, feature_view, project_view


class AssignmentReply(FeatureReply):
    """A feature and its current phase, with that phase's place and bounds."""

    number: int
    total: int
    phases: list[str]
    max_attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAssignment(UseCase[AssignmentReply], operation="get_assignment"):
    """The current phase, its place among the phases and how often it may be tried.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
    """

    feature_id: str

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        prompts: PromptRenderer,
        files: ProjectFiles,
    ) -> AssignmentReply:
        """Look it up.

        Raises:
            CDEError: E004, E102, E103, E312, E313 and the repository's own.
        """
        project = repository.get(root)
        feature, workflow = followed(project, self.feature_id, workflows, root)
        ids = [phase.id for phase in workflow.phases]
        current = feature.current_phase
        return {
            "project": project_view(project, root, repository.backend),
            "feature": feature_view(feature),
            "phase": PhasePrompts(root, prompts, files).current_view(project, feature, workflow),
            "number": ids.index(current) + 1 if current in ids else len(ids),
            "total": len(ids),
            "phases": ids,
            "max_attempts": workflow.max_attempts,
        }
