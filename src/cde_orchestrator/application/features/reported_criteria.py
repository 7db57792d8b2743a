"""The criteria of a feature with what showed each, for its report and its page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypedDict

from cde_orchestrator.application.criterion_views import is_outdated
from cde_orchestrator.application.features.feature_criteria import criteria_of, proving_phase
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.proof_views import CaveatView
from cde_orchestrator.application.proofs.verdicts import VerdictView, proof_of
from cde_orchestrator.domain.approval import waived
from cde_orchestrator.domain.criteria import Criterion, criteria_of_file
from cde_orchestrator.domain.feature import COMPLETED, Feature
from cde_orchestrator.domain.proofs import CriterionSeen, ProofSeen
from cde_orchestrator.domain.workflow import Workflow

NOW = "now"
THEN = "when it was proven"
CriterionState = Literal["proven", "stale", "broken", "waived", "unproven"]


class ShownProofView(TypedDict):
    """A proof: how it ended as the work is, before the work, and with the changes knocked out.

    ``words`` say the same, when it was where the source is another one now, and what speaks against
    it; ``sees`` are the changed places that turned
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
    it was proven; ``stale`` also of an unfinished feature.
    """

    id: str
    text: str
    met: bool
    state: CriterionState
    waived: str | None
    proofs: list[ShownProofView]


def reported_criteria(
    feature: Feature,
    workflow: Workflow,
    outputs: ProjectOutputs,
    verdict: VerdictView | None,
    caveats: Iterable[CaveatView] | None,
) -> list[ReportedCriterionView]:
    """Those that were proven; of an unfinished feature those of its files, with what was seen.

    ``caveats`` is None where nobody compared the source with what was proven: then nothing of an
    unfinished feature is said of now.
    """
    is_known = caveats is not None or verdict is not None
    is_stale = is_outdated(caveats or ())
    if verdict is not None and verdict["verified"] is None:
        is_stale = verdict["verdict"] == "stale"
    again = verdict["verified"] if verdict else None
    red = again["criteria"] if again else ()
    return [
        _view(each, red, is_stale=is_stale, is_known=is_known)
        for each in _seen(feature, workflow, outputs)
    ]


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


def _view(
    seen: CriterionSeen, red: Collection[str], *, is_stale: bool, is_known: bool
) -> ReportedCriterionView:
    state = _state(seen, red, is_stale=is_stale)
    is_past = not is_known or state in {"stale", "broken"}
    return {
        "id": seen.id,
        "text": seen.text,
        "met": seen.is_met,
        "state": state,
        "waived": seen.waived or None,
        "proofs": [
            {
                "id": each.id,
                "now": each.now,
                "base": each.base,
                "knocked_out": each.knocked_out,
                "words": _words(each, THEN if is_past else NOW),
                "sees": [*each.sees],
            }
            for each in seen.proofs
        ],
    }


def _state(seen: CriterionSeen, red: Collection[str], *, is_stale: bool) -> CriterionState:
    """How it is met; ``red`` are those that failed when they were proven again."""
    if seen.waived:
        return "waived"
    if not seen.is_met:
        return "unproven"
    if seen.id in red:
        return "broken"
    return "stale" if is_stale else "proven"


def _words(proof: ProofSeen, when: str) -> str:
    """Why it holds, or why not."""
    sides: Mapping[str, str | None] = {
        when: proof.now,
        "before the work": proof.base,
        "without the change": proof.knocked_out,
    }
    said = [f"{end.replace('_', ' ')} {when}" for when, end in sides.items() if end is not None]
    return ", ".join([*said, *filter(None, [proof.reason])])
