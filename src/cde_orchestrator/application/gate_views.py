"""What a submission of a phase must pass, and how attempts at it have ended so far."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Phase, Workflow


class CheckView(TypedDict):
    """The command that the gate runs; only a trusted one runs."""

    command: list[str]
    directory: str
    timeout_seconds: float
    trusted: bool


class GateView(TypedDict):
    """What a submission must pass: the outputs by id, then the check.

    ``proves`` is the output whose criteria must be proven.
    """

    outputs: list[str]
    check: CheckView | None
    proves: str | None


class AttemptView(TypedDict):
    """The present attempt at a phase, ``number`` of ``of``, and what came of those before.

    ``last_failure`` is why the last one failed, a submission was refused, or the last check
    failed; ``returned`` is why the feature came back to the phase. ``reopened``: it was closed, and
    this is the first attempt since.
    """

    number: int
    of: int
    last_failure: str | None
    returned: str | None
    reopened: bool
    gate: GateView


def attempt_view(
    feature: Feature, workflow: Workflow, trust: TrustStore, root: Path
) -> AttemptView | None:
    """The present attempt at the current phase, as the contract has it; None once it is closed."""
    phase = workflow.find(feature.current_phase or "") if feature.is_open else None
    if phase is None:
        return None
    record = feature.phases[phase.id]
    return {
        "number": record.present_attempt,
        "of": record.last_attempt(workflow.max_attempts),
        "last_failure": record.last_failure(),
        "returned": record.returned.summary() if record.returned else None,
        "reopened": record.reopened is not None,
        "gate": gate_view(phase, workflow, trust, root),
    }


def gate_view(phase: Phase, workflow: Workflow, trust: TrustStore, root: Path) -> GateView:
    """What a submission must pass, as the contract has it."""
    check = phase.gate_check
    return {
        "outputs": [output.id for output in phase.outputs],
        "check": {
            "command": list(check.command),
            "directory": check.directory,
            "timeout_seconds": check.timeout_seconds,
            "trusted": trust.trusts(root, check.command_line),
        }
        if check
        else None,
        "proves": phase.proves if workflow.must_prove(phase) else None,
    }
