"""Submit the outputs of a feature's current phase.

A submission is found, examined, checked and accepted; what each step leaves is a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field

from cde_orchestrator.application.checks.baselines import reason_not_run
from cde_orchestrator.application.checks.kept_output import CheckRun, run_check
from cde_orchestrator.application.checks.running import announce, to_both
from cde_orchestrator.application.features.delivery import kept_in
from cde_orchestrator.application.features.feature_tasks import keep_tasks
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import PromptReader
from cde_orchestrator.application.features.phase_proof import (
    PhaseProof,
    phase_proof,
    phase_to_prove,
    unproven_of,
)
from cde_orchestrator.application.features.refused_submission import Left, RefusedSubmission
from cde_orchestrator.application.features.related_features import overlaps
from cde_orchestrator.application.features.send_back import (
    send_back,
    sent_back_before,
)
from cde_orchestrator.application.features.submission import (
    Answer,
    Examined,
    Found,
    Submission,
    SubmissionPorts,
)
from cde_orchestrator.application.ports.checks import CheckRunner, Watch
from cde_orchestrator.application.proof_views import proof_view
from cde_orchestrator.application.proofs.records import record_path
from cde_orchestrator.application.remarks import restored_words
from cde_orchestrator.application.task_views import tasks_done
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    KeptView,
    PhaseView,
    RestoredView,
    SubmitReply,
    phase_record_view,
)
from cde_orchestrator.application.work_views import work_view
from cde_orchestrator.domain.briefings import keep_given
from cde_orchestrator.domain.check import Check, check_cannot_run
from cde_orchestrator.domain.doer import Doer
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.proofs import ProofEvidence
from cde_orchestrator.domain.records import Evidence
from cde_orchestrator.domain.trial import known_before
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Phase

_LINES = 40
"""Lines of a check's output, the last ones, that are shown."""


class SubmitWork(UseCase[SubmitReply], operation="submit_work"):
    """Complete the current phase; the answer has the next one with its prompt.

    What is submitted passes the phase's gate, then its check, and its criteria are proven, while
    others may go on working; it counts only if phase and outputs are still the same afterwards.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        phase_id: the phase that is submitted; it must be the current one.
        results: text by output id; the files are written from it. An output that is not
            named must stand in the project already.
        agent: the agent's name, when the client has several.
        takeover: override another agent's lease.
        restore: first put back what earlier phases left, as it was accepted; of a phase that
            waits for a person, only that is done, and the person is asked for the rest.
        approval: a person's yes, without which no phase that waits for a person is submitted.
        doer: who did the phase, where it is not the caller.
        watch: gets the check's command, and what it prints.
        to_work: whether somebody works by the next phase's prompt, as of ``GetFeatureStatus``.
    """

    feature_id: str
    phase_id: str
    results: Mapping[str, str] = field(default_factory=dict)
    agent: str | None = None
    takeover: bool = False
    restore: bool = False
    approval: Answer | None = field(default=None, compare=False)
    doer: Doer | None = field(default=None, compare=False)
    watch: Watch | None = field(default=None, compare=False)
    to_work: bool = field(default=True, compare=False)

    def __call__(self, *, submission: SubmissionPorts) -> SubmitReply:
        """Check the outputs, record them and go on to the next phase.

        A repeated submission with the same content gets its answer again and changes nothing.

        Raises:
            CDEError: E004, E102, E103, E105 to E107, E110 to E123, E129 to E139, E140, E141,
                E145, E206, E302, E303, E305, E312, E313, E315 and the repository's own.
        """
        work = Submission(
            feature_id=self.feature_id,
            phase_id=self.phase_id,
            results=self.results,
            takeover=self.takeover,
            restore=self.restore,
            approval=self.approval,
            to_work=self.to_work,
            features=submission.features,
            prompts=submission.rendering,
            outputs=submission.outputs,
            content=submission.content,
            trust=submission.trust,
            git=submission.git,
            proving=submission.proving,
            sources=submission.sources,
            leases=submission.features.leases(self.agent),
        )
        checks = submission.checks
        course = _Course(self, work, checks, self.watch)
        found = work.find()
        if restored := work.put_back_for_person(found):
            return course.restored(work.find(found), restored)
        if not self._is_checked(found):
            return course.answer_to(found)
        work.require_current(found.feature, found.workflow)
        with checks.lock_check(work.outputs.root, found.feature) as note:
            course = _Course(self, work, checks, to_both(note, self.watch))
            # From the start: the one before may have been accepted.
            return course.answer_to(work.find(found))

    def _is_checked(self, found: Found) -> bool:
        """Whether something is run for the phase, by one submission at a time."""
        phase = found.workflow.find(self.phase_id)
        if phase is None or found.feature.current_phase != phase.id:
            return False
        return phase.gate_check is not None or phase_to_prove(found.workflow, phase) is not None


def _restored_views(paths: Mapping[str, str | None]) -> list[RestoredView]:
    return [{"path": path, "kept_as": copy} for path, copy in paths.items()]


