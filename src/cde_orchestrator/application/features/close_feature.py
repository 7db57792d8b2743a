"""Close a feature before it is completed."""

from __future__ import annotations

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.seen_feature import require_seen
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply
from cde_orchestrator.domain.exceptions import ValidationError, besides
from cde_orchestrator.domain.feature import CANCELLED, FAILED
from cde_orchestrator.domain.records import checked_reason


class CloseFeature(UseCase[FeatureReply], operation="close_feature"):
    """Take no more work on a feature; what it left stays.

    Attributes:
        outcome: ``failed``, which can be resumed, or ``cancelled``, which can be rolled back.
        reason: why.
        seen: the feature's state as it was shown to whoever decides, as of ``SeeFeature``.
    """

    feature_id: str
    outcome: str
    reason: str
    agent: str | None = None
    takeover: bool = False
    seen: str | None = None

    def __call__(self, *, features: ProjectFeatures) -> FeatureReply:
        """Raises E004, E102, E103, E105, E122, E155, E206, E302, E303, E305."""
        why = self.check(features)
        leases = features.leases(self.agent)
        with features.change(self.feature_id) as (project, feature, _):
            require_seen(feature, self.seen)
            leases.require_free(feature, takeover=self.takeover)
            leases.take(feature, deliberate=False)
            feature.close(self.outcome, why, leases.caller.name, leases.now)
        return features.reply(project, feature, None)

    def check(self, features: ProjectFeatures) -> str:
        """The reason; E102, E103, E302, E303, E305."""
        with besides(lambda: checked_reason(self.reason), lambda: features.read(self.feature_id)):
            self._require_outcome()
        with besides(lambda: features.read(self.feature_id)):
            return checked_reason(self.reason)

    def _require_outcome(self) -> None:
        if self.outcome not in (FAILED, CANCELLED):
            reason = f"it is {self.outcome!r}, not {FAILED} or {CANCELLED}"
            raise ValidationError.of("E305", argument="outcome", reason=reason)
