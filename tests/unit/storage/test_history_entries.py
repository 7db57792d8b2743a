"""Committed changes as sentences, with what earlier changes say of them."""

from __future__ import annotations

from typing import Any

from cde_orchestrator.domain.history import HistoryEntry
from cde_orchestrator.storage.format.journal import Change, Record
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.history_entries import history_entries

WORK: dict[str, Any] = {"attempts_before": 0}
JUDGE = {"status": "in_progress", "attempts": 1, "work": WORK}
LOGIN = {"name": "login", "workflow_type": "standard", "phases": {"judge": JUDGE}}
START: Patch = [{"op": "add", "path": "/features/f1", "value": LOGIN}]
ACCEPTED: Patch = [{"op": "add", "path": "/features/f1/phases/judge/status", "value": "completed"}]


def attempt(number: int, before: int | None = None) -> Patch:
    """An attempt at the phase begins; with ``before``, those before it no longer count."""
    place = "/features/f1/phases/judge"
    changes: Patch = [{"op": "add", "path": f"{place}/attempts", "value": number}]
    if before is not None:
        work = f"{place}/work"
        changes.append({"op": "add", "path": f"{work}/attempts_before", "value": before})
    return changes


def told(*patches: Patch, limit: int = 50, feature: str | None = None) -> list[HistoryEntry]:
    """The entries of changes that were made in this order, newest first."""
    changes = (
        Change(at="2026", operation="submit_work", actor="cli", correlation_id="", changes=patch)
        for patch in patches
    )
    records = [Record(number, "", "", each, b"") for number, each in enumerate(changes, start=1)]
    return history_entries(reversed(records), {"features": {}}, limit, feature)


def test_an_acceptance_says_after_how_many_attempts_it_came() -> None:
    newest, *_, oldest = told(START, attempt(2), attempt(3), ACCEPTED)

    assert newest.event == "judge accepted after 3 attempts"
    assert newest.summary == "phases.judge.status: completed"
    assert oldest.event == "feature login started with standard"


def test_attempts_before_a_rollback_do_not_count() -> None:
    assert told(START, attempt(2), attempt(3, 2), ACCEPTED)[0].event == "judge accepted"
    again = told(START, attempt(2, 1), attempt(3), ACCEPTED)
    assert again[0].event == "judge accepted after 2 attempts"


def test_a_phase_that_was_added_later_counts_from_there() -> None:
    path = "/features/f1/phases/judge"
    added: Patch = [{"op": "add", "path": path, "value": {"attempts": 4, "work": None}}]
    gone: Patch = [{"op": "remove", "path": path}]

    assert told(START, gone, added, ACCEPTED)[0].event == "judge accepted after 4 attempts"


def test_a_number_that_is_not_known_is_not_said() -> None:
    assert told(attempt(2), ACCEPTED)[0].event == "judge accepted"
    assert told(START, attempt(2), ACCEPTED, limit=2)[0].event == "judge accepted"


def test_a_feature_that_is_gone_keeps_its_name_in_the_history() -> None:
    removed, _ = told(START, [{"op": "remove", "path": "/features/f1"}])

    assert (removed.feature, removed.event) == ("login", "feature removed")
    assert told(START, ACCEPTED, [{"op": "remove", "path": "/features/f1"}])[1].feature == "login"


def test_what_has_no_words_is_said_by_its_fields() -> None:
    both: Patch = [
        {"op": "add", "path": "/features/f1/colour", "value": "red"},
        {"op": "add", "path": "/features/f2/colour", "value": "blue"},
    ]
    for changes in (both, both[:1]):
        (entry,) = told(changes)
        assert entry.event == entry.summary
        assert "colour: red" in entry.event


def test_a_change_of_the_project_is_a_sentence_too() -> None:
    whole: Patch = [{"op": "add", "path": "", "value": {"name": "shop"}}]
    status: Patch = [{"op": "add", "path": "/status", "value": "archived"}]

    assert [each.event for each in told(whole, status)] == ["project archived", "project created"]


def test_a_change_of_several_features_says_each_thing_once() -> None:
    def verified(feature: str, *red: str) -> Patch:
        work = f"/features/{feature}/work"
        return [{"op": "add", "path": f"{work}/verified", "value": {"criteria": [*red]}}]

    again = verified("f1") + verified("f2")
    red = verified("f3", "AC1")

    assert [each.event for each in told(again, again + red)] == [
        "proven again, proven again with red AC1",
        "proven again",
    ]


def test_a_change_of_many_features_tells_the_first_of_them_or_the_one_that_is_asked_for() -> None:
    many: Patch = [
        {"op": "add", "path": f"/features/{number}", "value": {**LOGIN, "name": f"n{number}"}}
        for number in range(100)
    ]
    (entry,) = told(many)
    (of_one,) = told(many, feature="42")

    assert entry.event == (
        "feature n0 started with standard, feature n1 started with standard, "
        "feature n2 started with standard; and 97 features more"
    )
    assert of_one.event == "feature n42 started with standard"
