"""What was seen of the source as it was then, and may not hold for the source as it is now."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter

from cde_orchestrator.application.ports.proving import ChangedFile, SourceTree
from cde_orchestrator.application.proof_views import CaveatView
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import COMPLETED, Feature
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.proofs import ProofEvidence
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Phase, Workflow

_FILES_SHOWN = 5
_STATES = {
    "changed": ("changed", "changed"),
    "new": ("is new", "are new"),
    "gone": ("is gone", "are gone"),
}
"""What became of files, of one and of several, in the order in which they are named."""
_UNREAD = (
    ". No proof was about that, but a test may read it: taken back, the criteria count as proven"
)
_UNKNOWN = "; whether the code is still the same is not known: "


def outdated(
    feature: Feature, workflow: Workflow, proving: Proving, now: SourceTree | None = None
) -> list[CaveatView]:
    """What passed with another source than there is ``now``: proof, checks, a verdict, a yes.

    Of a completed feature it is the verdict and the yes, and the source as it was completed with;
    its record says the rest. Git is asked only where something passed.
    """
    current = workflow.find(feature.current_phase or "") if feature.is_open else None
    records, judged = [*feature.phases.values()], _judged(feature, workflow)
    proven = [each for each in records if current and each.proof is not None]
    passed = _passed(records) if current else []
    if feature.status == COMPLETED and feature.seen_source is not None:
        now = SourceTree(id=feature.seen_source.tree, commit=feature.seen_source.commit)
    elif current is None:
        return []
    if not (proven or passed or judged):
        return []
    reason = ""
    try:
        now = now or proving.trees.now(proving.root)
    except FeatureError as error:
        reason = plain(error.reason)

    @cache
    def changed(before: str) -> list[ChangedFile]:
        return proving.changed(before, now.id, feature, workflow) if now else []

    compared = _Compared(workflow, proving, current, changed, reason)
    found = [*map(compared.proof, proven), *map(compared.check, passed)]
    found += map(compared.review, judged)
    return [each for each in found if each is not None]


def _passed(records: Sequence[PhaseRecord]) -> list[PhaseRecord]:
    """Those that were accepted by a check, if it passed when it ran last, in whichever phase."""
    ran = [(each.evidence.at, each.evidence, each) for each in records if each.evidence]
    last = {(run.command, run.directory): each for _, run, each in sorted(ran, key=itemgetter(0))}
    return [each for each in last.values() if each.accepted_tree and each.completed_at]


def _judged(feature: Feature, workflow: Workflow) -> list[PhaseRecord]:
    """The phases with the last verdict, and with the last yes of a person, on the source."""
    last = {
        phase.handler: record
        for phase in workflow.phases
        for record in [feature.phases[phase.id]]
        if workflow.judges_source(phase) and record.completed_at and record.accepted_tree
    }
    return [*last.values()]


def _named(files: Sequence[ChangedFile]) -> str:
    """The first of the files, and what became of them."""
    shown, more = files[:_FILES_SHOWN], len(files) - _FILES_SHOWN
    if more > 0:
        return f"{', '.join(plain(each.path) for each in shown)} and {more} more changed"
    parts = []
    for state, (one, several) in _STATES.items():
        paths = [plain(each.path) for each in shown if _state(each) == state]
        if paths:
            parts.append(f"{', '.join(paths)} {one if len(paths) == 1 else several}")
    return " and ".join(parts)


def _state(file: ChangedFile) -> str:
    return "gone" if file.after is None else "new" if file.before is None else "changed"


class _Compared(Value):
    """Compares what was seen with the source that there is.

    Attributes:
        current: the feature's phase; None where it is completed.
        changed: the files that differ from a tree; raises E136.
        reason: why nothing can be compared; empty where it can.
    """

    workflow: Workflow
    proving: Proving
    current: Phase | None
    changed: Callable[[str], list[ChangedFile]]
    reason: str

    def proof(self, record: PhaseRecord) -> CaveatView | None:
        """That the proof of a phase is of another source; None where it is not."""
        proof = record.proof
        if proof is None or not (changed := self._changed(proof)):
            return None
        must = any(map(self.workflow.must_prove, self.workflow.phases))
        again = self.workflow.phases[-1] if must else None
        words = f"The criteria were proven at {to_the_second(proof.at.isoformat())}{changed}."
        words += f" {self._follows('has them proven again', again)}"
        return {"kind": "proof", "phase": record.id, "words": words}

    def check(self, record: PhaseRecord) -> CaveatView | None:
        """That the check of a phase passed with another source; None where it did not."""
        run = record.evidence
        if run is None or not (changed := self._changed(record.accepted_tree)):
            return None
        phases, ran = self.workflow.phases, (run.command, run.directory)
        at = phases.index(self.current) if self.current else len(phases)
        to_come = [each for each in phases[at:] if each.check]
        runs = [each for each in to_come if (each.check, each.check_directory) == ran]
        passed = f"The check `{plain(shlex.join(run.command))}` passed in {record.id}"
        words = f"{passed} at {to_the_second(run.at.isoformat())}{changed}."
        words += f" {self._follows('runs it again', next(iter(runs), None))}"
        return {"kind": "check", "phase": record.id, "words": words}

    def review(self, record: PhaseRecord) -> CaveatView | None:
        """That the verdict, or the yes, of a phase is on another source; None where it is not."""
        changed = self._changed(record.accepted_tree)
        if not changed or (self.current is None and changed.startswith(_UNKNOWN)):
            return None  # trees of a completed feature are not kept for ever, nor everywhere
        is_yes = self.workflow.waits_for_person(record.id)
        said = "yes was given" if is_yes else "verdict was accepted"
        at = to_the_second(record.completed_at.isoformat()) if record.completed_at else ""
        again = "asks for it again" if is_yes else "has it reviewed again"
        words = f"In {record.id} the {said} at {at}{changed}. {self._judged(record.id, again)}"
        return {"kind": "review", "phase": record.id, "words": words}

    def _judged(self, phase: str, again: str) -> str:
        if self.current is None:
            return "That is compared with the code as the feature was completed."
        if self.workflow.waits_for_person(self.current.id):
            return f"A yes does not change that; a no that goes back to {phase} {again}."
        return f"Only a rollback to {phase} {again}."

    def _changed(self, seen: ProofEvidence | str) -> str:
        """Which files changed since a proof, or a tree, in words; empty where none did."""
        if self.reason:
            return f"{_UNKNOWN}{self.reason}"
        try:
            if isinstance(seen, ProofEvidence):
                files = self.proving.other_for(seen, self.changed(seen.tree))
                is_known = any(each.path in seen.covered for each in files)
            else:
                files, is_known = self.changed(seen), True
        except FeatureError as error:
            return f"{_UNKNOWN}{plain(error.reason)}"
        if not files:
            return ""
        return f", of the code as it was then: {_named(files)} since{'' if is_known else _UNREAD}"

    def _follows(self, verb: str, again: Phase | None) -> str:
        """What comes of it: ``verb`` says what a yes, or a submission of the phase, does."""
        is_asked = self.current and self.workflow.waits_for_person(self.current.id)
        if again is self.current and is_asked:
            return f"A yes {verb} first, and is refused where that fails."
        if again is not None:
            submission = f"The submission of {again.id} {verb}"
            return f"{submission}, not a yes." if is_asked else f"{submission}."
        return f"Nothing {verb}."
