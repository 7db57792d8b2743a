"""A person's yes and no to the phase that waits for one, bound to what they were shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cde_orchestrator.application.approvals.shown import Shown, waiting_phase
from cde_orchestrator.application.approvals.source import Source, source_now
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.features.rollback import FileRow, Rollback
from cde_orchestrator.application.features.send_back import SENT_BACK, copies_of
from cde_orchestrator.application.features.submission import SubmissionPorts
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.ports.checks import (
    VersionControl,
    Watch,
)
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import SentBackView, SubmitReply
from cde_orchestrator.domain.approval import Approval, Channel, Person
from cde_orchestrator.domain.errors.fixes import APPROVE
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.records import checked_reason
from cde_orchestrator.domain.workflow import Workflow

APPROVED = "approved"
"""The event that a person's yes leaves."""
NO = "no"


@dataclass(slots=True)
class PersonsAnswer:
    """What a person was shown, by its digest, and who they are.

    Attributes:
        source: as it was found last.
    """

    person: Person
    digest: str
    outputs: ProjectOutputs
    proving: Proving
    git: VersionControl
    source: Source = field(default_factory=Source)
    given: str | None = None

    def find_source(self, feature: Feature, workflow: Workflow) -> None:
        """Find the source as it is now; git is asked, so outside a change.

        Raises:
            FeatureError: E136, git cannot compare.
        """
        self.source = source_now(feature, workflow, self.outputs, self.proving, self.git)

    def require(self, feature: Feature, workflow: Workflow) -> Shown:
        """What there is now, if it is what was shown.

        Raises:
            FeatureError: E141 it is not, E145 nothing waits for a person.
        """
        shown = Shown.of(feature, workflow, self.outputs, self.source)
        if shown.digest != self.digest:
            raise _changed(feature, shown)
        self.given = shown.given
        return shown

    def record(self, feature: Feature, workflow: Workflow, at: datetime) -> None:
        """Keep the yes with the feature's current phase, in a change.

        The gate has proven the criteria again since ``require``: what it found may be another
        thing than was shown, and is no reason to refuse what it accepts.

        Raises:
            FeatureError: E141 or E145.
        """
        shown, who = Shown.of(feature, workflow, self.outputs, self.source), self.person
        if shown.given != self.given:
            raise _changed(feature, shown)
        record = feature.phases[shown.phase.id]
        if self.source.tree is not None:  # what was shown, whatever is written meanwhile
            record.accepted_tree = self.source.tree.id
        record.approval = Approval(
            at=at,
            user=who.user,
            host=who.host,
            channel=who.channel,
            place=who.place,
            digest=self.digest,
            outputs=shown.digests(),
        )
        self.note(feature, APPROVED, at, phase=shown.phase.id)

    def note(self, feature: Feature, event: str, at: datetime, **facts: str) -> None:
        """Keep among the feature's events who decided, when and how."""
        who = {"channel": self.person.channel, "place": self.person.place, "digest": self.digest}
        feature.note(event, at=at.isoformat(), by=self.person.name, **facts, **who)


def _changed(feature: Feature, shown: Shown) -> FeatureError:
    reason = "what was shown is not what there is now; nothing was recorded"
    return FeatureError.of("E141", feature=feature.name, phase=shown.phase.id, reason=reason)


class ApprovePhase(UseCase[SubmitReply], operation="approve_phase", in_worktree=True):
    """A person's yes: the phase that waits for one is submitted with the files that are there.

    Attributes:
        digest: of what the person was shown.
        channel: how they were asked.
        place: what the channel says of where.
    """

    feature_id: str
    digest: str
    channel: Channel = "program"
    place: str = ""
    watch: Watch | None = field(default=None, compare=False)

    def __call__(self, *, submission: SubmissionPorts) -> SubmitReply:
        """Approve what was shown, as a submission of the phase.

        Raises:
            CDEError: E004, E102, E103, E105 to E107, E110 to E112, E114 to E121, E123, E129 to
                E139, E140, E141, E145, E206, E302, E303, E305, E312, E313, E315 and the
                repository's own.
        """
        features = submission.features
        _, feature, workflow = features.read(self.feature_id)
        phase = waiting_phase(feature, workflow)
        person = features.callers.person(self.channel, self.place)
        world = (submission.outputs, submission.proving, submission.git)
        answer = PersonsAnswer(person, self.digest, *world)
        answer.find_source(feature, workflow)
        answer.require(feature, workflow)
        is_here = self.channel in {"terminal", "page"}
        submit = SubmitWork(
            feature_id=feature.id,
            phase_id=phase.id,
            approval=answer,
            watch=self.watch,
            to_work=not is_here,
        )
        try:
            return submit(submission=submission)
        except FeatureError as error:  # a person submits no phase that waits for them
            # What E132 names puts back what was accepted, which is to be done before.
            if is_here and error.is_about_the_work and error.code != "E132":
                error.fixed_by([APPROVE])
            raise


class SendBack(UseCase[SubmitReply], operation="send_back", in_worktree=True):
    """A person's no: the feature goes back to an earlier phase, with the reason.

    Attributes:
        digest, channel, place: as of ``ApprovePhase``.
        reason: what has to become better.
        to_phase: where to; None for the phase whose work it is.
    """

    feature_id: str
    digest: str
    reason: str | None
    to_phase: str | None = None
    channel: Channel = "program"
    place: str = ""

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        outputs: ProjectOutputs,
        git: VersionControl,
        proving: Proving,
        sources: ProjectSources,
    ) -> SubmitReply:
        """Raises E004, E102, E103, E107, E126, E136, E140, E141, E145, E206, E302, E303, E305."""
        reason = checked_reason(self.reason)
        project, feature, workflow = features.read(self.feature_id)
        phase = waiting_phase(feature, workflow)
        person = features.callers.person(self.channel, self.place)
        answer = PersonsAnswer(person, self.digest, outputs, proving, git)
        answer.find_source(feature, workflow)
        answer.require(feature, workflow)
        leases = features.leases()
        decision = _No(answer, phase.id, leases.now)
        rollback = Rollback(
            feature_id=feature.id,
            to_phase=self.to_phase or workflow.judged_phase(phase.id).id,
            reason=reason,
            features=features,
            outputs=outputs,
            leases=leases,
            present=sources.keep(project, feature),
            decision=decision,
        )
        rollback.announce()
        with features.repository.transaction(features.root) as project:
            project.require_writable()
            taken = rollback.take_back(project, dry_run=False)
        following = rendering.committed_view(project, taken.feature, taken.workflow)
        head = features.reply(project, taken.feature, following)
        sent = SentBackView(
            phase=phase.id,
            to=rollback.to_phase,
            verdict=NO,
            reason=reason,
            kept=copies_of(taken.rows),
        )
        if taken.undo_at is not None:
            sent["undo_at"] = taken.undo_at
        return SubmitReply(
            project=head["project"],
            feature=head["feature"],
            phase=head["phase"],
            kept=[],
            sent_back=sent,
        )


@dataclass(frozen=True, slots=True)
class _No:
    """The decision of a person who sends the feature back."""

    answer: PersonsAnswer
    phase: str
    at: datetime

    @property
    def by(self) -> str:
        """Who it is."""
        return self.answer.person.name

    def require(self, feature: Feature, workflow: Workflow) -> None:
        """Raises E141 or E145."""
        self.answer.require(feature, workflow)

    def settle(self, feature: Feature, rows: list[FileRow]) -> None:
        """Note who decided."""
        to = feature.current_phase or ""
        self.answer.note(feature, SENT_BACK, self.at, phase=self.phase, to_phase=to, verdict=NO)
