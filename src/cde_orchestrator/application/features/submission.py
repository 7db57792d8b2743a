"""What is submitted, examined: the feature is found, and the outputs pass the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from typing import Any, Protocol, Self

from cde_orchestrator.application.checks.trial_views import waiting_words
from cde_orchestrator.application.features.approved_outputs import require_approved
from cde_orchestrator.application.features.delivery import Delivery, note_kept
from cde_orchestrator.application.features.due_changes import DueChanges
from cde_orchestrator.application.features.earlier_outputs import (
    changed_before,
    require_accepted,
    restore_changed,
)
from cde_orchestrator.application.features.feature_criteria import are_all_waived
from cde_orchestrator.application.features.feature_tasks import (
    covered_outputs,
    with_accepted_tasks,
)
from cde_orchestrator.application.features.followed_workflow import (
    ProjectFeatures,
    meant_feature,
)
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_prompt import (
    PhasePrompts,
    PromptReader,
    phase_view,
)
from cde_orchestrator.application.features.present_workflow import as_followed
from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.ports.checks import (
    CheckRunner,
    ContentValidator,
    TrustStore,
    VersionControl,
)
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.application.views import KeptView, PhaseView
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.executed_places import executed_by
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.feature_tasks import tasks_of
from cde_orchestrator.domain.gate import Gate, OtherVerdict
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import Difference
from cde_orchestrator.domain.text import as_file
from cde_orchestrator.domain.value import Value, completed
from cde_orchestrator.domain.workflow import Phase, Workflow

_NOT_RESTORED = "Nothing was restored: that is done of a submission without results alone."


def require_answerable(feature: Feature, phase: Phase, leases: CallerLeases) -> None:
    """Refuse a phase that waits for a person, unless a program answers in its own name.

    Raises:
        FeatureError: E140.
    """
    if phase.handler == "human_input" and not leases.caller.answers:
        reason = "the person is asked at a terminal, on the feature's page or by elicitation"
        raise FeatureError.of("E140", feature=feature.name, phase=phase.id, reason=reason)


class Found(Value):
    """The feature that is meant, in the project as it was read, and its workflow."""

    project: Project
    feature: Feature
    workflow: Workflow


class Examined(Value):
    """What passed the gate.

    Attributes:
        found: before anything was changed.
        reader: who is given the next phase.
        phase: the one that is submitted.
        contents: its outputs by id.
        earlier: outputs of earlier phases by path, as they were accepted.
        following: the next phase with its prompt; None after the last one.
        difference: how much of the source changed, where the phase asks for it.
        tree: git's id of the source tree then; empty where it was not looked at.
        verdict: what sends the feature back instead; nothing else was examined then.
    """

    found: Found
    reader: PromptReader
    phase: Phase
    delivery: Delivery
    contents: Mapping[str, Content]
    earlier: Mapping[str, Content | None]
    following: PhaseView | None
    difference: Difference | None
    tree: str = ""
    verdict: OtherVerdict | None = None


class Answer(Protocol):
    """A person's yes to what they were shown."""

    def find_source(self, feature: Feature, workflow: Workflow) -> None:
        """Find the source as it is now, for what follows; E136 where git cannot compare."""

    def require(self, feature: Feature, workflow: Workflow) -> object:
        """Raise E141 where it is no longer what was shown, E145 where nothing waits."""

    def record(self, feature: Feature, workflow: Workflow, at: datetime) -> None:
        """Keep it with the feature's current phase."""


class SubmissionPorts(Value, kw_only=True):
    """What a submission needs of the world, whoever submits."""

    features: ProjectFeatures
    rendering: PhasePrompts
    outputs: ProjectOutputs
    content: ContentValidator
    checks: CheckRunner
    trust: TrustStore
    git: VersionControl
    proving: Proving
    sources: ProjectSources

    @classmethod
    def of(cls, named: Callable[[Iterable[str]], Mapping[str, Any]]) -> Self:
        """Those that go by these names."""
        return cls(**named([each.name for each in fields(completed(cls))]))


