"""The journal's format: one line per committed change, each sealed and chained.

A line is a JSON object whose last member is ``checksum``, the BLAKE2b-128 digest of the object
without it; ``previous`` repeats the checksum of the record before. The first line is a
header of the same make. So a flipped bit, a lost line and a line of another history are
each distinguished from an untouched file, and any line can be judged by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from io import BytesIO
from typing import Any

import orjson

from cde_orchestrator.domain.value import Value
from cde_orchestrator.storage.format.json_patch import DEPTH_LIMIT, Patch, is_patch, is_too_deep

FORMAT = "cde-journal"
VERSION = 1
GENESIS = ""
"""What the first record of a project names as its predecessor."""
Lost = tuple[tuple[int, int], ...]
"""Ranges of sequences, the first and the last of each."""

_SEAL, _END = b',"checksum":"', b'"}\n'
_SEAL_LENGTH = len(_SEAL) + 32 + len(_END)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a committed change says about itself.

    Attributes:
        at: ISO 8601, UTC.
        operation: what was done, as ``start_feature``.
        actor: who did it.
        changes: after-images of what changed.
        encoded: them as JSON, where that was made already.
    """

    at: str
    operation: str
    actor: str
    correlation_id: str
    changes: Patch
    encoded: bytes = field(default=b"", repr=False, compare=False)

    def json(self) -> bytes:
        """The changes as JSON."""
        return self.encoded or orjson.dumps(self.changes)


@dataclass(frozen=True, slots=True)
class Record:
    """A committed change: its place in the history and its line in the file."""

    sequence: int
    previous: str
    checksum: str
    change: Change
    line: bytes


class Header(Value):
    """The first line of a segment: the sequence that it begins with, and what precedes it.

    Attributes:
        lost: sequences that were damaged beyond repair after the segment was sealed.
    """

    first: int
    previous: str
    line: bytes
    lost: Lost = ()


class Scan(Value, frozen=False):
    """What one copy of a segment holds, and what is wrong with it, in words."""

    header: Header | None = None
    records: list[Record] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)


_CRLF = b"\r\n"
_MEMBERS = [member.name for member in fields(Change) if member.name != "encoded"]


def encode_record(sequence: int, previous: str, change: Change) -> Record:
    """A change as the record that follows ``previous``."""
    members = {name: getattr(change, name) for name in _MEMBERS}
    members["changes"] = orjson.Fragment(change.json())
    line, checksum = _seal({"sequence": sequence, **members, "previous": previous})
    return Record(sequence, previous, checksum, change, line)


def encode_header(first: int, previous: str, lost: Lost = ()) -> Header:
    """The header of a segment whose first record has the sequence ``first``."""
    body = {"format": FORMAT, "version": VERSION, "first": first, "previous": previous}
    if lost:
        body["lost"] = lost
    return Header(first, previous, _seal(body)[0], lost)


def ranges_of(numbers: set[int]) -> Lost:
    """The numbers as ranges, in order."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)


def scan(data: bytes) -> Scan:
    """Judge one copy of a segment, line by line; lines after damage are still read."""
    found = Scan()
    for number, line in enumerate(BytesIO(data), 1):
        item = _decode(line)
        if isinstance(item, Record):
            found.records.append(item)
        elif item is None:
            damage = "damaged" if line.endswith(b"\n") else "unfinished"
            found.damage.append(f"line {number} is {damage}")
        elif number == 1:
            found.header = item
    if found.header is None:
        found.damage.insert(0, "the header is missing or damaged")
    return found


def newest_records(data: bytes, mentioning: Sequence[bytes] = ()) -> Iterator[Record]:
    """The valid records of one copy of a segment, the last line first, each when asked for.

    With ``mentioning``, only those whose line has one of these; the others are not decoded.
    """
    if mentioning and not any(word in data for word in mentioning):
        return
    for line in reversed(BytesIO(data).readlines()):
        if not mentioning or any(word in line for word in mentioning):
            item = _decode(line)
            if isinstance(item, Record):
                yield item


def decode_records(data: bytes) -> list[Record] | None:
    """The records of whole lines that were appended; None when any is not valid."""
    records: list[Record] = []
    for line in BytesIO(data):
        item = _decode(line)
        if not isinstance(item, Record):
            return None if line.endswith(b"\n") else records
        records.append(item)
    return records


def _seal(body: dict[str, Any]) -> tuple[bytes, str]:
    encoded = orjson.dumps(body)
    checksum = hashlib.blake2b(encoded, digest_size=16).hexdigest()
    return encoded[:-1] + _SEAL + checksum.encode() + _END, checksum


def _decode(line: bytes) -> Record | Header | None:
    """What a whole line says; None where it is unfinished or damaged.

    An editor or git may have given the line another ending.
    """
    if line.endswith(_CRLF):
        line = line.removesuffix(_CRLF) + b"\n"
    body = line[:-_SEAL_LENGTH] + b"}"
    checksum = hashlib.blake2b(body, digest_size=16).hexdigest()
    if line[-_SEAL_LENGTH:] != _SEAL + checksum.encode() + _END:
        return None
    try:
        data = orjson.loads(body)
        if "format" in data:
            header = Header(data["first"], data["previous"], line, _ranges(data.get("lost", ())))
            return header if _is_placed(header.first, header.previous) else None
        change = Change(**{name: data[name] for name in _MEMBERS})
        record = Record(data["sequence"], data["previous"], checksum, change, line)
        is_whole = _is_placed(record.sequence, record.previous) and _is_change(change)
        return record if is_whole and not _is_too_deep(body, data) else None
    except (KeyError, TypeError, ValueError):
        return None


def _ranges(lost: Any) -> Lost:
    found = tuple((first, last) for first, last in lost)
    if not all(type(each) is int for pair in found for each in pair):
        raise TypeError("a sequence is a number")
    return found


def _is_placed(sequence: object, previous: object) -> bool:
    return type(sequence) is int and isinstance(previous, str)


def _is_change(change: Change) -> bool:
    """Whether the members are of their types: whoever seals a line may have written any."""
    texts = change.at, change.operation, change.actor, change.correlation_id
    return all(isinstance(each, str) for each in texts) and is_patch(change.changes)


def _is_too_deep(body: bytes, data: Any) -> bool:
    return body.count(b"[") + body.count(b"{") > DEPTH_LIMIT and is_too_deep(data)
