from __future__ import annotations

import json
from typing import Any

import pytest

from cde_orchestrator.storage.format.checkpoint import (
    SCHEMA_VERSION,
    Checkpoint,
    NotACheckpoint,
    decode,
    encode,
)
from tests.state_stores import sealed

OF_OTHER_TYPES: dict[str, list[Any]] = {
    "sequence": [[], "1", True, None],
    "record_checksum": [[], 1, None],
    "fork": [[], 1, ""],
    "features": [{}, 1, None, [1], [{}], [{"id": 1}]],
}
DOCUMENT: dict[str, Any] = {
    "id": "p",
    "name": "Project",
    "metadata": {"a": None},
    "features": {"f1": {"id": "f1", "name": "one"}, "f2": {"id": "f2", "name": "two"}},
}


def test_a_checkpoint_is_read_back_as_written() -> None:
    data = encode(DOCUMENT, 7, "abc")
    assert decode(data) == Checkpoint(7, "abc", DOCUMENT, len(data))


def test_a_member_with_the_name_of_the_checksum_is_not_taken_for_it() -> None:
    document = {**DOCUMENT, "metadata": {"checksum": "f" * 32}}
    data = encode(document, 7, "abc")
    assert decode(data) == Checkpoint(7, "abc", document, len(data))


def test_the_file_is_readable_by_people_and_lists_the_features() -> None:
    content = json.loads(encode(DOCUMENT, 7, "abc"))
    assert list(content)[:3] == ["schema_version", "sequence", "checksum"]
    assert [feature["id"] for feature in content["features"]] == ["f1", "f2"]
    assert encode(DOCUMENT, 7, "abc").startswith(b"{\n  ")


def test_the_same_state_gives_the_same_bytes() -> None:
    assert encode(DOCUMENT, 7, "abc") == encode(dict(DOCUMENT), 7, "abc")


def test_every_flipped_bit_of_every_byte_is_noticed_and_never_taken_for_an_older_file() -> None:
    data = encode(DOCUMENT, 7, "abc")
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            found = decode(bytes(flipped))
            assert isinstance(found, NotACheckpoint), (position, bit)
            assert found.content is None, (position, bit)
            assert found.schema_version is None, (position, bit)


def test_every_truncation_is_noticed() -> None:
    data = encode(DOCUMENT, 7, "abc")
    for size in range(len(data)):
        found = decode(data[:size])
        # The last byte is the line break, which JSON does not need but the checksum covers.
        assert isinstance(found, NotACheckpoint), size
        assert found.content is None, size


def test_a_newer_schema_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cde_orchestrator.storage.format.checkpoint.SCHEMA_VERSION", 99)
    newer = encode(DOCUMENT, 7, "abc")
    monkeypatch.undo()
    found = decode(newer)
    assert isinstance(found, NotACheckpoint)
    assert found.schema_version == 99
    assert SCHEMA_VERSION < 99


@pytest.mark.parametrize(
    ("data", "has_content"),
    [
        (b'{"id": "p", "features": []}', True),
        (b'{"id": "p", "score": NaN}', True),
        (b"[1]", False),
        (b"{", False),
        (b"", False),
        (b"\xff\xfe", False),
        (b'{"sequence": 1}', False),
        (b'{"sequence": NaN}', False),
    ],
)
def test_only_an_object_without_our_own_keys_may_be_of_an_older_release(
    data: bytes, has_content: bool
) -> None:
    found = decode(data)
    assert isinstance(found, NotACheckpoint)
    assert (found.content is not None) is has_content
    assert (found.reason == "it has no schema_version") is has_content


def test_the_file_begins_with_its_own_members() -> None:
    content = json.loads(encode({"id": "p"}, 7, "abc"))

    assert list(content) == [
        *("schema_version", "sequence", "checksum", "record_checksum", "id", "features"),
    ]
    assert (content["schema_version"], content["sequence"]) == (1, 7)
    assert (content["record_checksum"], content["features"]) == ("abc", [])
    assert len(content["checksum"]) == 32


def test_members_with_the_names_of_its_own_are_not_part_of_the_state() -> None:
    document = {**DOCUMENT, "sequence": 99, "record_checksum": "other", "schema_version": 9}
    data = encode({**document, "checksum": "f" * 32}, 7, "abc")

    assert decode(data) == Checkpoint(7, "abc", DOCUMENT, len(data))


@pytest.mark.parametrize("key", ["schema_version", "sequence", "checksum", "record_checksum"])
@pytest.mark.parametrize("value", ["1", "NaN"])
def test_any_of_its_own_members_makes_a_file_a_damaged_checkpoint(key: str, value: str) -> None:
    found = decode(f'{{"{key}": {value}, "id": "p"}}'.encode())

    assert isinstance(found, NotACheckpoint)
    assert found.content is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[1]", "it is not a JSON object"),
        (b"[NaN]", "it was not written by this product"),
        (b'{"sequence": NaN}', "it was not written by this product"),
        (b"[" * 100_000, "it is nested too deeply"),
        (
            encode(DOCUMENT, 7, "abc").replace(b"Project", b"Product"),
            "its checksum does not match its content",
        ),
    ],
)
def test_a_damaged_file_comes_with_the_reason(data: bytes, reason: str) -> None:
    assert decode(data) == NotACheckpoint(reason)


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, value) for key, values in OF_OTHER_TYPES.items() for value in values],
)
def test_members_of_other_types_are_damage_though_the_checksum_fits(
    key: str, value: object
) -> None:
    content = {**json.loads(encode(DOCUMENT, 7, "abc")), "checksum": "0" * 32, key: value}
    data = sealed(json.dumps(content).encode())

    reason = "its members are not of the types that this product writes"
    assert decode(data) == NotACheckpoint(reason)


@pytest.mark.parametrize("levels", [190, 210, 900])
def test_a_state_is_as_deep_as_it_can_be_written_again(levels: int) -> None:
    deep = ("[" * levels + "]" * levels).encode()
    data = encode({**DOCUMENT, "metadata": "here"}, 7, "abc").replace(b'"here"', deep)
    data = sealed(data)

    found = decode(data)
    if levels < 200:
        assert isinstance(found, Checkpoint)
        assert encode(found.document, 8, "abc")
    else:
        assert found == NotACheckpoint("it is nested too deeply")


def test_what_is_no_json_comes_with_the_words_of_the_parser() -> None:
    found = decode(b"{")

    assert isinstance(found, NotACheckpoint)
    assert found.reason.startswith("it is not JSON (Expecting property name")


@pytest.mark.parametrize("score", ["1", "NaN"])
def test_a_file_of_an_older_release_comes_with_its_content(score: str) -> None:
    found = decode(f'{{"id": "p", "score": {score}}}'.encode())

    assert isinstance(found, NotACheckpoint)
    assert found.reason == "it has no schema_version"
    assert found.content is not None
    assert list(found.content) == ["id", "score"]


def test_a_newer_file_comes_with_its_content_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    newest = SCHEMA_VERSION + 1
    monkeypatch.setattr("cde_orchestrator.storage.format.checkpoint.SCHEMA_VERSION", newest)
    newer = encode(DOCUMENT, 7, "abc")
    monkeypatch.undo()

    assert decode(newer) == NotACheckpoint(
        "it is from a newer version", json.loads(newer), schema_version=newest
    )
