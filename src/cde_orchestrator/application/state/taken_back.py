"""What a restore takes back: the changes since the state that it returns to, and whose they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator.application.ports.core import StateRecovery
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import FeatureError, StateError, ValidationError

if TYPE_CHECKING:
    from cde_orchestrator.application.state.recover_state import TakenBackView

SHOWN = 5
"""How many features, and how many of those who changed them, are named."""


def taken_back(
    root: Path, recovery: StateRecovery, at: int, present: int | None, feature: str | None
) -> list[TakenBackView]:
    """The changes after ``at`` by call, the first one first; none where no history can be read."""
    if present is None or present <= at:
        return []
    entries: Sequence[Any] = ()
    with suppress(StateError, FeatureError):
        entries = recovery.history(root, present - at, feature)
    made = Counter(
        (each.feature, each.actor, each.correlation_id)
        for each in reversed(entries)
        if each.sequence > at
    )
    return [
        {"feature": name, "by": by, "call": call, "changes": number}
        for (name, by, call), number in made.items()
    ]


def only(feature: str, present: Mapping[str, Any], restored: Mapping[str, Any]) -> dict[str, Any]:
    """The present state, with one feature as it is in another.

    Args:
        feature: its id, or its name in one of the states.
        present: the state that is there.
        restored: the one that has the feature as it is to be.

    Raises:
        CDEError: E102, neither has it; E305, only the present one has, or its name is taken.
    """
    found = _id_of(feature, present["features"]) or _id_of(feature, restored["features"])
    if found is None:
        raise FeatureError.of("E102", reference=feature, near="")
    if found not in restored["features"]:
        reason = f"{feature!r} was not there yet; cde close ends it"
        raise ValidationError.of("E305", argument="feature", reason=reason)
    name = restored["features"][found]["name"]
    if _id_of(name, present["features"]) not in {None, found}:
        reason = f"it was called {name} then, as another feature is now; cde edit renames that one"
        raise ValidationError.of("E305", argument="feature", reason=reason)
    return {
        **present,
        "workflows": {**(restored.get("workflows") or {}), **(present.get("workflows") or {})},
        "features": {**present["features"], found: restored["features"][found]},
    }


def _id_of(reference: str, features: Mapping[str, Any]) -> str | None:
    if reference in features:
        return reference
    return next((key for key, each in features.items() if each["name"] == reference), None)


def is_harmless(rows: Sequence[TakenBackView], lost: Sequence[str], own: set[str]) -> bool:
    """Whether nobody has to be asked: nothing goes but what one call of one's own did.

    Args:
        rows: of ``taken_back``.
        lost: names of what would go or differ.
        own: the names that whoever restores goes by.
    """
    calls = {row["call"] for row in rows}
    callers = {_without_channel(row["by"]) for row in rows}
    return not lost or (len(calls) == 1 and callers <= own)


def _without_channel(by: str) -> str:
    """The person, whichever way they went; any other caller as it is."""
    return by.partition(" (")[0] if by.startswith("person:") else by


def taken_back_words(rows: Sequence[TakenBackView], removed: Sequence[str]) -> str:
    """What goes, in a line: how many changes of which features, by whom; empty for nothing."""
    words = [f"removes {_named(map(plain, removed))}"] if removed else []
    if rows:
        changes = sum(row["changes"] for row in rows)
        features = _named(plain(row["feature"] or "the project") for row in rows)
        whose = _named(plain(row["by"]) for row in rows)
        plural = "" if changes == 1 else "s"
        words.append(f"takes back {changes} change{plural} of {features}, by {whose}")
    return " and ".join(words)


def _named(names: Any) -> str:
    different = [*dict.fromkeys(names)]
    beyond = len(different) - SHOWN
    more = f" and {beyond} more" if beyond > 0 else ""
    return ", ".join(different[:SHOWN]) + more
