"""Close a feature before it is completed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.application.features.followed_workflow import adopted
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.ports.checks import Callers
from cde_orchestrator.application.ports.core import ProjectRepository, WorkflowRepository
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply, feature_view, project_view
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import CANCELLED, FAILED
from cde_orchestrator.domain.records import checked_reason

OUTCOMES = (FAILED, CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseFeature(UseCase[FeatureReply], operation="close_feature"):
    """Take no more work on a feature; what it left stays.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        outcome: ``failed``, which can be resumed, or ``cancelled``, which can be rolled back.
        reason: why.
    """

    feature_id: str
    outcome: str
    reason: str

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        callers: Callers,
        clock: Clock,
    ) -> FeatureReply:
        """Close it.

        Raises:
            CDEError: E004, E102, E103, E105, E122, E206, E302, E303, E305 and the
                repository's own.
        """
        if self.outcome not in OUTCOMES:
            reason = f"it is {self.outcome!r}, not {FAILED} or {CANCELLED}"
            raise ValidationError.of("E305", argument="outcome", reason=reason)
        why, leases = checked_reason(self.reason), CallerLeases.of(callers, root, clock())
        with repository.transaction(root) as project:
            project.require_writable()
            feature, _ = adopted(project, self.feature_id, workflows, root)
            leases.require_free(feature, takeover=False)
            feature.close(self.outcome, why, leases.caller.name, leases.now)
            return {
                "project": project_view(project, root, repository.backend),
                "feature": feature_view(feature),
                "phase": None,
            }
