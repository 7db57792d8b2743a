"""Show where a feature stands."""

from __future__ import annotations

from dataclasses import dataclass

from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_prompt import committed_phase_view, workflow_for
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureDetailReply,
    FeatureStatusReply,
    feature_view,
    phase_record_views,
    project_view,
    work_view,
)
from cde_orchestrator.domain.exceptions import ValidationError

DETAILS = ("brief", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFeatureStatus(UseCase[FeatureStatusReply | FeatureDetailReply]):
    """A feature, its phases and the current phase's prompt.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        detail: ``brief``, or ``full`` for the whole goal and the times too.
    """

    feature_id: str
    detail: str = "brief"

    def __call__(self, ports: Ports) -> FeatureStatusReply | FeatureDetailReply:
        """Look it up.

        Raises:
            CDEError: E004, E102, E103, E305 and the repository's own.
        """
        if self.detail not in DETAILS:
            reason = f"it is {self.detail!r}, not one of {', '.join(DETAILS)}"
            raise ValidationError.of("E305", argument="detail", reason=reason)
        desk = CallerLeases.of(ports, None)
        project = ports.repository.get(ports.root)
        feature = project.feature(self.feature_id)
        workflow = workflow_for(project, feature, ports)
        brief: FeatureStatusReply = {
            "project": project_view(project, ports),
            "feature": feature_view(feature),
            "phases": phase_record_views(feature, workflow),
            "phase": committed_phase_view(project, feature, workflow, ports),
        }
        desk.renew_when_due(feature)
        if self.detail == "brief":
            return brief
        return {
            **brief,
            "goal": feature.prompt,
            "claim": desk.view(feature),
            "closing": feature.closing,
            "branch": feature.branch,
            "events": feature.events,
            "work": {phase.id: work_view(feature.phases[phase.id]) for phase in workflow.phases},
            "created_at": feature.created_at.isoformat(),
            "updated_at": feature.updated_at.isoformat(),
        }