class _Checked(Value):
    """What passed what was run for it: a check, proofs of criteria, both or nothing.

    Attributes:
        written: whether the texts that were handed over are in the project by now.
        kept: the copies of files that were replaced for it.
    """

    examined: Examined
    written: bool
    kept: list[KeptView]
    ran: CheckRun | None = None
    proof: tuple[PhaseProof, ProofEvidence] | None = None


class _Course(Value):
    """The course of one submission, and what it needs."""

    asked: SubmitWork
    work: Submission
    checks: CheckRunner
    watch: Watch | None

    def answer_to(self, found: Found) -> SubmitReply:
        """The way of a submission: found, examined, checked, accepted."""
        if self.work.was_accepted(found):
            return {**self.answer(found, self.work.reader(found)), "repeated": True}
        if (before := sent_back_before(self.work, found)) is not None:
            return before
        phase, left = self.work.require_current(found.feature, found.workflow), Left()
        try:
            return self._judged(found, phase, left)
        except FeatureError as error:
            RefusedSubmission(self.work, found, error, left).keep()
            raise

    def restored(self, found: Found, paths: Mapping[str, str | None]) -> SubmitReply:
        """That earlier outputs are as they were accepted, and the phase that waits for a person."""
        project, feature = found.project, found.feature
        reader = self.work.reader(found)
        following = self.work.prompts.committed_view(project, feature, found.workflow, reader)
        head = self.work.features.reply(project, feature, following)
        return SubmitReply(
            **head,  # type: ignore[typeddict-item]  # mypy knows no keys that may be missing
            kept=[],
            restored=_restored_views(paths),
        )

    def _judged(self, found: Found, phase: Phase, left: Left) -> SubmitReply:
        self.work.require_permissions(found.feature, phase)
        restored = _restored_views(self.work.put_back(found, phase))
        try:
            reply = self._answer_to_examined(self.work.examine(found, phase), left)
        except CDEError as error:
            error.also(restored_words(restored) if restored else "")
            raise
        return {**reply, "restored": restored} if restored else reply

    def _answer_to_examined(self, examined: Examined, left: Left) -> SubmitReply:
        if examined.verdict is not None:
            return send_back(self.work, examined, examined.verdict)
        left.passed_gate = True
        try:
            checked = self.check(examined, left)
        except FeatureError as error:  # a change of the workflow file may correct it already
            error.also(self.work.waiting(examined.found))
            raise
        return self.accept(checked)

    def check(self, examined: Examined, left: Left) -> _Checked:
        """Run the phase's check on the delivered files, and prove its criteria.

        Raises:
            FeatureError: E118 the check failed, E119 it took too long, E120 nobody trusts it,
                E121 it cannot be run; E123, E134 to E139 the criteria are not proven.
        """
        check, root = examined.phase.gate_check, self.work.outputs.root
        to_prove = phase_proof(examined, self.work.proving, self.work.outputs, self.work.trust)
        if check is not None and not self.work.trust.trusts(root, check.command_line):
            raise FeatureError.of("E120", **_facts(examined), command=" ".join(check.command))
        if check is None and to_prove is None:
            return _Checked(examined, written=False, kept=[])
        record = examined.found.feature.phases[examined.phase.id]
        kept = examined.delivery.write(record, examined.contents)
        left.is_delivered, left.kept = True, kept
        left.written = {key: examined.contents[key].sha256 for key in self.asked.results}
        if check is not None:
            announce(check.command, self.asked.watch)
            tree = examined.tree
            with suppress(FeatureError):
                tree = tree or self.work.proving.trees.now(root).id
            clock = self.work.features.clock
            left.ran = run_check(check, self.checks, self.work.outputs, clock, self.watch, tree)
            _require_passed(examined, check, left.ran.evidence)
        proof = None
        if to_prove is not None:
            proof = to_prove, to_prove.show(self.watch, self.work.trust, self.work.outputs)
        return _Checked(examined, True, kept, left.ran, proof)

    def accept(self, checked: _Checked) -> SubmitReply:
        """Record the outputs and go on to the next phase."""
        examined = checked.examined
        if self.asked.approval is not None:  # what was run took its time
            self.asked.approval.find_source(examined.found.feature, examined.found.workflow)
        present = self.work.sources.keep(examined.found.project, examined.found.feature)
        with self.work.features.repository.transaction(self.work.outputs.root) as project:
            project.require_writable()
            found = self.work.adopted(project, examined.found)
            if self.work.was_accepted(found):
                following = None
            else:
                self._complete(found, checked)
                known = {
                    examined.delivery.path(output): examined.contents.get(output.id)
                    for output in examined.phase.outputs
                }
                if not checked.written:  # a check may have touched what it was not to touch
                    known |= examined.earlier
                feature = found.feature
                feature.seen_source = present.moment or feature.seen_source
                enter_phase(feature, found.workflow, self.work.outputs, present, known)
                keep_given(examined.reader.caller, feature, examined.reader.rules)
                record = feature.phases[self.asked.phase_id]
                record.end_commit = present.commit
                if found.workflow.judges_source(examined.phase):
                    record.accepted_tree = record.accepted_tree or present.tree
                # A check may have changed what the prompt of the next phase shows.
                following = None if checked.written else examined.following
        return self.answer(found, examined.reader, following)

    def answer(
        self, found: Found, reader: PromptReader, following: PhaseView | None = None
    ) -> SubmitReply:
        """What was recorded, and the phase to work on now, which may be known already."""
        project, feature = found.project, found.feature
        if following is None or following["id"] != feature.current_phase:
            following = self.work.prompts.committed_view(project, feature, found.workflow, reader)
        else:
            self.work.prompts.give(feature, reader)
        head = self.work.features.reply(project, feature, following)
        record = feature.phases[self.asked.phase_id]
        written = None if feature.is_open else _record_of(found)
        reply = SubmitReply(
            **head,  # type: ignore[typeddict-item]  # mypy knows no keys that may be missing
            accepted=phase_record_view(record),
            kept=kept_in(feature, record),
            difference=work_view(record)["difference"],
            proof=proof_view(_proof_of(found, record)),
            record=written,
            tasks=tasks_done(feature, found.workflow),
        )
        if written and (problem := self.work.proving.base_problem(feature)) is not None:
            reply["base_problem"] = problem
        if record.difference and (others := overlaps(project, feature, record.difference.paths)):
            reply["overlaps"] = others
        if not feature.is_open and (words := unproven_of(found, self.work.outputs)):
            reply["unproven"] = words
        return reply

    def _complete(self, found: Found, checked: _Checked) -> None:
        """Record what was examined, if it is still what is submitted.

        Raises:
            FeatureError: E123, the phase was begun again or an output changed meanwhile.
        """
        examined, feature = checked.examined, found.feature
        phase = self.work.require_current(feature, found.workflow)
        record, before = feature.phases[phase.id], examined.found.feature.phases[phase.id]
        same = record.is_attempt_of(before)
        if same:  # what a check saw, and what was not handed over, must still be in the project
            same = examined.delivery.is_unchanged(examined.contents, written=checked.written)
        if not same:
            raise FeatureError.of("E123", feature=feature.name, phase=phase.id)
        kept = [*checked.kept]
        if not checked.written:
            kept += examined.delivery.write(record, examined.contents)
        found_there = {
            key: content
            for key, content in examined.contents.items()
            if key not in self.asked.results
        }
        kept += examined.delivery.keep_changed(record, found_there)
        self.work.note_kept(feature, kept)
        doer = self.asked.doer or Doer.of(self.work.leases.caller)
        record.doer = doer.judged(feature, found.workflow, phase)
        record.evidence, record.difference = None, examined.difference
        record.check_output = record.accepted_tree = ""
        if checked.ran is not None:
            checked.ran.record(record, accepted=True)
        if checked.proof is not None:
            proven, seen = checked.proof
            feature.phases[proven.phase.id].proof = seen
        keep_tasks(feature, found.workflow, phase, examined.contents)
        artifacts = examined.delivery.record(examined.contents)
        now = self.work.features.clock()
        if self.asked.approval is None:
            self.work.leases.take(feature, deliberate=False)
        else:
            self.asked.approval.record(feature, found.workflow, now)
        if checked.proof is not None and found.workflow.after(phase.id) is None:
            proven.write_record(seen, feature, self.work.outputs)
        feature.complete_phase(phase.id, artifacts, found.workflow, now)
        following = found.workflow.after(phase.id)
        if following is not None and (following.agent or following.handler == "human_input"):
            feature.claim = None  # whom it is for must find it free, a person as well


