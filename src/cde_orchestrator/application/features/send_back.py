"""A verdict that does not pass sends the feature back, with the findings as the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field

from cde_orchestrator.application.features.delivery import kept_since, note_kept
from cde_orchestrator.application.features.phase_prompt import PromptReader
from cde_orchestrator.application.features.project_sources import Present
from cde_orchestrator.application.features.rollback import FileRow, Rollback
from cde_orchestrator.application.features.submission import Examined, Found, Submission
from cde_orchestrator.application.views import KeptView, SentBackView, SubmitReply
from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.briefings import keep_given
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.gate import OtherVerdict
from cde_orchestrator.domain.records import Failure
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Workflow

SENT_BACK = "sent_back"
"""The event that a verdict or a person's no leaves, with the reason."""
FINDINGS = "## Findings"
FINDINGS_LIMIT = 3_000
"""Characters of the findings that the reason repeats."""


class _ByVerdict(Value, frozen=False):
    """The decision of a phase that found the work wanting; it counts as its failed attempt."""

    work: Submission
    examined: Examined
    verdict: OtherVerdict
    by: str
    to: str
    reason: str
    kept: list[KeptView]
    present: Present
    failures: list[Failure] = field(default_factory=list)
    attempts_before: int = 0
    rows: list[FileRow] = field(default_factory=list)

    def require(self, feature: Feature, workflow: Workflow) -> None:
        """Raises E105 to E107, E122, or E123 where the phase is another attempt by now."""
        require_same(self.work, self.examined.found, feature, workflow)
        record = feature.phases[self.examined.phase.id]
        failed = Failure(self.work.leases.now, record.attempts, self.reason, self.by)
        self.failures = [*record.failures, failed]
        self.attempts_before = record.attempts_before

    def settle(self, feature: Feature, rows: list[FileRow]) -> None:
        """Note what was decided; the attempts that were used up stay so."""
        record = feature.phases[self.examined.phase.id]
        record.failures, record.attempts_before = self.failures, self.attempts_before
        feature.seen_source = self.present.moment or feature.seen_source
        self.work.leases.take(feature, deliberate=False)
        _note(self.work, self.examined, self.verdict, feature, self.kept, self.to)


def send_back(work: Submission, examined: Examined, verdict: OtherVerdict) -> SubmitReply:
    """Go back to the phase that has to do better, or fail with the last attempt.

    Raises:
        FeatureError: E105 to E107, E122 or E123, it is not to be decided any more.
    """
    feature, workflow, phase = examined.found.feature, examined.found.workflow, examined.phase
    record = feature.phases[phase.id]
    reason = _reason(examined, verdict)
    kept = examined.delivery.write(record, examined.contents)
    present = work.sources.keep(examined.found.project, feature)
    if record.attempts_left(workflow.max_attempts) <= 1:
        return _failed(work, examined, verdict, reason, kept)
    decision = _ByVerdict(
        work=work,
        examined=examined,
        verdict=verdict,
        by=work.leases.caller.name,
        to=workflow.judged_phase(phase.id).id,
        reason=reason,
        kept=kept,
        present=present,
    )
    rollback = Rollback(
        feature_id=feature.id,
        to_phase=decision.to,
        reason=reason,
        features=work.features,
        outputs=work.outputs,
        leases=work.leases,
        present=present,
        decision=decision,
    )
    rollback.announce()
    with work.features.repository.transaction(work.outputs.root) as project:
        project.require_writable()
        taken = rollback.take_back(project, dry_run=False)
        keep_given(examined.reader.caller, taken.feature, examined.reader.rules)
        found = Found(project, taken.feature, taken.workflow)
    view = _view(verdict, phase.id, decision.to, reason, copies_of(taken.rows))
    return _reply(work, found, examined.reader, view, kept)


