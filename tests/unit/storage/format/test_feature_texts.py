"""Features that are decoded when they are asked for do what dictionaries of them do."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cde_orchestrator.adapters.repositories.codec import encode_feature
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Workflow
from cde_orchestrator.storage.format.checkpoint import (
    Checkpoint,
    NotACheckpoint,
    decode,
    encode,
    problem_in,
)
from cde_orchestrator.storage.format.feature_texts import FeatureTexts, plain
from cde_orchestrator.storage.format.json_patch import Document, Patch, apply, diff, replay
from tests.state_stores import decoded_from_now_on, sealed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FEATURES: dict[str, Document] = {
    "f1": {"id": "f1", "name": "one", "phases": {"define": {"attempts": 1}}},
    "f2": {"id": "f2", "name": 'a "work":{ } and \\ and \n', "phases": {}},
    "f3": {"id": "f3", "name": "drei 🌳", "phases": {}},
}
DOCUMENT: Document = {"id": "p", "metadata": {"features": [1]}, "features": FEATURES}
CHANGES: list[Patch] = [
    [{"op": "add", "path": "/features/f1/phases/define/attempts", "value": 2}],
    [{"op": "add", "path": "/features/f4", "value": {"id": "f4", "name": "four"}}],
    [{"op": "remove", "path": "/features/f2"}],
    [{"op": "remove", "path": "/features/f1/phases/define"}, {"op": "remove", "path": "/metadata"}],
    [{"op": "add", "path": "", "value": {"id": "p", "features": {}}}],
]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the features that are decoded."""
    return decoded_from_now_on(monkeypatch)


def loaded() -> Document:
    found = decode(encode(DOCUMENT, 7, "abc"))
    assert isinstance(found, Checkpoint)
    return found.document


def whole_feature(feature_id: str, status: str) -> Document:
    """A feature with all members that its text begins with."""
    made = Feature.create(
        project_id="p", name=feature_id, prompt="P", workflow=Workflow.canonical(), now=NOW
    )
    return {**encode_feature(made), "id": feature_id, "status": status}


def texts(document: Document) -> FeatureTexts:
    features = document["features"]
    assert isinstance(features, FeatureTexts)
    return features


def test_a_checkpoint_has_a_line_for_each_feature() -> None:
    data = encode(DOCUMENT, 7, "abc")
    assert data.count(b'\n    {"id":"') == len(FEATURES)
    assert json.loads(data)["features"] == list(FEATURES.values())
    assert encode(loaded(), 7, "abc") == data


def test_nothing_is_decoded_until_it_is_asked_for_and_then_once(decoded: list[str]) -> None:
    features = texts(loaded())
    assert [*features] == ["f1", "f2", "f3"]
    assert "f2" in features
    assert "f9" not in features
    assert len(features) == 3
    assert features.get("f9") is None
    encode(loaded(), 8, "def")
    assert decoded == []

    assert features["f2"] is features["f2"]
    assert features["f2"] == FEATURES["f2"]
    assert decoded == ["f2"]


def test_only_some_stay_decoded(decoded: list[str]) -> None:
    many = {str(number): {"id": str(number)} for number in range(1_000)}
    found = decode(encode({"features": many}, 1, "abc"))
    assert isinstance(found, Checkpoint)
    features = texts(found.document)

    assert dict(features) == many
    assert decoded == [*many]
    assert features["999"] == many["999"]
    assert decoded == [*many]
    decoded.clear()
    assert dict(features) == many
    assert len(decoded) > 900


@pytest.mark.parametrize("changes", CHANGES)
def test_a_change_makes_of_texts_what_it_makes_of_objects(changes: Patch) -> None:
    expected = apply(DOCUMENT, changes)
    assert apply(loaded(), changes) == expected
    assert apply(loaded(), changes, ("features",)) == expected
    assert replay(loaded(), copy.deepcopy(changes)) == expected
    changed = replay(loaded(), copy.deepcopy(changes))
    kept = decode(encode(changed, 8, "def"))
    assert isinstance(kept, Checkpoint)
    assert kept.document == expected


@pytest.mark.parametrize("changes", CHANGES)
def test_a_difference_to_texts_is_the_one_to_objects(changes: Patch) -> None:
    expected = apply(DOCUMENT, changes)
    for before in (DOCUMENT, loaded()):
        for after in (expected, apply(loaded(), changes)):
            found = diff(before, after)
            assert found == diff(DOCUMENT, expected)
            json.dumps(found)  # whatever is in a change is for the journal
    json.dumps(diff({}, loaded()))


def test_what_is_changed_in_a_copy_stays_out_of_the_original() -> None:
    document = loaded()
    for made in (copy.copy(texts(document)), copy.deepcopy(texts(document))):
        made["f1"] = {"id": "f1"}
        del made["f2"]
        assert texts(document) == FEATURES
    shared = copy.deepcopy(document)
    replay(shared, CHANGES[0])
    assert document["features"]["f1"]["phases"]["define"] == {"attempts": 1}


