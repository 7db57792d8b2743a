"""What a person should know of a feature before they say yes to it, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from cde_orchestrator.application.proof_views import CaveatView
from cde_orchestrator.domain.clock import parse_utc, to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.feature import EDITED, Feature
from cde_orchestrator.domain.phase_record import PhaseRecord, PhaseStatus

_GOAL_SHOWN = 200
"""Characters of the goal as it was."""


def caveats_of(feature: Feature, *, readers: bool = True) -> list[CaveatView]:
    """Those that the feature's own record says; ``readers``: of who did a phase, too."""
    found = [*_of_goal(feature)]
    return [*found, *_of_readers(feature.phases.values())] if readers else found


def _of_goal(feature: Feature) -> Iterator[CaveatView]:
    """That the goal is another one than outputs were accepted for."""
    accepted = {
        record.id: record.completed_at
        for record in feature.phases.values()
        if record.status is PhaseStatus.COMPLETED and record.outputs and record.completed_at
    }
    first = min(accepted.values(), default=None)
    edits = [each for each in feature.events if first and _changed_goal(each, first)]
    if not edits or edits[0]["goal_before"] == feature.prompt:
        return
    at = parse_utc(edits[-1]["at"])
    phases = ", ".join(phase for phase, ended in accepted.items() if ended < at)
    when, by = to_the_second(edits[-1]["at"]), plain(edits[-1]["by"])
    yield {
        "kind": "goal",
        "phase": None,
        "words": f"The goal was changed at {when} by {by}, after the outputs of {phases} were "
        f"accepted for it. It was: {plain(edits[0]['goal_before'], _GOAL_SHOWN)}",
    }


def _changed_goal(event: dict[str, str], since: datetime) -> bool:
    is_edit = event["event"] == EDITED and "goal_before" in event
    return is_edit and parse_utc(event["at"]) > since


def _of_readers(records: Iterable[PhaseRecord]) -> Iterator[CaveatView]:
    """That not another agent did a phase than the workflow wants, as far as that is known."""
    for record in records:
        doer = record.doer
        if doer is not None and doer.wanted and doer.as_wanted is not True:
            words = f"The phase {record.id}: {doer.words}."
            yield {"kind": "reviewer", "phase": record.id, "words": words}
