"""What was seen of the source as it was then, and may not hold for the source as it is now."""

from __future__ import annotations

import shlex

from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.application.proof_views import CaveatView
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.proofs import ProofEvidence
from cde_orchestrator.domain.records import Evidence
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
    seen: list[tuple[str, ProofEvidence | Evidence]] = [*_proven(feature), *_passed(feature)]
    if current is None or not seen:
        return []
    reason = ""
    try:
        now = now or proving.trees.now(proving.root)
    except FeatureError as error:
        reason = _reason(error)
    compared = _Compared(feature, workflow, proving, current, now, reason)
    return [found for each in seen if (found := compared.caveat(*each)) is not None]


def _proven(feature: Feature) -> list[tuple[str, ProofEvidence]]:
    """Phases with what was seen of their criteria."""
    return [(key, each.proof) for key, each in feature.phases.items() if each.proof is not None]


def _passed(feature: Feature) -> list[tuple[str, Evidence]]:
    """Phases that were accepted by a check, if it passed when it ran last, in whichever phase."""
    runs = [(key, each.evidence) for key, each in feature.phases.items() if each.evidence]
    last = {(run.command, run.directory): key for key, run in sorted(runs, key=lambda it: it[1].at)}
    return [
        (key, run)
        for key, run in runs
        if key in last.values() and run.passed and run.tree
        if feature.phases[key].status is PhaseStatus.COMPLETED
    ]


class _Compared(Value):
    """Compares what was seen with the source ``now``; None: it is not known, for this reason."""

    feature: Feature
    workflow: Workflow
    proving: Proving
    current: Phase
    now: SourceTree | None
    reason: str

    def caveat(self, phase: str, seen: ProofEvidence | Evidence) -> CaveatView | None:
        """That what was seen in a phase is of another source; None where it is not."""
        changed = self._changed(seen)
        if not changed:
            return None
        when = to_the_second(seen.at.isoformat())
        if isinstance(seen, ProofEvidence):
            must = any(map(self.workflow.must_prove, self.workflow.phases))
            again = self.workflow.phases[-1] if must else None
            follows = self._follows("has them proven again", again)
            words = f"The criteria were proven at {when}{changed}. {follows}"
            return {"kind": "proof", "phase": phase, "words": words}
        at = self.workflow.phases.index(self.current)
        ran = (seen.command, seen.directory)
        to_come = [each for each in self.workflow.phases[at:] if each.check]
        runs = [each for each in to_come if (each.check, each.check_directory) == ran]
        follows = self._follows("runs it again", next(iter(runs), None))
        passed = f"The check `{plain(shlex.join(seen.command))}` passed in {phase} at {when}"
        return {"kind": "check", "phase": phase, "words": f"{passed}{changed}. {follows}"}

    def _changed(self, seen: ProofEvidence | Evidence) -> str:
        """Which files changed since, in words; empty where none did."""
        if self.now is None:
            return f"{_UNKNOWN}{self.reason}"
        own = (self.feature, self.workflow)
        try:
            if isinstance(seen, ProofEvidence):
                paths = self.proving.other_since(seen, self.now, *own)
            else:
                changed = self.proving.changed(seen.tree, self.now.id, *own)
                paths = [each.path for each in changed]
        except FeatureError as error:
            return f"{_UNKNOWN}{_reason(error)}"
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


def _reason(error: FeatureError) -> str:
    return plain(error.context.get("reason", error.message))