class Submission(Value, kw_only=True):
    """What a submission asks for, and what it takes to examine it.

    Attributes:
        feature_id, phase_id, results, takeover, restore, approval, to_work: as of ``SubmitWork``.
    """

    feature_id: str
    phase_id: str
    results: Mapping[str, str]
    takeover: bool
    restore: bool
    approval: Answer | None
    to_work: bool
    features: ProjectFeatures
    prompts: PhasePrompts
    outputs: ProjectOutputs
    content: ContentValidator
    trust: TrustStore
    git: VersionControl
    proving: Proving
    sources: ProjectSources
    leases: CallerLeases

    def find(self, before: Found | None = None) -> Found:
        """The feature; its workflow is the one ``before`` where that is still its own."""
        project = self.features.repository.get(self.outputs.root)
        project.require_writable()
        feature = meant_feature(project, self.feature_id)
        workflow = self._workflow(project, feature, before)
        return Found(project, as_followed(feature, workflow), workflow)

    def was_accepted(self, found: Found) -> bool:
        """Whether exactly this was accepted already; a person answers once."""
        if self.approval is not None:
            return False
        delivery = self._delivery(found)
        record = found.feature.phases.get(self.phase_id)
        return record is not None and delivery.repeats(record)

    def examine(self, found: Found, phase: Phase) -> Examined:
        """Let the outputs pass the gate; nothing is written."""
        feature, workflow = found.feature, found.workflow
        reader = self.reader(found)
        earlier = require_accepted(feature, phase, workflow, self.outputs)
        approved = (feature, phase, workflow, self.outputs, self.features)
        require_approved(*approved, accepted=earlier)
        delivery = self._delivery(found)
        delivery.require_acceptable()
        gate = self._gate(found, phase)
        contents = delivery.accepted_contents(gate)
        own = (found, reader, phase, delivery, contents, earlier)
        verdict = gate.other_verdict({key: each.data for key, each in contents.items()})
        if verdict is not None:
            return Examined(*own, None, None, verdict=verdict)
        due = DueChanges(
            found.project,
            feature,
            phase,
            workflow,
            self.proving,
            self.git,
            self.outputs.root,
            waived=are_all_waived(feature, workflow, self.outputs),
        )
        difference, tree = due.require()
        shown = self._following(found, reader, phase, delivery, contents)
        return Examined(*own, shown, difference, tree)

    def put_back(self, found: Found, phase: Phase) -> dict[str, str | None]:
        """Put back what changed before the phase, where that is wanted; as of ``restore_changed``.

        Raises:
            CDEError: E112, E132 or E133, it cannot be; E203 or E204.
        """
        return self._put_back(found, phase) if self.restore else {}

    def put_back_for_person(self, found: Found) -> dict[str, str | None]:
        """Put back what changed before a phase whose person has yet to answer: no answer itself.

        Returns:
            As of ``restore_changed``; nothing where this submission is none of such a phase.

        Raises:
            CDEError: E112, E122 or E132, it cannot be; E203 or E204.
        """
        feature, workflow = found.feature, found.workflow
        phase = workflow.find(self.phase_id)
        waits = phase is not None and phase.handler == "human_input"
        is_current = waits and feature.is_open and feature.current_phase == self.phase_id
        answers = self.approval is not None or self.leases.caller.answers
        if phase is None or not (self.restore and is_current) or answers or self.results:
            return {}
        self.leases.require_free(feature, takeover=self.takeover)
        return self._put_back(found, phase)

    def _put_back(self, found: Found, phase: Phase) -> dict[str, str | None]:
        if not changed_before(found.feature, phase, found.workflow, self.outputs):
            return {}
        at, by = self.leases.now.isoformat(), self.leases.caller.name
        with self.features.repository.transaction(self.outputs.root) as project:
            now = self.adopted(project, found)
            phase = now.feature.require_current(phase.id, now.workflow)
            return restore_changed(now.feature, phase, now.workflow, self.outputs, at, by)

    def _following(
        self,
        found: Found,
        reader: PromptReader,
        phase: Phase,
        delivery: Delivery,
        contents: Mapping[str, Content],
    ) -> PhaseView | None:
        """The next phase, if there is one; a broken template is refused with the work."""
        following = found.workflow.after(phase.id)
        if following is None:
            return None
        delivered = {
            delivery.path(output): contents[output.id].data
            for output in phase.outputs
            if output.id in contents
        }
        project, feature = found.project, found.feature
        feature = with_accepted_tasks(feature, found.workflow, phase, contents)
        prompt = self.prompts.render(project, feature, following, found.workflow, delivered, reader)
        return phase_view(following, feature, found.workflow, prompt)

    def reader(self, found: Found) -> PromptReader:
        """Who is given the phase that follows."""
        return self.prompts.submitter(found.feature, self.leases.caller.agent, to_work=self.to_work)

    def require_current(self, feature: Feature, workflow: Workflow) -> Phase:
        """The phase, if this caller may submit it now.

        Raises:
            FeatureError: E105 to E107, E122, E140, E141, E145.
        """
        if self.approval is not None:
            self.approval.require(feature, workflow)
            return feature.require_current(self.phase_id, workflow)
        phase = feature.require_current(self.phase_id, workflow)
        try:
            require_answerable(feature, phase, self.leases)
        except FeatureError as error:
            raise error.also(_NOT_RESTORED if self.restore and self.results else "") from None
        self.leases.require_free(feature, takeover=self.takeover)
        return phase

    def digests_of_results(self, found: Found) -> dict[str, str]:
        """The digest of each text that is handed over, by output id, as it would be recorded.

        Raises:
            CDEError: E113, E302, E303 or E315, one cannot be recorded.
        """
        self._delivery(found).require_acceptable()
        return {key: Content.of(as_file(text)).sha256 for key, text in sorted(self.results.items())}

    def require_permissions(self, feature: Feature, phase: Phase) -> None:
        """Refuse outputs at places that others execute, unless a person allowed them.

        Raises:
            FeatureError: E133.
        """
        for output in phase.outputs:
            permission = output.permission(feature.name)
            if permission and not self.trust.trusts(self.outputs.root, permission):
                raise FeatureError.of(
                    "E133",
                    feature=feature.name,
                    phase=phase.id,
                    output=output.id,
                    path=permission.words[-1],
                    executor=executed_by(permission.words[-1]),
                )

    def _gate(self, found: Found, phase: Phase) -> Gate:
        skeleton = ""
        if any(output.type == "markdown" for output in phase.outputs):
            with suppress(ValidationError):  # a template that broke since is no fault of the work
                skeleton = self.prompts.render(found.project, found.feature, phase, found.workflow)
        return Gate(
            phase=phase,
            feature_name=found.feature.name,
            syntax=self.content.error_in,
            search=self.content.search,
            skeleton=skeleton,
            back_to=found.workflow.judged_phase(phase.id).id,
            proven=found.workflow.proven_outputs(),
            covered=covered_outputs(found.feature, found.workflow, phase, self.outputs),
            are_tasks_listed=bool(tasks_of(found.feature, found.workflow)),
        )

    def waiting(self, found: Found) -> str:
        """What a changed workflow file would have run instead, once a person trusts it."""
        return waiting_words(self.features.waiting(found.project, found.feature))

    def note_kept(self, feature: Feature, kept: Sequence[KeptView]) -> None:
        """Keep among the feature's events which copies this submission made."""
        at, by = self.features.clock().isoformat(), self.leases.caller.name
        note_kept(feature, self.phase_id, kept, at, by)

    def adopted(self, project: Project, before: Found) -> Found:
        """The same feature inside a change."""
        feature = project.feature(before.feature.id)
        workflow = self._workflow(project, feature, before)
        self.features.adopt(project, feature, workflow)
        return Found(project, feature, workflow)

    def _workflow(self, project: Project, feature: Feature, before: Found | None) -> Workflow:
        if before is not None and before.feature.workflow_digest == feature.workflow_digest:
            return before.workflow
        return self.features.workflow_of(project, feature)

    def _delivery(self, found: Found) -> Delivery:
        phase = found.workflow.find(self.phase_id)
        if phase is None:
            phase = found.feature.require_current(self.phase_id, found.workflow)
        return Delivery(self.outputs, found.feature.name, phase, self.results)
