"""What a restore takes back: the changes since the state that it returns to, and whose they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator.application.ports.core import StateRecovery
from cde_orchestrator.domain.exceptions import FeatureError, StateError, ValidationError
from cde_orchestrator.domain.history import HistoryEntry

if TYPE_CHECKING:
    from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
    from cde_orchestrator.application.state.recover_state import (
        Difference,
        RestoreState,
        TakenBackView,
    )


_DECIDED = {"status", "metadata"}
"""What somebody decided about a project; its name and times come with its features."""


def taken_back(
    root: Path, recovery: StateRecovery, at: int, present: int | None, feature: str | None
) -> list[TakenBackView]:
    """The changes after ``at``, of one feature if its id is given; the first ones first."""
    if present is None or present <= at:
        return []
    entries: Sequence[HistoryEntry] = ()
    with suppress(StateError, FeatureError):
        entries = recovery.history(root, present - at, feature, at)
    gone = entries[::-1]
    made = Counter((each.feature, each.actor, each.correlation_id) for each in gone)
    if feature is None and len(gone) < present - at:
        made[None, "", ""] += present - at - len(gone)
    return [
        {"feature": name, "by": by, "call": call, "changes": count}
        for (name, by, call), count in made.items()
    ]


def with_feature(
    found: str, present: Mapping[str, Any], restored: Mapping[str, Any]
) -> dict[str, Any]:
    """The present state, with the feature of this id as it is in another.

    Raises:
        ValidationError: E305, it was not there yet, or its name is another one's now.
    """
    if found not in restored["features"]:
        reason = "it was not there yet; to end it, close it"
        raise ValidationError.of("E305", argument="feature", reason=reason)
    name = restored["features"][found]["name"]
    if _id_of(name, present["features"]) not in {None, found}:
        reason = f"it was called {name} then, as another feature is now: rename that one first"
        raise ValidationError.of("E305", argument="feature", reason=reason)
    return {
        **present,
        "workflows": {**(restored.get("workflows") or {}), **(present.get("workflows") or {})},
        "features": {**present["features"], found: restored["features"][found]},
    }


def meant_id(reference: str, features: ProjectFeatures, restored: Mapping[str, Any]) -> str:
    """The id of the feature that is meant, which may be gone by now; E102 or E103 for none."""
    try:
        return features.read(reference)[1].id
    except FeatureError:
        gone = _id_of(reference, restored["features"])
        if gone is None:
            raise
        return gone


def _id_of(reference: str, features: Mapping[str, Any]) -> str | None:
    if reference in features:
        return reference
    return next((key for key, each in features.items() if each["name"] == reference), None)


def needs_no_yes(
    difference: Difference, rows: Sequence[TakenBackView], own: set[str], *, of_one: bool
) -> bool:
    """Whether nobody has to be asked: nothing goes but what one call of one's own did.

    Calls in one trace have one id. So of the whole project it is one change, which is surely one
    call's; of one feature alone the id will do.

    Args:
        difference: what would differ.
        rows: of ``taken_back``.
        own: the names that whoever restores goes by.
        of_one: whether one feature alone is restored.
    """
    if not rows:
        decided = _DECIDED & {*difference["project"]}
        return not (difference["removed"] or difference["changed"] or decided)
    is_own = {row["by"] for row in rows} <= own
    if of_one:
        return is_own and len({row["call"] for row in rows}) == 1
    return is_own and [row["changes"] for row in rows] == [1]


def source_options(wanted: RestoreState, file: Path | None = None) -> list[str]:
    """The words by which a command names what is restored; ``file`` is where an export is."""
    if file is not None:
        return ["--file", str(file)]
    if wanted.backup is not None:
        return ["--backup", wanted.backup]
    only = ["--feature", wanted.feature] if wanted.feature is not None else []
    return ["--at", str(wanted.at), *only]
