"""The criteria of a feature with what showed each, for its report and its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypedDict

from cde_orchestrator.application.features.feature_criteria import criteria_of, proving_phase
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.proofs.verdicts import VerdictView, proof_of
from cde_orchestrator.domain.approval import waived
from cde_orchestrator.domain.criteria import Criterion, criteria_of_file
from cde_orchestrator.domain.feature import COMPLETED, Feature
from cde_orchestrator.domain.proofs import CriterionSeen, ProofSeen
from cde_orchestrator.domain.workflow import Workflow

CriterionState = Literal["proven", "stale", "broken", "waived", "unproven"]


class ShownProofView(TypedDict):
    """A proof: how it ended as the work is, before the work, and with the changes knocked out.

    ``words`` say the same, and what speaks against it; ``sees`` are the changed places that turned
    it red, ``path:name``.
    """

    id: str
    now: str
    base: str | None
    knocked_out: str | None
    words: str
    sees: list[str]


class ReportedCriterionView(TypedDict):
    """A criterion and what showed it; ``waived`` is why it needs no proof, and who said so.

    ``state`` is ``stale`` or ``broken`` as of ``VerdictView``, by what happened to the files since
    it was proven.
    """

    id: str
    text: str
    met: bool
    state: CriterionState
    waived: str | None
    proofs: list[ShownProofView]


def reported_criteria(
    feature: Feature, workflow: Workflow, outputs: ProjectOutputs, verdict: VerdictView | None
) -> list[ReportedCriterionView]:
    """Those that were proven; of an unfinished feature those of its files, with what was seen."""
    return [_view(each, verdict) for each in _seen(feature, workflow, outputs)]


def _seen(feature: Feature, workflow: Workflow, outputs: ProjectOutputs) -> Iterator[CriterionSeen]:
    proof = proof_of(feature)
    seen = proof.criteria if proof else ()
    if feature.status == COMPLETED and seen:
        yield from seen
        return
    criteria = criteria_of(feature, workflow, outputs) or _accepted(feature, workflow, outputs)
    without, known = waived(feature.waivers, criteria), {each.id: each for each in seen}
    for each in criteria:
        yield _as_seen(each, known.get(each.id), without.get(each.id, ""))


def _accepted(feature: Feature, workflow: Workflow, outputs: ProjectOutputs) -> Sequence[Criterion]:
    """The criteria as they were accepted, where the project's folder has no file of them."""
    phase = proving_phase(workflow)
    owner = workflow.output_owner(phase.proves or "") if phase else None
    if owner is not None and owner[0].id in feature.phases:
        for artifact in feature.phases[owner[0].id].outputs:
            if artifact.id == owner[1].id:
                return criteria_of_file(outputs.kept(artifact.sha256) or b"")
    return ()


def _as_seen(criterion: Criterion, seen: CriterionSeen | None, waived_by: str) -> CriterionSeen:
    is_same = seen is not None and criterion.says(seen.text, seen.digest)
    proofs = seen.proofs if seen is not None and is_same else ()
    return CriterionSeen(id=criterion.id, text=criterion.text, proofs=proofs, waived=waived_by)


def _view(seen: CriterionSeen, verdict: VerdictView | None) -> ReportedCriterionView:
    return {
        "id": seen.id,
        "text": seen.text,
        "met": seen.is_met,
        "state": _state(seen, verdict),
        "waived": seen.waived or None,
        "proofs": [
            {
                "id": each.id,
                "now": each.now,
                "base": each.base,
                "knocked_out": each.knocked_out,
                "words": _words(each),
                "sees": [*each.sees],
            }
            for each in seen.proofs
        ],
    }


def _state(seen: CriterionSeen, verdict: VerdictView | None) -> CriterionState:
    """How it is met, by the verdict on the feature once that is completed."""
    if seen.waived:
        return "waived"
    if not seen.is_met:
        return "unproven"
    again = verdict["verified"] if verdict else None
    if again is not None:
        return "broken" if seen.id in again["criteria"] else "proven"
    return "stale" if verdict and verdict["verdict"] == "stale" else "proven"


def _words(proof: ProofSeen) -> str:
    """Why it holds, or why not."""
    sides: Mapping[str, str | None] = {
        "now": proof.now,
        "before the work": proof.base,
        "without the change": proof.knocked_out,
    }
    said = [f"{end.replace('_', ' ')} {when}" for when, end in sides.items() if end is not None]
    return ", ".join([*said, *filter(None, [proof.reason])])
