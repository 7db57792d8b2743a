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
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.proofs import ProofEvidence
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Phase, Workflow

_FILES_SHOWN = 5
_UNKNOWN = "; whether the code is still the same is not known: "


def outdated(
    feature: Feature, workflow: Workflow, proving: Proving, now: SourceTree | None = None
) -> list[CaveatView]:
    """The proof and the checks of an open feature that are of another source than there is ``now``.

    Git is asked only where something passed.
    """
    current = workflow.find(feature.current_phase or "") if feature.is_open else None
    proven = [each for each in feature.phases.values() if each.proof is not None]
    passed = _passed([*feature.phases.values()])
    if current is None or not (proven or passed):
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
    return [each for each in found if each is not None]


def _passed(records: Sequence[PhaseRecord]) -> list[PhaseRecord]:
    """Those that were accepted by a check, if it passed when it ran last, in whichever phase."""
    ran = [(each.evidence.at, each.evidence, each) for each in records if each.evidence]
    last = {(run.command, run.directory): each for _, run, each in sorted(ran, key=itemgetter(0))}
    return [each for each in last.values() if each.check_tree and each.completed_at]


class _Compared(Value):
    """Compares what was seen with the source that there is.

    Attributes:
        changed: the files that differ from a tree; raises E136.
        reason: why nothing can be compared; empty where it can.
    """

    workflow: Workflow
    proving: Proving
    current: Phase
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
        if run is None or not (changed := self._changed(record.check_tree)):
            return None
        at, ran = self.workflow.phases.index(self.current), (run.command, run.directory)
        to_come = [each for each in self.workflow.phases[at:] if each.check]
        runs = [each for each in to_come if (each.check, each.check_directory) == ran]
        passed = f"The check `{plain(shlex.join(run.command))}` passed in {record.id}"
        words = f"{passed} at {to_the_second(run.at.isoformat())}{changed}."
        words += f" {self._follows('runs it again', next(iter(runs), None))}"
        return {"kind": "check", "phase": record.id, "words": words}

    def _changed(self, seen: ProofEvidence | str) -> str:
        """Which files changed since a proof, or a tree, in words; empty where none did."""
        if self.reason:
            return f"{_UNKNOWN}{self.reason}"
        try:
            if isinstance(seen, ProofEvidence):
                paths = self.proving.other_for(seen, self.changed(seen.tree))
            else:
                paths = [each.path for each in self.changed(seen)]
        except FeatureError as error:
            return f"{_UNKNOWN}{plain(error.reason)}"
        more = f" and {len(paths) - _FILES_SHOWN} more" if paths[_FILES_SHOWN:] else ""
        named = ", ".join(map(plain, paths[:_FILES_SHOWN]))
        return f", of the code as it was then: {named}{more} changed since" if paths else ""

    def _follows(self, verb: str, again: Phase | None) -> str:
        """What comes of it: ``verb`` says what a yes, or a submission of the phase, does."""
        is_asked = self.workflow.waits_for_person(self.current.id)
        if again is self.current and is_asked:
            return f"A yes {verb} first, and is refused where that fails."
        if again is not None:
            submission = f"The submission of {again.id} {verb}"
            return f"{submission}, not a yes." if is_asked else f"{submission}."
        return f"Nothing {verb}."
