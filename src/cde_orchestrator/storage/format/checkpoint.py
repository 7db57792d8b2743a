"""The checkpoint's format: the whole state at one sequence, readable by people.

``state.json`` is indented JSON whose ``checksum`` is the BLAKE2b-128 digest of the file with
that checksum blanked, so that every byte of it is covered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from cde_orchestrator.domain.value import Value
from cde_orchestrator.storage.format.json_patch import Document, is_too_deep

SCHEMA_VERSION = 1
NEWER = "it is from a newer version"
"""What is wrong with a checkpoint that is not damaged."""

_BLANK = b"0" * 32
_TOO_DEEP = "it is nested too deeply"
_MARK = b'"checksum": "'
OWN_KEYS = ("schema_version", "sequence", "checksum", "record_checksum", "fork")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state at one sequence.

    Attributes:
        record_checksum: checksum of the journal record with that sequence.
        document: the state, its features keyed by id.
        size: bytes of the file.
        fork: of a side of a fork, how it came to be one.
    """

    sequence: int
    record_checksum: str
    document: Document
    size: int
    fork: dict[str, Any] | None = None


class NotACheckpoint(Value):
    """Why a file is no checkpoint of this version.

    Attributes:
        reason: what is wrong, in words.
        content: the parsed content of a file that is no damaged one: it bears none of this
            product's own keys, or a newer schema version.
        schema_version: the file's version, where it is newer than this one.
    """

    reason: str
    content: dict[str, Any] | None = None
    schema_version: int | None = None


def encode(
    document: Document, sequence: int, record_checksum: str, fork: Mapping[str, Any] | None = None
) -> bytes:
    """The file's content; the same state always gives the same bytes."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "sequence": sequence,
        "checksum": _BLANK.decode(),
        "record_checksum": record_checksum,
        **({"fork": fork} if fork is not None else {}),
        **{key: value for key, value in document.items() if key not in OWN_KEYS},
        "features": list(document.get("features", {}).values()),
    }
    return _sealed(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def decode(data: bytes) -> Checkpoint | NotACheckpoint:
    """Judge a file's content, whatever an editor or git made of the ends of its lines."""
    data = data.replace(b"\r\n", b"\n")  # in a text of JSON, both are escaped
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _decode_leniently(data)
    if not isinstance(content, dict):
        return NotACheckpoint("it is not a JSON object")
    if is_too_deep(content):
        return NotACheckpoint(_TOO_DEEP)
    if not any(key in content for key in OWN_KEYS):
        return NotACheckpoint("it has no schema_version", content=content)
    if _sealed(data) != data:
        return NotACheckpoint("its checksum does not match its content")
    version = content.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:
        return NotACheckpoint(NEWER, content, version)
    sequence, record_checksum = content.get("sequence"), content.get("record_checksum")
    fork, features = content.get("fork"), content.get("features")
    if (
        type(sequence) is not int
        or not isinstance(record_checksum, str)
        or not isinstance(fork, dict | None)
        or not isinstance(features, list)
        or not all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in features)
    ):
        return NotACheckpoint("its members are not of the types that this product writes")
    return Checkpoint(sequence, record_checksum, document_of(content), len(data), fork)


def document_of(content: Document) -> Document:
    """The state in a file's content, its features keyed by id."""
    document = {key: value for key, value in content.items() if key not in OWN_KEYS}
    document["features"] = {feature["id"]: feature for feature in content["features"]}
    return document


def _sealed(data: bytes) -> bytes:
    """A file's content with the checksum that it should have."""
    position = data.find(_MARK) + len(_MARK)
    before, after = data[:position], data[position + len(_BLANK) :]
    digest = hashlib.blake2b(before + _BLANK + after, digest_size=16).hexdigest()
    return before + digest.encode() + after


def _decode_leniently(data: bytes) -> NotACheckpoint:
    # Files of older releases may hold what only the standard library reads, as NaN.
    try:
        content = json.loads(data)
    except ValueError as error:
        return NotACheckpoint(f"it is not JSON ({error})")
    except RecursionError:
        return NotACheckpoint(_TOO_DEEP)
    if isinstance(content, dict) and not any(key in content for key in OWN_KEYS):
        return NotACheckpoint("it has no schema_version", content=content)
    return NotACheckpoint("it was not written by this product")
