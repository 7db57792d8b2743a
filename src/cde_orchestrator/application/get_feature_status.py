"""Show where a feature stands."""

from __future__ import annotations

from dataclasses import dataclass

from cde_orchestrator.application.leases import Desk
from cde_orchestrator.application.phase_prompt import current_phase_view, workflow_for
from cde_orchestrator.application.ports import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureDetailReply,
    FeatureStatusReply,
    PhaseView,
    feature_view,
    output_view,
    phase_record_views,
    project_view,
    work_view,
)
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import Workflow

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
        desk = Desk.of(ports, None)
        project = ports.repository.get(ports.root)
        feature = project.feature(self.feature_id)
        workflow = workflow_for(project, feature, ports)
        brief: FeatureStatusReply = {
            "project": project_view(project, ports),
            "feature": feature_view(feature),
            "phases": phase_record_views(feature, workflow),
            "phase": _phase(project, feature, workflow, ports),
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


def _phase(
    project: Project, feature: Feature, workflow: Workflow, ports: Ports
) -> PhaseView | None:
    """The current phase; its prompt tells why, where its template cannot be filled in."""
    try:
        return current_phase_view(project, feature, workflow, ports)
    except ValidationError as error:
        if error.code not in {"E312", "E313"}:
            raise
        phase = feature.require_current(feature.current_phase or "", workflow)
        return {
            "id": phase.id,
            "description": phase.description,
            "handler": phase.handler,
            "prompt": "",
            "outputs": [output_view(output, feature.name) for output in phase.outputs],
            "problem": error.message,
        }
