"""The journal's format: one line per committed change, each sealed and chained.

A line is a JSON object whose last member is ``checksum``, the BLAKE2b-128 digest of the object
without it; ``previous`` repeats the checksum of the record before. The first line is a
header of the same make. So a flipped bit, a lost line and a line of another history are
each distinguished from an untouched file, and any line can be judged by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from cde_orchestrator.storage.format.json_patch import Patch

FORMAT = "cde-journal"
VERSION = 1
GENESIS = ""
"""What the first record of a project names as its predecessor."""
Lost = tuple[tuple[int, int], ...]
"""Ranges of sequences, the first and the last of each."""

_SEAL = b',"checksum":"'
_SEAL_LENGTH = len(_SEAL) + 32 + len(b'"}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a committed change says about itself.

    Attributes:
        at: ISO 8601, UTC.
        operation: what was done, as ``start_feature``.
        actor: who did it.
        changes: after-images of what changed.
    """

    at: str
    operation: str
    actor: str
    correlation_id: str
    changes: Patch


@dataclass(frozen=True, slots=True)
class Record:
    """A committed change: its place in the history and its line in the file."""

    sequence: int
    previous: str
    checksum: str
    change: Change
    line: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a segment: the sequence that it begins with, and what precedes it.

    Attributes:
        lost: sequences that were damaged beyond repair after the segment was sealed.
    """

    first: int
    previous: str
    line: bytes
    lost: Lost = ()


@dataclass(slots=True)
class Scan:
    """What one copy of a segment holds.

    Attributes:
        size: bytes of whole, valid lines, from the beginning on.
        damage: what is wrong, in words; empty when the copy is whole.
        torn: whether the only thing wrong is an unfinished last line.
    """

    header: Header | None = None
    records: list[Record] = field(default_factory=list)
    size: int = 0
    damage: list[str] = field(default_factory=list)
    torn: bool = False


def encode_record(sequence: int, previous: str, change: Change) -> Record:
    """A change as the record that follows ``previous``."""
    line, checksum = _seal(
        {
            "sequence": sequence,
            "at": change.at,
            "operation": change.operation,
            "actor": change.actor,
            "correlation_id": change.correlation_id,
            "changes": change.changes,
            "previous": previous,
        }
    )
    return Record(sequence, previous, checksum, change, line)


def encode_header(first: int, previous: str, lost: Lost = ()) -> Header:
    """The header of a segment whose first record has the sequence ``first``."""
    body: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    body |= {"first": first, "previous": previous}
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
    contiguous = True
    for number, line, complete in _lines(data):
        item = _decode(line) if complete else None
        if item is None:
            contiguous = False
            last = not complete
            found.torn = last and not found.damage
            found.damage.append(f"line {number} is {'unfinished' if last else 'damaged'}")
            continue
        if isinstance(item, Header):
            found.header = item if number == 1 else found.header
        else:
            found.records.append(item)
        if contiguous:
            found.size += len(line)
    if found.header is None:
        found.torn = False
        found.damage.insert(0, "the header is missing or damaged")
    return found


def newest_records(data: bytes, mentioning: Sequence[bytes] = ()) -> Iterator[Record]:
    """The valid records of one copy of a segment, the last line first, each when asked for.

    Args:
        data: the copy.
        mentioning: only those whose line has one of these; the others are not decoded.
    """
    if mentioning and not any(word in data for word in mentioning):
        return
    for _, line, complete in reversed(list(_lines(data))):
        if complete and (not mentioning or any(word in line for word in mentioning)):
            item = _decode(line)
            if isinstance(item, Record):
                yield item


def decode_records(data: bytes) -> list[Record] | None:
    """The records of whole lines that were appended; None when any is not valid."""
    records: list[Record] = []
    for _, line, complete in _lines(data):
        item = _decode(line) if complete else None
        if not isinstance(item, Record):
            return None if complete else records
        records.append(item)
    return records


def _lines(data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    start, number = 0, 0
    while start < len(data):
        number += 1
        end = data.find(b"\n", start)
        if end < 0:
            yield number, data[start:], False
            return
        yield number, data[start : end + 1], True
        start = end + 1


def _seal(body: dict[str, Any]) -> tuple[bytes, str]:
    encoded = orjson.dumps(body)
    checksum = hashlib.blake2b(encoded, digest_size=16).hexdigest()
    return encoded[:-1] + _SEAL + checksum.encode() + b'"}\n', checksum


def _decode(line: bytes) -> Record | Header | None:
    sealed = line[:-1]
    body, seal = sealed[:-_SEAL_LENGTH] + b"}", sealed[-_SEAL_LENGTH:]
    checksum = hashlib.blake2b(body, digest_size=16).hexdigest()
    if seal != _SEAL + checksum.encode() + b'"}':
        return None
    try:
        data = orjson.loads(body)
        if "format" in data:
            lost = tuple((first, last) for first, last in data.get("lost", ()))
            return Header(data["first"], data["previous"], line, lost)
        change = Change(
            at=data["at"],
            operation=data["operation"],
            actor=data["actor"],
            correlation_id=data["correlation_id"],
            changes=data["changes"],
        )
        return Record(data["sequence"], data["previous"], checksum, change, line)
    except (KeyError, TypeError, ValueError):
        return None
