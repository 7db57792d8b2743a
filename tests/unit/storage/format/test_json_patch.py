"""A patch says what changed, and only that; applied, it gives the later state."""

from __future__ import annotations

import copy
import json
from typing import Any, NoReturn

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cde_orchestrator.storage.format.json_patch import (
    Document,
    apply,
    diff,
    keys_of,
    pointer,
    replay,
)
from tests.proportion import require_proportion

keys = (
    st.text(max_size=4) | st.text("~/01", max_size=4) | st.sampled_from(["", "~1", "~0", "/", "a"])
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 1.5])
    | st.text(max_size=3)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)
documents = st.dictionaries(keys, values, max_size=4)


def as_json(value: object) -> str:
    """The value so that 1, 1.0 and True differ, as they do in JSON."""
    return json.dumps(value, sort_keys=True)


@given(documents, documents)
@example({"a": 1}, {"a": True})
@example({"a": True}, {"a": 1.0})
@example({"a": 0}, {"a": False})
@example({"a": [1, {"b": 1}]}, {"a": [1.0, {"b": True}]})
@example({"a": {"b": 1}}, {"a": [1]})
@example({"a": {}}, {"a": None})
@example({"a": None}, {})
@example({}, {"a": None})
@example({"": {"": 1}}, {"": {"": 2}})
@example({"~1": {"/": 1}}, {"~1": {"/": 2}, "/": {"~1": 3}})
@example({"~01": 1}, {"~01": 2, "~1": 1, "/": 0})
def test_what_was_before_with_the_difference_is_what_came_after(
    before: Document, after: Document
) -> None:
    patched = apply(before, diff(before, after))

    assert as_json(patched) == as_json(after)


@given(documents, documents)
def test_a_difference_survives_the_journal(before: Document, after: Document) -> None:
    stored = orjson.loads(orjson.dumps(diff(before, after)))

    assert as_json(apply(before, stored)) == as_json(after)


@given(documents, documents)
def test_neither_state_is_changed_by_comparing_or_applying(
    before: Document, after: Document
) -> None:
    kept = copy.deepcopy((before, after))
    apply(before, diff(before, after))

    assert as_json((before, after)) == as_json(kept)


@given(documents)
def test_between_equal_states_there_is_no_difference(document: Document) -> None:
    assert diff(document, copy.deepcopy(document)) == []


@given(documents, documents, documents)
def test_differences_follow_one_another(first: Document, second: Document, third: Document) -> None:
    together = [*diff(first, second), *diff(second, third)]

    assert as_json(apply(first, together)) == as_json(third)


@given(st.dictionaries(keys, documents, max_size=3), st.dictionaries(keys, documents, max_size=3))
def test_members_that_may_be_changed_themselves_end_up_the_same(
    before: dict[str, Document], after: dict[str, Document]
) -> None:
    patched = apply(before, diff(before, after), list(before))

    assert as_json(patched) == as_json(after)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, [{"op": "add", "path": "/a", "value": 2}]),
        ({"a": 1}, {}, [{"op": "remove", "path": "/a"}]),
        ({}, {"a": None}, [{"op": "add", "path": "/a", "value": None}]),
        (
            {"a": {"b": 1, "c": 2}},
            {"a": {"b": 1, "c": 3}},
            [{"op": "add", "path": "/a/c", "value": 3}],
        ),
        ({"a": {}}, {"a": 1}, [{"op": "add", "path": "/a", "value": 1}]),
        ({"a": 1}, {"a": {}}, [{"op": "add", "path": "/a", "value": {}}]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [{"op": "add", "path": "/a", "value": [1, 3]}]),
        ({"a": [1]}, {"a": [True]}, [{"op": "add", "path": "/a", "value": [True]}]),
        ({"a/b~c": 1}, {"a/b~c": 2}, [{"op": "add", "path": "/a~1b~0c", "value": 2}]),
        ({"": 1}, {"": 2}, [{"op": "add", "path": "/", "value": 2}]),
    ],
)
def test_a_difference_names_what_changed_and_nothing_else(
    before: Document, after: Document, expected: list[dict[str, Any]]
) -> None:
    assert diff(before, after) == expected


@pytest.mark.parametrize(("old", "new"), [(1, True), (True, 1.0), (1.0, 1), (0, False), ("1", 1)])
def test_values_that_only_python_holds_equal_differ(old: object, new: object) -> None:
    (operation,) = diff({"a": old}, {"a": new})

    assert type(operation["value"]) is type(new)


def test_a_difference_can_stand_deeper_in_a_document() -> None:
    (operation,) = diff({"a": 1}, {"a": 2}, "/features/1")

    assert operation["path"] == "/features/1/a"


def test_the_whole_document_can_be_replaced() -> None:
    whole = {"op": "add", "path": "", "value": {"b": 2}}

    assert apply({"a": 1}, [whole]) == {"b": 2}
    assert apply({}, [whole, {"op": "add", "path": "/c", "value": 3}]) == {"b": 2, "c": 3}
    assert whole["value"] == {"b": 2}


