"""The contract for a criterion of a feature: how it is met so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypedDict

from cde_orchestrator.application.features.feature_criteria import proving_phase
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.proofs import CriterionSeen
from cde_orchestrator.domain.workflow import Workflow

if TYPE_CHECKING:
    from cde_orchestrator.application.proof_views import CaveatView


class CriterionView(TypedDict):
    """A criterion, how it is met so far, and by which proofs.

    ``digest`` is the SHA-256 of all its words, of which ``text`` may be the beginning; ``state``
    is ``proven``, ``waived`` or ``unproven``, or ``stale`` where the source is another one since,
    or that is not known; ``waived`` is why and by whom; ``sees`` are the places that its proofs
    see, as of ``ProofView``.
    """

    id: str
    text: str
    digest: str
    state: str
    waived: str | None
    proofs: list[str]
    sees: list[str]


def criterion_view(feature: Feature, workflow: Workflow, criterion: Criterion) -> CriterionView:
    """How a criterion is met so far."""
    seen = criterion_seen(feature, workflow, criterion)
    waiver = feature.waivers.get(criterion.id)
    waived = waiver.words if waiver and waiver.covers(criterion) else None
    state = "proven" if seen and seen.proofs and seen.is_met else "unproven"
    return {
        "id": criterion.id,
        "text": criterion.text,
        "digest": criterion.digest,
        "state": "waived" if waived else state,
        "waived": waived,
        "proofs": [proof.id for proof in seen.proofs] if seen else [],
        "sees": list(seen.sees) if seen else [],
    }


def criterion_seen(
    feature: Feature, workflow: Workflow, criterion: Criterion
) -> CriterionSeen | None:
    """What was seen last of a criterion; None before it was tried."""
    phase = proving_phase(workflow)
    evidence = feature.phases[phase.id].proof if phase else None
    known = {each.id: each for each in evidence.criteria} if evidence else {}
    return known.get(criterion.id)


def is_outdated(caveats: Iterable[CaveatView]) -> bool:
    """Whether criteria were proven of another source than there is now, as far as that is known."""
    return any(each["kind"] == "proof" for each in caveats)


def stale(criteria: Iterable[CriterionView], caveats: Iterable[CaveatView]) -> list[CriterionView]:
    """The same, stale where they were proven of another source, or that is not known."""
    if not is_outdated(caveats):
        return [*criteria]
    return [{**each, "state": "stale"} if each["state"] == "proven" else each for each in criteria]
