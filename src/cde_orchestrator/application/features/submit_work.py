"""Submit the outputs of a feature's current phase.

A submission is found, examined, checked and accepted; what each step leaves is a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from cde_orchestrator.application.features.delivery import Delivery
from cde_orchestrator.application.features.earlier_outputs import put_back, require_accepted
from cde_orchestrator.application.features.followed_workflow import (
    ProjectFeatures,
    adopt_workflow,
    as_followed,
    meant_feature,
    workflow_for,
)
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import PhasePrompts, phase_view
from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.application.features.source_changes import require_changes
from cde_orchestrator.application.ports.checks import (
    CheckRunner,
    ContentValidator,
    TrustStore,
    VersionControl,
    Watch,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import KeptView, PhaseView, SubmitReply, phase_record_view
from cde_orchestrator.domain.exceptions import CDEError, FeatureError, ValidationError
from cde_orchestrator.domain.executed_places import executed_by
from cde_orchestrator.domain.feature import Feature, PhaseRecord
from cde_orchestrator.domain.gate import Gate
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import Evidence
from cde_orchestrator.domain.workflow import Phase, Workflow

log = get_logger(__name__)

FILE_KEPT = "file_kept"
"""The event that a copy of a replaced file leaves."""


class SubmitWork(UseCase[SubmitReply], operation="submit_work"):
    """Complete the current phase; the answer has the next one with its prompt.

    What is submitted passes the phase's gate, then its check, which runs while others may go
    on working; both count only if phase and outputs are still the same afterwards.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        phase_id: the phase that is submitted; it must be the current one.
        results: text by output id; the files are written from it. An output that is not
            named must stand in the project already.
        agent: the agent's name, when the client has several.
        takeover: override another agent's lease.
        restore: first put back what earlier phases left, as it was accepted.
        watch: gets what the check prints.
    """

    feature_id: str
    phase_id: str
    results: Mapping[str, str] = field(default_factory=dict)
    agent: str | None = None
    takeover: bool = False
    restore: bool = False
    watch: Watch | None = field(default=None, compare=False)

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        outputs: ProjectOutputs,
        content: ContentValidator,
        checks: CheckRunner,
        trust: TrustStore,
        git: VersionControl,
    ) -> SubmitReply:
        """Check the outputs, record them and go on to the next phase.

        A repeated submission with the same content gets its answer again and changes nothing.

        Raises:
            CDEError: E004, E102, E103, E105 to E107, E110 to E123, E129 to E133, E206, E302,
                E303, E305, E312, E313, E315 and the repository's own.
        """
        submission = _Submission(
            asked=self,
            features=features,
            prompts=rendering,
            outputs=outputs,
            content=content,
            checks=checks,
            trust=trust,
            git=git,
            leases=features.leases(self.agent),
        )
        found = submission.find()
        phase = found.workflow.find(self.phase_id)
        if phase is None or phase.gate_check is None or found.feature.current_phase != phase.id:
            return submission.answer_to(found)
        submission.leases.require_free(found.feature, takeover=self.takeover)
        with checks.lock_check(outputs.root, found.feature):
            # From the start: the one before may have been accepted.
            return submission.answer_to(submission.find(found))


@dataclass(frozen=True, slots=True)
class _Found:
    """The feature that is meant, in the project as it was read, and its workflow."""

    project: Project
    feature: Feature
    workflow: Workflow


@dataclass(frozen=True, slots=True)
class _Examined:
    """What passed the gate.

    Attributes:
        found: before anything was changed.
        phase: the one that is submitted.
        contents: its outputs by id.
        earlier: outputs of earlier phases by path, as they were accepted.
        following: the next phase with its prompt; None after the last one.
    """

    found: _Found
    phase: Phase
    delivery: Delivery
    contents: Mapping[str, Content]
    earlier: Mapping[str, Content | None]
    following: PhaseView | None


@dataclass(frozen=True, slots=True)
class _Checked:
    """What passed the check too; without evidence where the phase has none.

    ``kept`` are the copies of files that were replaced for it.
    """

    examined: _Examined
    evidence: Evidence | None
    kept: list[KeptView] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Submission:
    """One submission, and what it needs."""

    asked: SubmitWork
    features: ProjectFeatures
    prompts: PhasePrompts
    outputs: ProjectOutputs
    content: ContentValidator
    checks: CheckRunner
    trust: TrustStore
    git: VersionControl
    leases: CallerLeases

    def answer_to(self, found: _Found) -> SubmitReply:
        """The way of a submission: found, examined, checked, accepted."""
        if self.was_accepted(found):
            return self.answer(found)
        return self.accept(self.check(self.examine(found)))

    def find(self, before: _Found | None = None) -> _Found:
        """The feature; its workflow is the one ``before`` where that is still its own."""
        project = self.features.repository.get(self.outputs.root)
        project.require_writable()
        feature = meant_feature(project, self.asked.feature_id)
        workflow = self._workflow(project, feature, before)
        return _Found(project, as_followed(feature, workflow), workflow)

    def was_accepted(self, found: _Found) -> bool:
        """Whether exactly this was accepted already."""
        delivery = self._delivery(found)
        record = found.feature.phases.get(self.asked.phase_id)
        return record is not None and delivery.repeats(record)

    def examine(self, found: _Found) -> _Examined:
        """Let the outputs pass the gate; nothing is written but what is put back."""
        project, feature, workflow = found.project, found.feature, found.workflow
        phase = feature.require_current(self.asked.phase_id, workflow)
        self.leases.require_free(feature, takeover=self.asked.takeover)
        self.require_permissions(feature, phase)
        if self.asked.restore:
            put_back(feature, phase, workflow, self.outputs)
        earlier = require_accepted(feature, phase, workflow, self.outputs)
        delivery = self._delivery(found)
        delivery.require_acceptable()
        contents = delivery.accepted_contents(self._gate(found, phase))
        require_changes(feature, phase, workflow, self.git, self.outputs.root)
        following = workflow.after(phase.id)
        if following is None:
            return _Examined(found, phase, delivery, contents, earlier, None)
        # Before anything is written: a broken template is refused with the work.
        delivered = {
            delivery.path(output): contents[output.id].data
            for output in phase.outputs
            if output.id in contents
        }
        prompt = self.prompts.render(project, feature, following, workflow, delivered)
        shown = phase_view(following, feature, prompt)
        return _Examined(found, phase, delivery, contents, earlier, shown)

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

    def check(self, examined: _Examined) -> _Checked:
        """Run the phase's check on the delivered files; keep what a failed one left.

        Raises:
            FeatureError: E118 it failed, E119 it took too long, E120 nobody trusts it, E121
                it cannot be run.
        """
        check, root = examined.phase.gate_check, self.outputs.root
        if check is None:
            return _Checked(examined, None)
        facts = {
            "feature": examined.found.feature.name,
            "phase": examined.phase.id,
            "command": " ".join(check.command),
        }
        if not self.trust.trusts(root, check.command_line):
            raise FeatureError.of("E120", **facts)
        record = examined.found.feature.phases[examined.phase.id]
        kept = examined.delivery.write(record, examined.contents)
        try:
            evidence = self.checks.run(root, check, self.features.clock(), self.asked.watch)
        except FeatureError:
            self._keep_failure(examined, None, kept)
            raise
        if evidence.passed:
            return _Checked(examined, evidence, kept)
        self._keep_failure(examined, evidence, kept)
        tail = evidence.tail[-2_000:].strip()
        if evidence.exit_code is None:
            raise FeatureError.of("E119", **facts, seconds=check.timeout_seconds, tail=tail)
        raise FeatureError.of("E118", **facts, exit_code=evidence.exit_code, tail=tail)

    def accept(self, checked: _Checked) -> SubmitReply:
        """Record the outputs and go on to the next phase."""
        examined = checked.examined
        tree = self.git.work_tree(self.outputs.root)
        with self.features.repository.transaction(self.outputs.root) as project:
            project.require_writable()
            found = self._adopted(project, examined.found)
            if self.was_accepted(found):
                following = None
            else:
                self._complete(found, checked)
                known = {
                    examined.delivery.path(output): examined.contents.get(output.id)
                    for output in examined.phase.outputs
                }
                if checked.evidence is None:  # a check may have touched what it was not to touch
                    known |= examined.earlier
                enter_phase(found.feature, found.workflow, self.outputs, tree, known)
                found.feature.phases[self.asked.phase_id].end_commit = tree.commit if tree else None
                # A check may have changed what the prompt of the next phase shows.
                following = examined.following if checked.evidence is None else None
        return self.answer(found, following)

    def answer(self, found: _Found, following: PhaseView | None = None) -> SubmitReply:
        """What was recorded, and the phase to work on now, which may be known already."""
        project, feature = found.project, found.feature
        if following is None or following["id"] != feature.current_phase:
            following = self.prompts.committed_view(project, feature, found.workflow)
        return {
            **self.features.reply(project, feature, following),
            "accepted": phase_record_view(feature.phases[self.asked.phase_id]),
            "kept": _kept_in(feature, feature.phases[self.asked.phase_id]),
        }

    def _gate(self, found: _Found, phase: Phase) -> Gate:
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
        )

    def _complete(self, found: _Found, checked: _Checked) -> None:
        """Record what was examined, if it is still what is submitted.

        Raises:
            FeatureError: E123, the phase was begun again or an output changed meanwhile.
        """
        examined, feature = checked.examined, found.feature
        phase = feature.require_current(self.asked.phase_id, found.workflow)
        self.leases.require_free(feature, takeover=self.asked.takeover)
        record, before = feature.phases[phase.id], examined.found.feature.phases[phase.id]
        same = (record.attempts, record.started_at) == (before.attempts, before.started_at)
        if same:  # what a check saw, and what was not handed over, must still be in the project
            written = checked.evidence is not None
            same = examined.delivery.is_unchanged(examined.contents, written=written)
        if not same:
            raise FeatureError.of("E123", feature=feature.name, phase=phase.id)
        kept = [*checked.kept]
        if checked.evidence is None:
            kept += examined.delivery.write(record, examined.contents)
        found_there = {
            key: content
            for key, content in examined.contents.items()
            if key not in self.asked.results
        }
        kept += examined.delivery.keep_changed(record, found_there)
        self._note(feature, kept)
        record.evidence = checked.evidence
        artifacts = examined.delivery.record(examined.contents)
        self.leases.take(feature, deliberate=False)
        feature.complete_phase(phase.id, artifacts, found.workflow, self.features.clock())

    def _keep_failure(
        self, examined: _Examined, evidence: Evidence | None, kept: list[KeptView]
    ) -> None:
        """Keep what a failed check left, as far as that can be written."""
        contents = examined.contents
        written = {key: contents[key].sha256 for key in self.asked.results}
        if evidence is None and not written:
            return
        try:
            with self.features.repository.transaction(self.outputs.root) as project:
                feature = self._adopted(project, examined.found).feature
                record = feature.phases[self.asked.phase_id]
                record.evidence = evidence or record.evidence
                record.written = {**record.written, **written}
                self._note(feature, kept)
        except CDEError as error:  # the check's own failure is what has to be shown
            feature_id = examined.found.feature.id
            log.warning("evidence_not_kept", feature_id=feature_id, reason=error.message)

    def _note(self, feature: Feature, kept: list[KeptView]) -> None:
        at, by = self.features.clock().isoformat(), self.leases.caller.name
        for each in kept:
            feature.note(FILE_KEPT, at=at, by=by, phase=self.asked.phase_id, **each)

    def _adopted(self, project: Project, before: _Found) -> _Found:
        """The same feature inside a change."""
        feature = project.feature(before.feature.id)
        workflow = self._workflow(project, feature, before)
        adopt_workflow(project, feature, workflow)
        return _Found(project, feature, workflow)

    def _workflow(self, project: Project, feature: Feature, before: _Found | None) -> Workflow:
        if before is not None and before.feature.workflow_digest == feature.workflow_digest:
            return before.workflow
        return workflow_for(project, feature, self.features.workflows, self.outputs.root)

    def _delivery(self, found: _Found) -> Delivery:
        phase = found.workflow.find(self.asked.phase_id)
        if phase is None:
            phase = found.feature.require_current(self.asked.phase_id, found.workflow)
        return Delivery(self.outputs, found.feature.name, phase, self.asked.results)


def _kept_in(feature: Feature, record: PhaseRecord) -> list[KeptView]:
    """The copies of files that the phase's present attempt replaced."""
    since = record.started_at.isoformat() if record.started_at else ""
    return [
        {"path": each["path"], "kept_as": each["kept_as"]}
        for each in feature.events
        if each["event"] == FILE_KEPT and each["phase"] == record.id and each["at"] >= since
    ]