def test_what_did_not_change_is_shared_and_not_copied() -> None:
    before = {"changed": {"a": 1}, "same": {"b": 2}}
    after = apply(before, [{"op": "add", "path": "/changed/a", "value": 3}])

    assert after["same"] is before["same"]
    assert after["changed"] is not before["changed"]


def test_a_value_that_was_added_is_not_changed_by_what_follows() -> None:
    added: Document = {}
    after = apply(
        {},
        [{"op": "add", "path": "/a", "value": added}, {"op": "add", "path": "/a/b", "value": 1}],
    )

    assert after == {"a": {"b": 1}}
    assert added == {}


def test_members_named_for_it_are_changed_in_place_and_theirs_are_copied() -> None:
    feature = {"status": "defining"}
    features = {"1": feature}
    document = {"features": features, "metadata": {"a": 1}}
    after = apply(
        document,
        [
            {"op": "add", "path": "/features/1/status", "value": "testing"},
            {"op": "add", "path": "/features/2", "value": {"status": "new"}},
        ],
        ["features", "absent"],
    )

    assert after is document
    assert after["features"] is features
    assert features == {"1": {"status": "testing"}, "2": {"status": "new"}}
    assert feature == {"status": "defining"}


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ({"op": "remove", "path": ""}, "whole document"),
        ({"op": "remove", "path": "/absent"}, "remove /absent does not fit"),
        ({"op": "remove", "path": "/object/absent"}, "does not fit"),
        ({"op": "replace", "path": "/object", "value": 1}, "replace /object does not fit"),
        ({"op": "test", "path": "/object/a", "value": 1}, "does not fit"),
        ({"op": "add", "path": "/absent/a", "value": 1}, "/absent/a does not exist"),
        ({"op": "add", "path": "/text/a", "value": 1}, "does not exist"),
        ({"op": "add", "path": "/list/0", "value": 1}, "does not exist"),
        ({"op": "remove", "path": "/object/a/b"}, "does not exist"),
    ],
)
def test_an_operation_that_does_not_fit_is_refused(operation: dict[str, Any], reason: str) -> None:
    document: Document = {"object": {"a": 1}, "text": "t", "list": [0]}
    kept = copy.deepcopy(document)

    with pytest.raises(ValueError, match=reason):
        apply(document, [operation])
    assert document == kept


def test_replaying_gives_what_applying_gives_and_copies_nothing() -> None:
    before: Document = {"a": {"b": {"c": 1}}, "d": [1]}
    after: Document = {"a": {"b": {"c": 2, "e": {}}}, "f": None}
    own = copy.deepcopy(before)
    inner = own["a"]["b"]
    assert replay(own, diff(before, after)) == after
    assert own["a"]["b"] is inner
    with pytest.raises(ValueError, match="does not exist"):
        replay(own, [{"op": "add", "path": "/nowhere/x", "value": 1}])


def test_what_is_the_same_object_is_not_looked_at() -> None:
    class Untouchable(dict[str, int]):
        def items(self) -> NoReturn:
            raise AssertionError("it was walked over")

    shared = Untouchable(a=1)
    assert diff({"x": shared}, {"x": shared}) == []


def test_a_pointer_names_its_keys_and_gives_them_back() -> None:
    assert pointer() == ""
    assert pointer("a", "b/c~d", "~1") == "/a/b~1c~0d/~01"
    assert keys_of("/a/b~1c~0d/~01") == ["a", "b/c~d", "~1"]
    assert keys_of("/a/b") == ["a", "b"]
    assert keys_of("") == []


def test_a_difference_follows_what_is_the_same_object() -> None:
    shared: Document = {"b": 1}

    assert diff({"a": shared, "c": 1}, {"a": shared, "c": 2}) == [
        {"op": "add", "path": "/c", "value": 2}
    ]


@pytest.mark.parametrize("outer", [list, tuple])
def test_the_order_of_members_within_a_list_makes_no_difference(outer: type) -> None:
    one, other = outer([{"a": 1, "b": 2}]), outer([{"b": 2, "a": 1}])

    assert diff({"x": one}, {"x": other}) == diff({"x": other}, {"x": one}) == []


def test_the_whole_document_cannot_be_removed() -> None:
    with pytest.raises(ValueError, match=r"^the whole document cannot be removed$"):
        apply({"a": 1}, [{"op": "remove", "path": ""}])


def test_what_is_on_the_way_of_many_operations_is_copied_once() -> None:
    def change_each(text: str) -> None:
        numbers = range(len(text))
        features = {str(number): {"status": "new"} for number in numbers}
        paths = (f"/features/{number}/status" for number in numbers)
        apply({"features": features}, [{"op": "add", "path": path, "value": 1} for path in paths])

    require_proportion(change_each, lambda scale: "x" * 2_000 * scale)
