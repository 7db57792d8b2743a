"""Show where a feature stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.application.features.followed_workflow import followed
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.ports.checks import Callers
from cde_orchestrator.application.ports.core import (
    ProjectFiles,
    ProjectRepository,
    PromptRenderer,
    WorkflowRepository,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureDetailReply,
    FeatureStatusReply,
    feature_view,
    phase_record_views,
    project_view,
    work_view,
)
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import ValidationError

DETAILS = ("brief", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFeatureStatus(
    UseCase[FeatureStatusReply | FeatureDetailReply], operation="get_feature_status"
):
    """A feature, its phases and the current phase's prompt.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        detail: ``brief``, or ``full`` for the whole goal and the times too.
    """

    feature_id: str
    detail: str = "brief"

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        prompts: PromptRenderer,
        files: ProjectFiles,
        callers: Callers,
        clock: Clock,
    ) -> FeatureStatusReply | FeatureDetailReply:
        """Look it up.

        Raises:
            CDEError: E004, E102, E103, E305 and the repository's own.
        """
        if self.detail not in DETAILS:
            reason = f"it is {self.detail!r}, not one of {', '.join(DETAILS)}"
            raise ValidationError.of("E305", argument="detail", reason=reason)
        leases = CallerLeases.of(callers, root, clock())
        project = repository.get(root)
        feature, workflow = followed(project, self.feature_id, workflows, root)
        phase = PhasePrompts(root, prompts, files).committed_view(project, feature, workflow)
        brief: FeatureStatusReply = {
            "project": project_view(project, root, repository.backend),
            "feature": feature_view(feature),
            "phases": phase_record_views(feature, workflow),
            "phase": phase,
        }
        leases.renew_when_due(feature, repository, root)
        if self.detail == "brief":
            return brief
        return {
            **brief,
            "goal": feature.prompt,
            "claim": leases.view(feature),
            "closing": feature.closing,
            "branch": feature.branch,
            "events": feature.events,
            "work": {phase.id: work_view(feature.phases[phase.id]) for phase in workflow.phases},
            "created_at": feature.created_at.isoformat(),
            "updated_at": feature.updated_at.isoformat(),
        }
