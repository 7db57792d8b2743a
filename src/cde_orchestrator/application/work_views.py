"""What is kept of the work on a phase, as the contract has it."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from cde_orchestrator.application.proof_views import DifferenceView, ProofView, proof_view
from cde_orchestrator.application.shapes import view_of
from cde_orchestrator.application.usage_views import AgentRunView, run_view
from cde_orchestrator.domain.phase_record import PhaseRecord


class ProgressView(TypedDict):
    """Partial work that was saved inside a phase."""

    at: str
    by: str
    note: str
    data: Any


class FailureView(TypedDict):
    """An attempt that was given up."""

    at: str
    attempt: int
    reason: str
    by: str


class RefusalView(TypedDict):
    """Why the last submission of the present attempt was refused, but for a check that failed."""

    at: str
    by: str
    code: str
    reason: str


class ReturnedView(TypedDict):
    """Why the phase was begun again; ``closed_as`` is how the feature had ended, if it had.

    ``to`` is the earlier phase that the feature went back to, where it was one.
    """

    at: str
    by: str
    reason: str
    to: str | None
    closed_as: str | None


class EvidenceView(TypedDict):
    """What the last check of a phase left."""

    at: str
    command: list[str]
    directory: str
    exit_code: int | None
    duration_ms: float
    tail: str
    sha256: str
    size: int


class WorkView(TypedDict):
    """Everything that is kept of the work on a phase besides its outputs."""

    progress: list[ProgressView]
    failures: list[FailureView]
    evidence: EvidenceView | None
    proof: ProofView | None
    difference: DifferenceView | None
    start_commit: str | None
    end_commit: str | None
    past: list[dict[str, Any]]
    runs: NotRequired[list[AgentRunView]]
    refused: NotRequired[RefusalView]
    returned: NotRequired[ReturnedView]


def work_view(record: PhaseRecord) -> WorkView:
    """What is kept of the work on a phase, as the contract has it."""
    view: WorkView = {
        "progress": [view_of(ProgressView, each) for each in record.saved()],
        "failures": [view_of(FailureView, each) for each in record.failures],
        "evidence": view_of(EvidenceView, record.evidence) if record.evidence else None,
        "proof": proof_view(record.proof),
        "difference": view_of(DifferenceView, record.difference) if record.difference else None,
        "start_commit": record.start_commit,
        "end_commit": record.end_commit,
        "past": record.past,
    }
    if record.runs:
        view["runs"] = [run_view(each) for each in record.runs]
    if record.refused is not None:
        view["refused"] = view_of(RefusalView, record.refused)
    if record.returned is not None:
        view["returned"] = view_of(ReturnedView, record.returned)
    return view
