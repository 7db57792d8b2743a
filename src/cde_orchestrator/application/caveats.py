"""What a person should know of a feature before they say yes to it, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cde_orchestrator.application.proof_views import CaveatView
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.feature import EDITED, Feature
from cde_orchestrator.domain.lease import by_words
from cde_orchestrator.domain.phase_record import PhaseRecord, goal_digest

_GOAL_SHOWN = 200
"""Characters of the goal as it was."""


def caveats_of(feature: Feature, *, readers: bool = True) -> list[CaveatView]:
    """Those that the feature's own record says; ``readers``: of who did a phase, too."""
    found = [*_of_goal(feature), *_of_commit(feature)]
    return [*found, *_of_readers(feature.phases.values())] if readers else found


def _of_goal(feature: Feature) -> Iterator[CaveatView]:
    """That the goal is another one than outputs were accepted for, which the phases know.

    When it was changed, by whom and what it was is said where the event is still there.
    """
    now, phases = goal_digest(feature.prompt), dict[str, list[str]]()
    for record in feature.phases.values():
        if record.is_for_other(now):
            phases.setdefault(record.accepted_goal, []).append(record.id)
    for goal, ids in phases.items():
        names = ", ".join(ids)
        words = f"The goal was changed after the outputs of {names} were accepted for it."
        if (edit := _edit_of(feature, goal)) is not None:
            when, by = to_the_second(edit["at"]), plain(by_words(edit["by"]))
            words = (
                f"The goal was changed at {when} by {by}, after the outputs of {names} were "
                f"accepted for it. It was: {plain(edit['goal_before'], _GOAL_SHOWN)}"
            )
        yield {"kind": "goal", "phase": None, "words": words}


def _of_commit(feature: Feature) -> Iterator[CaveatView]:
    """That the commit of a completed feature has other code than it was completed with."""
    event = feature.committed or {}
    changed = event.get("changed")
    if isinstance(changed, list) and changed:
        names, commit = ", ".join(map(plain, map(str, changed))), str(event.get("commit"))[:12]
        words = f"{names} changed after the feature was completed, and is in its commit "
        words += f"{plain(commit)} as it is since: nobody reviewed or approved that."
        yield {"kind": "commit", "phase": None, "words": words}


def _edit_of(feature: Feature, goal: str) -> dict[str, Any] | None:
    """The last edit of the goal with this digest; None where it is kept no longer."""
    edits = (each for each in reversed(feature.events) if each["event"] == EDITED)
    return next((each for each in edits if each.get("goal_digest_before") == goal), None)


def _of_readers(records: Iterable[PhaseRecord]) -> Iterator[CaveatView]:
    """That not another agent did a phase than the workflow wants, as far as that is known."""
    for record in records:
        doer = record.doer
        if doer is not None and doer.wanted and doer.as_wanted is not True:
            words = f"The phase {record.id}: {doer.words}."
            yield {"kind": "reviewer", "phase": record.id, "words": words}
