"""The checkpoint's format: the whole state at one sequence, readable by people.

``state.json`` is JSON whose ``checksum`` is the BLAKE2b-128 digest of the file with that checksum
blanked, so that every byte of it is covered. It is indented, but for the features: each is a line,
so that they can be told apart without being decoded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import orjson

from cde_orchestrator.domain.value import Value
from cde_orchestrator.storage.format import feature_texts
from cde_orchestrator.storage.format.feature_texts import FeatureTexts
from cde_orchestrator.storage.format.json_patch import Document, is_too_deep

SCHEMA_VERSION = 1
NEWER = "it is from a newer version"
"""What is wrong with a checkpoint that is not damaged."""

_BLANK = b"0" * 32
_TOO_DEEP = "it is nested too deeply"
_MARK = b'"checksum": "'
_OPEN, _CLOSE = b'\n  "features": [\n', b"\n  ]\n}\n"
_EMPTY = b'\n  "features": []\n}\n'
OWN_KEYS = ("schema_version", "sequence", "checksum", "record_checksum", "fork")


class Checkpoint(Value):
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
    own = {
        "schema_version": SCHEMA_VERSION,
        "sequence": sequence,
        "checksum": _BLANK.decode(),
        "record_checksum": record_checksum,
        **({"fork": fork} if fork is not None else {}),
        **{key: value for key, value in document.items() if key not in {*OWN_KEYS, "features"}},
    }
    head = orjson.dumps(own, option=orjson.OPT_INDENT_2).removesuffix(b"\n}") + b","
    content = b",\n".join(feature_texts.lines(document.get("features", {})))
    rest = (_OPEN, content, _CLOSE) if content else (_EMPTY,)
    checksum, place = _digest(head, *rest)
    return b"".join((head[:place], checksum, head[place + len(checksum) :], *rest))


def decode(data: bytes) -> Checkpoint | NotACheckpoint:
    """Judge a file's content, whatever an editor or git made of the ends of its lines."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")  # in a text of JSON, both are escaped
    if (found := _decode_own(data)) is not None:
        return found
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
    if not _is_sealed(data):
        return NotACheckpoint("its checksum does not match its content")
    version = content.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:
        return NotACheckpoint(NEWER, content, version)
    found = _made(content, len(data))
    return found or NotACheckpoint("its members are not of the types that this product writes")


def _decode_own(data: bytes) -> Checkpoint | None:
    """A file as this release writes it, its features not decoded; None for any other one."""
    start = data.find(_OPEN)
    if start < 0 or not data.endswith(_CLOSE) or not _is_sealed(data):
        return None
    try:
        content = orjson.loads(data[:start] + _EMPTY)
    except orjson.JSONDecodeError:
        return None
    first, last = start + len(_OPEN), len(data) - len(_CLOSE)
    features = FeatureTexts.in_lines(data, first, last)
    if features is None or content.get("schema_version") != SCHEMA_VERSION or is_too_deep(content):
        return None
    return _made({**content, "features": features}, len(data))


def _made(content: Document, size: int) -> Checkpoint | None:
    """The checkpoint of a file's content; None where its members are of other types."""
    sequence, record_checksum = content.get("sequence"), content.get("record_checksum")
    fork, features = content.get("fork"), content.get("features")
    if (
        type(sequence) is not int
        or not isinstance(record_checksum, str)
        or not isinstance(fork, dict | None)
        or not isinstance(features, list | FeatureTexts)
    ):
        return None
    if isinstance(features, list) and not all(
        isinstance(each, dict) and isinstance(each.get("id"), str) for each in features
    ):
        return None
    return Checkpoint(sequence, record_checksum, document_of(content), size, fork)


def problem_in(found: Checkpoint | NotACheckpoint) -> str | None:
    """Why a file is no checkpoint, or a feature of it cannot be read; all are decoded for it."""
    if isinstance(found, NotACheckpoint):
        return found.reason
    features = found.document["features"]
    return features.problem() if isinstance(features, FeatureTexts) else None


def document_of(content: Document) -> Document:
    """The state in a file's content, its features keyed by id."""
    document = {key: value for key, value in content.items() if key not in OWN_KEYS}
    if not isinstance(features := content["features"], FeatureTexts):
        features = {feature["id"]: feature for feature in features}
    return {**document, "features": features}


def _digest(data: bytes, *rest: bytes) -> tuple[bytes, int]:
    """The checksum that a file's content should have, and the place for it, which is in ``data``.

    Nothing is copied for it, as there may be much of it.
    """
    place, view = data.find(_MARK) + len(_MARK), memoryview(data)
    found = hashlib.blake2b(view[:place], digest_size=16)
    found.update(_BLANK)
    found.update(view[place + len(_BLANK) :])
    for each in rest:
        found.update(each)
    return found.hexdigest().encode(), place


def _is_sealed(data: bytes) -> bool:
    checksum, place = _digest(data)
    return data[place : place + len(checksum)] == checksum


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