def test_a_change_to_one_that_was_decoded_before_is_kept() -> None:
    document = loaded()
    _ = document["features"]["f1"]
    document = apply(document, CHANGES[0], ("features",))
    assert document["features"]["f1"]["phases"]["define"] == {"attempts": 2}
    assert plain(document)["features"] == dict(document["features"])


def test_only_features_that_have_no_such_word_have_a_place() -> None:
    document = loaded()
    document["features"]["f3"] = dict(FEATURES["f3"])
    data, places = texts(document).places([b'"attempts":'])
    found = dict(places)
    assert found["f1"] == found["f3"] == -1
    assert data[found["f2"] :].startswith(b'{"id":"f2"')
    assert [key for key, _ in places] == ["f1", "f2", "f3"]


def test_features_without_some_statuses_are_found_by_the_beginnings_of_their_texts(
    decoded: list[str],
) -> None:
    kept = {
        "t1": whole_feature("t1", "defining"),
        "t2": whole_feature("t2", "completed"),
        "t3": {"id": "t3", "status": "completed"},  # no text of this release begins so
    }
    found = decode(encode({"features": kept}, 1, "abc"))
    assert isinstance(found, Checkpoint)
    features = texts(found.document)
    features["o1"] = whole_feature("o1", "defining")
    features["o2"] = whole_feature("o2", "completed")

    wanted = [each["id"] for each in features.without_statuses({"completed", "failed"})]

    assert wanted == ["t1", "t3", "o1"]
    assert decoded == ["t1", "t3"]


@pytest.mark.parametrize(
    ("line", "other"),
    [
        (b'{"id":"f3",', b'{"id":"f1",'),  # twice
        (b'{"id":"f1",', b'{ "id":"f1",'),
        (b'{"id":"f1",', b'{"name":"x","id":"f1",'),
    ],
)
def test_lines_that_this_release_does_not_write_are_decoded_as_before(
    line: bytes, other: bytes
) -> None:
    data = sealed(encode(DOCUMENT, 7, "abc").replace(line, other))
    found = decode(data)
    assert isinstance(found, Checkpoint)
    content: dict[str, Any] = json.loads(data)
    assert type(found.document["features"]) is dict
    assert found.document["features"] == {each["id"]: each for each in content["features"]}


def test_a_checkpoint_of_an_earlier_release_is_read() -> None:
    content = {"schema_version": 1, "sequence": 7, "checksum": "0" * 32, "record_checksum": "abc"}
    content |= {**DOCUMENT, "features": [*FEATURES.values()]}
    found = decode(sealed(json.dumps(content, indent=2).encode()))
    assert isinstance(found, Checkpoint)
    assert found.document == DOCUMENT


def test_line_ends_of_an_editor_are_no_damage() -> None:
    data = encode(DOCUMENT, 7, "abc").replace(b"\n", b"\r\n")
    found = decode(data)
    assert isinstance(found, Checkpoint)
    assert texts(found.document) == FEATURES


@pytest.mark.parametrize("forged", [b'{"id":"f3",]}', b'{"id":"f3","a":%s}' % (b"[" * 300)])
def test_a_forged_feature_is_refused_when_it_is_asked_for(forged: bytes) -> None:
    data = encode(DOCUMENT, 7, "abc")
    start = data.index(b'{"id":"f3"')
    found = decode(sealed(data[:start] + forged + data[data.index(b"\n", start) :]))
    assert isinstance(found, Checkpoint)
    assert found.document["features"]["f1"] == FEATURES["f1"]
    with pytest.raises(ValueError, match=r"."):
        _ = found.document["features"]["f3"]


def test_a_changed_line_is_damage() -> None:
    data = encode(DOCUMENT, 7, "abc").replace(b'"name":"one"', b'"name":"two"')
    assert isinstance(decode(data), NotACheckpoint)


@pytest.mark.parametrize(
    "forged",
    [
        b'    {"id":"f1", nothing},',
        b'    {"id":"f1","id":"f9"},',
        b'    {"id":"f1"},{"id":"f8"},',
        b'    {"id":"f1","deep":' + b"[" * 300 + b"]" * 300 + b"},",
    ],
    ids=["no JSON", "another id", "two features", "nested too deeply"],
)
def test_a_feature_that_cannot_be_read_is_found_by_whoever_judges_the_file(forged: bytes) -> None:
    data = encode(DOCUMENT, 7, "abc")
    assert problem_in(decode(data)) is None
    start = data.index(b'    {"id":"f1"')

    found = decode(sealed(data[:start] + forged + data[data.index(b"\n", start) :]))

    assert "f1" in (problem_in(found) or "")
