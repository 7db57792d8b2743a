"""Close a feature before it is completed."""

from __future__ import annotations

from dataclasses import dataclass

from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_prompt import adopt_workflow
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply, feature_view, project_view
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import CANCELLED, FAILED
from cde_orchestrator.domain.records import checked_reason

OUTCOMES = (FAILED, CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseFeature(UseCase[FeatureReply]):
    """Take no more work on a feature; what it left stays.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        outcome: ``failed``, which can be resumed, or ``cancelled``, which can be rolled back.
        reason: why.
    """

    feature_id: str
    outcome: str
    reason: str

    def __call__(self, ports: Ports) -> FeatureReply:
        """Close it.

        Raises:
            CDEError: E004, E102, E103, E105, E122, E206, E302, E303, E305 and the
                repository's own.
        """
        if self.outcome not in OUTCOMES:
            reason = f"it is {self.outcome!r}, not {FAILED} or {CANCELLED}"
            raise ValidationError.of("E305", argument="outcome", reason=reason)
        why, desk = checked_reason(self.reason), CallerLeases.of(ports, None)
        with ports.repository.transaction(ports.root) as project:
            project.require_writable()
            feature = project.feature(self.feature_id)
            adopt_workflow(project, feature, ports)
            desk.require_free(feature, takeover=False)
            feature.close(self.outcome, why, desk.caller.name, desk.now)
            return {
                "project": project_view(project, ports),
                "feature": feature_view(feature),
                "phase": None,
            }
