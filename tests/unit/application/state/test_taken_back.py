"""What a restore takes back, and whether anybody has to agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from cde_orchestrator.application.state.recover_state import (
    Difference,
    TakenBackView,
    taken_back_words,
)
from cde_orchestrator.application.state.taken_back import needs_no_yes, taken_back
from cde_orchestrator.domain.history import HistoryEntry

CHANGED = Difference(
    project=[], added=[], removed=[], changed=[{"id": "1", "name": "login", "fields": ["prompt"]}]
)
OWN = {"cli", "person:ann@desk", "person:ann@desk (page)"}


class History:
    """A recovery that has lost all but the newest change."""

    def history(self, *_: Any) -> list[HistoryEntry]:
        entry = HistoryEntry(7, "", "save_progress", "cli", "c", "login", "")
        return [entry]


def test_changes_that_no_history_names_any_more_are_counted() -> None:
    rows = taken_back(Path(), cast("Any", History()), 4, 7, None)

    assert [(row["by"], row["changes"]) for row in rows] == [("cli", 1), ("", 2)]
    assert taken_back_words(rows, []) == (
        "takes back 3 changes of login, the project, by cli, whom no history names"
    )
    assert not needs_no_yes(CHANGED, rows, OWN, of_one=False)


@pytest.mark.parametrize(
    ("by", "count", "is_free"),
    [
        ("cli", 1, True),
        ("person:ann@desk", 1, True),
        ("person:ann@desk (page)", 1, True),
        ("cli (bob)", 1, False),
        ("person:ann@desktop", 1, False),
        ("mcp:codex", 1, False),
        ("cli", 2, False),
        ("", 1, False),
    ],
)
def test_one_change_of_one_s_own_goes_without_a_question(
    by: str, count: int, is_free: bool
) -> None:
    row = TakenBackView(feature="login", by=by, call="1", changes=count)

    assert needs_no_yes(CHANGED, [row], OWN, of_one=False) is is_free


def test_what_only_comes_takes_nothing_back() -> None:
    coming = Difference(project=["name", "updated_at"], added=["x"], removed=[], changed=[])

    assert needs_no_yes(coming, [], OWN, of_one=False)
    assert not needs_no_yes({**coming, "project": ["status", "updated_at"]}, [], OWN, of_one=False)
    assert not needs_no_yes({**coming, "removed": ["y"]}, [], OWN, of_one=False)


@pytest.mark.parametrize(("call", "is_free"), [("1", True), ("2", False)])
def test_of_one_feature_all_that_one_call_did_goes_without_a_question(
    call: str, is_free: bool
) -> None:
    first = TakenBackView(feature="login", by="cli", call="1", changes=2)
    second = TakenBackView(feature="login", by="cli", call=call, changes=1)

    assert needs_no_yes(CHANGED, [first, second], OWN, of_one=True) is is_free
    assert not needs_no_yes(CHANGED, [{**first, "by": "mcp:codex"}], OWN, of_one=True)
