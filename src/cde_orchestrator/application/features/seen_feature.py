"""A feature as a person saw it when they decided about it, and whether it is that still."""

from __future__ import annotations

import hashlib
import json
from typing import TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ClaimView, FeatureView, feature_view
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseStatus


class SeenReply(TypedDict):
    """A feature in short.

    ``begun`` are the phases that it can be rolled back to, ``sequence`` the number of the last
    change of the project, and ``seen`` names the feature's state for ``require_seen``.
    """

    feature: FeatureView
    goal: str
    claim: ClaimView | None
    begun: list[str]
    sequence: int
    seen: str


class SeeFeature(UseCase[SeenReply], operation="see_feature"):
    """What a person decides about, before they do.

    Attributes:
        feature_id: as of other use cases.
        must_be_open: whether there is nothing to decide where it is closed.
    """

    feature_id: str
    must_be_open: bool = False

    def __call__(self, *, features: ProjectFeatures) -> SeenReply:
        """Raises E004, E102, E103, E105."""
        project, feature, workflow = features.read(self.feature_id)
        if self.must_be_open and not feature.is_open:
            raise feature.closed()
        ids = [phase.id for phase in workflow.phases]
        last = ids.index(feature.current_phase) if feature.current_phase in ids else len(ids)
        begun = [
            phase
            for phase in ids[: last + 1]
            if phase == feature.current_phase
            or feature.phases[phase].status is not PhaseStatus.PENDING
        ]
        return {
            "feature": feature_view(feature),
            "goal": feature.prompt,
            "claim": features.leases().view(feature),
            "begun": begun,
            "sequence": project.sequence or 0,
            "seen": state_of(feature),
        }


def state_of(feature: Feature) -> str:
    """Names the state that the feature is in: another one as soon as anything happened to it."""
    holder = feature.claim.agent if feature.claim else None
    records = [[each.status, each.attempts, len(each.progress)] for each in feature.phases.values()]
    facts = [feature.id, feature.name, feature.prompt, feature.status, feature.current_phase]
    known = json.dumps([*facts, holder, records, feature.updated_at.isoformat()])
    return hashlib.sha256(known.encode()).hexdigest()[:32]


def require_seen(feature: Feature, seen: str | None) -> None:
    """Refuse what a person decided about another state of the feature; inside a change.

    Raises:
        FeatureError: E155.
    """
    if seen is not None and seen != state_of(feature):
        raise FeatureError.of("E155", feature=feature.name, news="it is another by now")
