from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from cde_orchestrator.storage.format import journal
from cde_orchestrator.storage.format.journal import (
    GENESIS,
    Change,
    Record,
    decode_records,
    encode_header,
    encode_record,
    newest_records,
    ranges_of,
    scan,
)


def change(number: int) -> Change:
    return Change(
        at="2026-01-01T00:00:00+00:00",
        operation="start_feature",
        actor="test",
        correlation_id=f"call-{number}",
        changes=[{"op": "add", "path": f"/features/{number}", "value": {"id": str(number)}}],
    )


def records(count: int) -> list[Record]:
    made: list[Record] = []
    previous = GENESIS
    for number in range(1, count + 1):
        made.append(encode_record(number, previous, change(number)))
        previous = made[-1].checksum
    return made


def segment(count: int) -> bytes:
    lines = [encode_header(1, GENESIS).line, *(record.line for record in records(count))]
    return b"".join(lines)


def test_a_whole_segment_is_read_back_as_written() -> None:
    found = scan(segment(3))
    assert found.header == encode_header(1, GENESIS)
    assert found.records == records(3)
    assert not found.damage


def test_each_record_names_the_one_before() -> None:
    first, second, third = records(3)
    assert (first.previous, second.previous, third.previous) == (
        GENESIS,
        first.checksum,
        second.checksum,
    )


@pytest.mark.parametrize("size", [0, 5])
def test_a_segment_without_a_whole_header_is_damaged(size: int) -> None:
    found = scan(segment(2)[:size])
    assert found.damage[0] == "the header is missing or damaged"


def test_an_unfinished_last_line_is_torn_and_the_lines_before_it_hold() -> None:
    whole = segment(2)
    found = scan(segment(3)[: len(whole) + 10])
    assert found.damage == ["line 4 is unfinished"]
    assert found.records == records(2)


def test_every_flipped_bit_of_every_byte_is_noticed() -> None:
    data = segment(2)
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            assert scan(bytes(flipped)).damage, (position, bit)


def test_lines_after_a_damaged_one_are_still_read() -> None:
    data = bytearray(segment(3))
    data[len(segment(1)) - 5] ^= 1
    found = scan(bytes(data))
    assert [record.sequence for record in found.records] == [2, 3]
    assert found.damage == ["line 2 is damaged"]


def test_records_are_read_from_the_newest_on_and_only_those_that_mention_a_word() -> None:
    first, second, third = records(3)
    assert list(newest_records(segment(3))) == [third, second, first]
    assert list(newest_records(segment(3)[:-5])) == [second, first]
    assert list(newest_records(segment(3), [b'"call-2"'])) == [second]
    assert list(newest_records(segment(3), [b"nowhere"])) == []


def test_appended_lines_are_decoded_up_to_an_unfinished_one() -> None:
    first, second = records(2)
    assert decode_records(first.line + second.line) == [first, second]
    assert decode_records(first.line + second.line[:-4]) == [first]


def test_appended_lines_that_are_not_records_are_refused() -> None:
    assert decode_records(b"nonsense\n") is None
    assert decode_records(encode_header(1, GENESIS).line) is None


def test_a_sealed_line_of_another_make_is_no_record() -> None:
    line, _ = journal._seal({"sequence": 1})
    assert decode_records(line) is None
    broken, _ = journal._seal({"format": journal.FORMAT})
    assert scan(broken).header is None


TEXT: list[Any] = [[], 1]
OF_OTHER_TYPES: dict[str, list[Any]] = {
    "sequence": [[], "1", True],
    **dict.fromkeys(("previous", "at", "operation", "actor", "correlation_id"), TEXT),
    "changes": [
        *({}, 1, [1], [{"op": "add"}], [{"path": "/a"}]),
        [{"op": "add", "path": "/a"}],
        [{"op": "add", "path": "", "value": 1}],
        [{"op": "move", "path": "/a", "value": 1}],
    ],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in OF_OTHER_TYPES.items() for value in values]
)
def test_a_sealed_line_with_members_of_other_types_is_no_record(key: str, value: object) -> None:
    [record] = records(1)
    members = {**json.loads(record.line), key: value}
    del members["checksum"]

    assert scan(record.line + journal._seal(members)[0]).records == [record]