def sent_back_before(work: Submission, found: Found) -> SubmitReply | None:
    """The answer to a submission that comes twice, once it sent the feature back already."""
    for event in reversed(found.feature.events):
        if event["event"] != SENT_BACK or event.get("phase") != work.phase_id:
            continue
        results = work.digests_of_results(found)
        if not results or event.get("outputs") != results:
            return None
        if found.feature.current_phase != event["to_phase"]:
            return None
        returned = found.feature.phases[event["to_phase"]].returned
        reason = returned.reason if returned else ""
        verdict = OtherVerdict("", "", 0, event["verdict"])
        view = _view(verdict, work.phase_id, event["to_phase"], reason, [])
        reader = work.reader(found)
        return _reply(
            work, found, reader, view, kept_since(found.feature, work.phase_id, event["at"])
        )
    return None


def copies_of(rows: Sequence[FileRow]) -> list[KeptView]:
    """The copies of outputs that went back."""
    return [{"path": row["path"], "kept_as": row["kept_as"]} for row in rows if row["kept_as"]]


def require_same(work: Submission, before: Found, feature: Feature, workflow: Workflow) -> None:
    """Refuse what was found before the phase began again.

    Raises:
        FeatureError: E105 to E107, E122, E123.
    """
    phase = work.require_current(feature, workflow)
    record = feature.phases[phase.id]
    if not record.is_attempt_of(before.feature.phases[phase.id]):
        raise FeatureError.of("E123", feature=feature.name, phase=phase.id)


def _failed(
    work: Submission,
    examined: Examined,
    verdict: OtherVerdict,
    reason: str,
    kept: list[KeptView],
) -> SubmitReply:
    """The last attempt: the feature fails where it is, and a person decides what to do."""
    by = work.leases.caller.name
    with work.features.repository.transaction(work.outputs.root) as project:
        project.require_writable()
        found = work.adopted(project, examined.found)
        require_same(work, examined.found, found.feature, found.workflow)
        found.feature.fail_phase(examined.phase.id, reason, by, found.workflow, work.leases.now)
        _note(work, examined, verdict, found.feature, kept, None)
    view = _view(verdict, examined.phase.id, None, reason, [])
    return _reply(work, found, examined.reader, view, kept)


def _note(
    work: Submission,
    examined: Examined,
    verdict: OtherVerdict,
    feature: Feature,
    kept: list[KeptView],
    to: str | None,
) -> None:
    at, by = work.leases.now.isoformat(), work.leases.caller.name
    note_kept(feature, examined.phase.id, kept, at, by)
    feature.note(
        SENT_BACK,
        at=at,
        by=by,
        phase=examined.phase.id,
        to_phase=to,
        verdict=verdict.words,
        outputs={key: content.sha256 for key, content in sorted(examined.contents.items())},
    )


def _view(
    verdict: OtherVerdict, phase: str, to: str | None, reason: str, kept: list[KeptView]
) -> SentBackView:
    return {"phase": phase, "to": to, "verdict": verdict.words, "reason": reason, "kept": kept}


def _reply(
    work: Submission,
    found: Found,
    reader: PromptReader,
    view: SentBackView,
    kept: list[KeptView],
) -> SubmitReply:
    following = work.prompts.committed_view(found.project, found.feature, found.workflow, reader)
    head = work.features.reply(found.project, found.feature, following)
    return SubmitReply(
        project=head["project"],
        feature=head["feature"],
        phase=head["phase"],
        kept=kept,
        sent_back=view,
    )


def _reason(examined: Examined, verdict: OtherVerdict) -> str:
    """The verdict and the findings, as far as they fit."""
    text = examined.contents[verdict.output].data.decode("utf-8-sig")
    findings = "\n".join(_findings(text))
    words = f"The verdict of phase {examined.phase.id} is: {verdict.words}"
    return f"{words}\n\n{shortened(without_secrets(findings), FINDINGS_LIMIT)}".rstrip()


def _findings(text: str) -> Iterator[str]:
    """The lines under the heading of the findings; all that is said where there is none."""
    lines = markdown.read(text)
    places = markdown.headings(lines).get(markdown.normal(FINDINGS), [])
    chosen = [each for at in places for each in markdown.section(lines, at)]
    for line in chosen or [each for each in lines if each.is_content]:
        yield line.written or line.text
