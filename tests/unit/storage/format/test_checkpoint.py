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
    assert (found.reason == "it bears no schema_version") is has_content