@pytest.mark.parametrize(("levels", "count"), [(190, 2), (210, 1), (900, 1)])
def test_a_sealed_line_is_as_deep_as_it_can_be_written_again(levels: int, count: int) -> None:
    [record] = records(1)
    body = record.line.partition(b',"checksum"')[0]
    deep = ("[" * levels + "]" * levels).encode()
    body = body.replace(b'{"id":"1"}', deep) + b"}"
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    line = body[:-1] + f',"checksum":"{digest}"}}\n'.encode()

    assert len(scan(record.line + line).records) == count


@pytest.mark.parametrize("lost", [1, [1], [["1", 2]], [[1, 2, 3]]])
def test_a_sealed_header_with_members_of_other_types_is_none(lost: object) -> None:
    header = {"format": journal.FORMAT, "version": 1, "first": 1, "previous": "", "lost": lost}
    assert scan(journal._seal(header)[0]).header is None
    assert scan(journal._seal({**header, "lost": [], "first": "1"})[0]).header is None


def test_a_damaged_line_hides_none_of_the_others() -> None:
    header, first, second, third = segment(3).splitlines(keepends=True)
    found = scan(header + first + second.replace(b"test", b"tset") + third)

    assert [record.sequence for record in found.records] == [1, 3]
    assert found.damage == ["line 3 is damaged"]


def test_a_line_that_is_still_being_written_does_not_hide_those_before_it() -> None:
    first, second, third = (record.line for record in records(3))

    assert decode_records(first + second + third[:-1]) == records(2)
    assert decode_records(first + second.replace(b"test", b"tset") + third) is None


def test_only_the_last_line_is_ever_unfinished() -> None:
    whole = segment(3)
    header, first, *rest = whole.splitlines(keepends=True)
    damaged = header + first.replace(b"test", b"tset")

    assert scan(whole).damage == []
    assert scan(whole[:-5]).damage == ["line 4 is unfinished"]
    assert scan(damaged + b"".join(rest)[:-5]).damage == [
        *("line 2 is damaged", "line 4 is unfinished"),
    ]
    assert scan(damaged + b"".join(rest)).damage == ["line 2 is damaged"]


def test_a_segment_begins_with_the_name_of_its_format() -> None:
    assert b'"cde-journal"' in encode_header(1, "").line


def test_the_members_of_a_line_are_those_of_the_format() -> None:
    header = json.loads(encode_header(4, "before", ((1, 2),)).line)
    made = json.loads(records(1)[0].line)

    assert list(header) == ["format", "version", "first", "previous", "lost", "checksum"]
    assert list(header.values())[:5] == ["cde-journal", 1, 4, "before", [[1, 2]]]
    assert list(made) == [
        *("sequence", "at", "operation", "actor", "correlation_id", "changes", "previous"),
        "checksum",
    ]
    assert list(made.values())[:5] == [
        *(1, "2026-01-01T00:00:00+00:00", "start_feature", "test", "call-1"),
    ]
    assert made["previous"] == GENESIS == ""


def test_a_header_is_read_back_with_what_is_lost() -> None:
    header = encode_header(4, "before", ((1, 2), (5, 5)))

    assert scan(header.line).header == header
    assert scan(header.line).header != encode_header(4, "before")


def test_only_the_first_line_can_be_the_header() -> None:
    first, other = encode_header(1, GENESIS), encode_header(2, "other")

    assert scan(first.line + other.line).header == first
    assert scan(records(1)[0].line + other.line).header is None


def test_damage_is_described_line_by_line() -> None:
    header, *lines = segment(2).splitlines(keepends=True)

    assert scan(b"").damage == ["the header is missing or damaged"]
    assert scan(header[:9]).damage == ["the header is missing or damaged", "line 1 is unfinished"]
    assert scan(b"\n" + b"".join(lines)).damage == [
        *("the header is missing or damaged", "line 1 is damaged"),
    ]
    assert scan(header + b"x\n" + lines[0][:-1]).damage == [
        *("line 2 is damaged", "line 3 is unfinished"),
    ]


def test_a_line_that_ends_in_anything_but_a_line_break_is_unfinished() -> None:
    first, second = (record.line for record in records(2))
    ended_otherwise = second[:-1] + b"x"

    assert decode_records(first + ended_otherwise) == records(1)
    found = scan(encode_header(1, GENESIS).line + first + ended_otherwise)
    assert found.damage == ["line 3 is unfinished"]
    assert list(newest_records(first + ended_otherwise, [b"call-2"])) == []


def test_numbers_in_a_row_are_one_range() -> None:
    assert ranges_of({9, 1, 2, 3, 5, 10}) == ((1, 3), (5, 5), (9, 10))
    assert ranges_of(set()) == ()
