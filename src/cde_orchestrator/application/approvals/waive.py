"""A person lets a criterion count without a proof, and takes that back."""

from __future__ import annotations

from cde_orchestrator.application.criterion_views import (
    CriterionView,
    criterion_seen,
    criterion_view,
)
from cde_orchestrator.application.features.feature_criteria import criteria_of, proving_phase
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply
from cde_orchestrator.domain.approval import Channel, Waiver
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.records import checked_reason
from cde_orchestrator.domain.workflow import Workflow

WAIVED = "waived"
"""The event that a waiver leaves; ``waiver_taken_back`` when it is taken back."""
TAKEN_BACK = "waiver_taken_back"


class WaiverReply(FeatureReply):
    """The criterion that may be waived, or was."""

    criterion: CriterionView


class ShowCriterion(UseCase[WaiverReply], operation="show_criterion", in_worktree=True):
    """A criterion, before a person waives it or takes a waiver back.

    Attributes:
        criterion: its id, as ``AC1``.
        undo: whether a waiver is to be taken back.
    """

    feature_id: str
    criterion: str
    undo: bool = False

    def __call__(self, *, features: ProjectFeatures, outputs: ProjectOutputs) -> WaiverReply:
        """Raises E004, E102, E103, E105 or E142."""
        project, feature, workflow = features.read(self.feature_id)
        found = _required(feature, workflow, outputs, self.criterion, undo=self.undo)
        view = criterion_view(feature, workflow, found)
        return {**features.reply(project, feature, None), "criterion": view}


class WaiveCriterion(UseCase[WaiverReply], operation="waive_criterion", in_worktree=True):
    """Let a criterion count without a proof, for as long as its text is the same.

    Attributes:
        criterion, undo: as of ``ShowCriterion``.
        reason: why no test can show it.
        text, digest: the criterion as the person was shown it; without a digest the text counts.
        channel: how they were asked.
    """

    feature_id: str
    criterion: str
    text: str
    reason: str | None = None
    undo: bool = False
    channel: Channel = "program"
    digest: str = ""

    def __call__(self, *, features: ProjectFeatures, outputs: ProjectOutputs) -> WaiverReply:
        """Raises E004, E102, E103, E105, E141, E142, E206, E302, E303 or E305."""
        reason = "" if self.undo else checked_reason(self.reason)
        person, now = features.callers.person(self.channel, ""), features.clock()
        with features.change(self.feature_id) as (project, feature, workflow):
            found = _required(feature, workflow, outputs, self.criterion, undo=self.undo)
            if not found.says(self.text, self.digest):
                changed = f"the text of {found.id} is another one than was shown"
                phase = feature.current_phase
                raise FeatureError.of("E141", feature=feature.name, phase=phase, reason=changed)
            waivers = {key: each for key, each in feature.waivers.items() if key != found.id}
            if not self.undo:
                waivers[found.id] = Waiver(
                    at=now,
                    user=person.user,
                    host=person.host,
                    channel=person.channel,
                    reason=reason,
                    text=found.text,
                    digest=found.digest,
                )
            feature.waivers, feature.updated_at = waivers, now
            feature.note(
                TAKEN_BACK if self.undo else WAIVED,
                at=now.isoformat(),
                by=person.name,
                channel=person.channel,
                criterion=found.id,
                reason=reason,
            )
            view = criterion_view(feature, workflow, found)
            return {**features.reply(project, feature, None), "criterion": view}


def _required(
    feature: Feature, workflow: Workflow, outputs: ProjectOutputs, criterion: str, *, undo: bool
) -> Criterion:
    """The criterion, if a person may waive it now, or take its waiver back.

    Raises:
        FeatureError: E105 the feature is closed, E142.
    """
    if not feature.is_open:
        raise feature.closed()
    known = {each.id: each for each in criteria_of(feature, workflow, outputs)}
    found = known.get(criterion.upper())
    phase = proving_phase(workflow)
    is_decided = phase is not None and feature.phases[phase.id].status is PhaseStatus.COMPLETED
    reason = ""
    if phase is None:
        reason = f"its workflow '{workflow.id}' proves no criteria"
    elif found is None:
        reason = f"there is none of this id; there are: {', '.join(known) or 'none'}"
    elif undo and found.id not in feature.waivers:
        reason = "no person waived it"
    elif is_decided:
        seen = criterion_seen(feature, workflow, found)
        how = "it is proven" if seen and seen.proofs else "it is decided"
        reason = f"{how}: phase '{phase.id}' was accepted"
    if reason or found is None:
        facts = {"feature": feature.name, "criterion": criterion}
        raise FeatureError.of("E142", **facts, reason=reason)
    return found
