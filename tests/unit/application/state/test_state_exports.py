from __future__ import annotations

import json
from typing import Any

import pytest

from cde_orchestrator.application.state.state_exports import (
    export_of,
    export_text,
    merge_exports,
    parse_base,
    parse_export,
)
from cde_orchestrator.domain.exceptions import StateError


def feature(name: str, updated_at: str = "1", **more: object) -> dict[str, Any]:
    return {"id": name, "name": name, "created_at": "0", "updated_at": updated_at, **more}


def state(*features: dict[str, Any], **own: object) -> dict[str, Any]:
    return {
        "id": "p",
        "updated_at": "0",
        "workflows": {},
        **own,
        "features": {each["id"]: each for each in features},
    }


def test_an_export_is_read_back_and_the_same_state_gives_the_same_text() -> None:
    document = state(feature("b"), feature("a"))
    text = export_text(export_of(document))
    assert parse_export(text) == document
    assert export_text(export_of(parse_export(text))) == text
    assert export_text(export_of(state(feature("a"), feature("b")))) == text
    assert json.loads(text)["features"][0]["name"] == "a"


def test_each_feature_is_a_block_of_lines_of_its_own() -> None:
    before = export_text(export_of(state(feature("a"), feature("b"), feature("c"))))
    after = export_text(export_of(state(feature("a"), feature("b", "2"), feature("c"))))
    changed = set(after.splitlines()) ^ set(before.splitlines())
    assert changed == {'  "updated_at": "2"'}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"format": "cde-export", "version": 2}',
        '{"format": "cde-export", "version": 1}',
        '{"format": "cde-export", "version": 1, "project": {}, "features": {}}',
        '{"format": "cde-export", "version": 1, "project": {}, "features": [1]}',
        '{"format": "cde-export", "version": 1, "project": {"workflows": true}, "features": []}',
        '{"format": "cde-export", "version": 1, "project": {}, "features": [{"id": 1}]}',
        (
            '{"format": "cde-export", "version": 1, "project": {},'
            ' "features": [{"id": "a"}, {"id": "a"}]}'
        ),
    ],
)
def test_what_is_no_export_is_refused(text: str) -> None:
    with pytest.raises(StateError) as caught:
        parse_export(text)
    assert caught.value.code == "E210"


BASE = state(feature("kept"), feature("mine"), feature("theirs"), feature("both"))


def test_what_one_side_changed_is_taken_from_there() -> None:
    ours = state(feature("kept"), feature("mine", "5"), feature("theirs"), feature("new"))
    theirs = state(feature("kept"), feature("mine"), feature("theirs", "4"), feature("other"))
    merged, conflicts = merge_exports(BASE, ours, theirs)
    found = {key: each["updated_at"] for key, each in merged["features"].items()}
    assert found == {"kept": "1", "mine": "5", "theirs": "4", "new": "1", "other": "1"}
    assert conflicts == []


@pytest.mark.parametrize(("ours", "theirs", "winner"), [("8", "9", "9"), ("9", "8", "9")])
def test_where_both_changed_the_newest_revision_wins_and_is_told(
    ours: str, theirs: str, winner: str
) -> None:
    merged, conflicts = merge_exports(
        BASE, state(feature("both", ours)), state(feature("both", theirs))
    )
    assert merged["features"]["both"]["updated_at"] == winner
    assert conflicts == ["feature both"]


def test_what_one_side_removed_and_the_other_changed_stays() -> None:
    merged, conflicts = merge_exports(BASE, state(), state(feature("both", "9")))
    assert list(merged["features"]) == ["both"]
    assert conflicts == ["feature both"]


def test_the_project_and_its_workflows_are_merged_too() -> None:
    base = state(status="active")
    ours = state(status="active", workflows={"a": 1})
    theirs = state(status="archived", workflows={"b": 2})
    merged, conflicts = merge_exports(base, ours, theirs)
    assert (merged["status"], merged["workflows"]) == ("archived", {"a": 1, "b": 2})
    assert conflicts == []


def test_two_features_with_one_name_are_parted_and_told() -> None:
    ours = {**feature("a"), "name": "login"}
    theirs = {**feature("b"), "name": "login", "created_at": "1"}
    taken = feature("login-2")
    merged, conflicts = merge_exports(state(), state(ours, taken), state(theirs))
    names = {key: each["name"] for key, each in merged["features"].items()}
    assert names == {"a": "login", "login-2": "login-2", "b": "login-3"}
    assert len(conflicts) == 1
    assert "login-3" in conflicts[0]


def test_revisions_are_compared_as_times() -> None:
    earlier, later = "2025-11-10T12:00:00+02:00", "2025-11-10T11:00:00Z"
    merged, _ = merge_exports(BASE, state(feature("both", earlier)), state(feature("both", later)))
    assert merged["features"]["both"]["updated_at"] == later


def test_sides_without_a_common_ancestor_keep_all_features() -> None:
    merged, conflicts = merge_exports(parse_base(""), state(feature("a")), state(feature("b")))
    assert list(merged["features"]) == ["a", "b"]
    assert conflicts == []


@pytest.mark.parametrize("key", ["id", "name", "created_at", "updated_at"])
def test_a_feature_without_what_a_merge_needs_is_refused(key: str) -> None:
    export = export_of(state(feature("a")))
    export["features"][0][key] = 5
    with pytest.raises(StateError) as caught:
        parse_export(export_text(export))
    assert caught.value.code == "E210"