def _proof_of(found: Found, record: PhaseRecord) -> ProofEvidence | None:
    """What was seen for the phase; for one that completes the feature, of all criteria."""
    phase = found.workflow.find(record.id)
    proving = phase and phase_to_prove(found.workflow, phase)
    return found.feature.phases[proving.id].proof if proving else None


def _record_of(found: Found) -> str | None:
    """The path of the feature's record; None where nothing was proven."""
    proven = any(record.proof for record in found.feature.phases.values())
    return record_path(found.feature.name) if proven else None


def _facts(examined: Examined) -> dict[str, str]:
    return {"feature": examined.found.feature.name, "phase": examined.phase.id}


def _require_passed(examined: Examined, check: Check, evidence: Evidence) -> None:
    """Refuse what a check that failed (E118), took too long (E119) or is none (E121) was for."""
    if evidence.passed:
        return
    if reason := reason_not_run(evidence):
        raise check_cannot_run(check.command, reason)
    facts = {**_facts(examined), "command": " ".join(check.command)}
    tail = evidence.tail[-2_000:].strip().splitlines()[-_LINES:]
    if evidence.exit_code is None:
        raise FeatureError.of("E119", **facts, seconds=check.timeout_seconds, tail=tail)
    trials = {trial.subject: trial for trial in examined.found.feature.trials}
    known = known_before(trials.get(("check", check.command, check.directory)), evidence)
    raise FeatureError.of("E118", **facts, exit_code=evidence.exit_code, tail=tail, known=known)
