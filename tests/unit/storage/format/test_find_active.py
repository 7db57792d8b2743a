"""Which of the files holds the journal's newest records, whatever became of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import (
    GENESIS,
    Change,
    Record,
    encode_header,
    encode_record,
)
from cde_orchestrator.storage.format.segment import (
    ActiveSegment,
    find_active,
    sealed_records,
)


def history(count: int) -> list[Record]:
    made: list[Record] = []
    previous = GENESIS
    for sequence in range(1, count + 1):
        change = Change(at="now", operation="put", actor="t", correlation_id="c", changes=[])
        made.append(encode_record(sequence, previous, change))
        previous = made[-1].checksum
    return made


RECORDS = history(6)


def segment(first: int, last: int) -> bytes:
    """A segment that begins with the sequence ``first``, and ends with ``last`` if it has any."""
    previous = RECORDS[first - 2].checksum if first > 1 else GENESIS
    lines = [record.line for record in RECORDS[first - 1 : last]]
    return b"".join([encode_header(first, previous).line, *lines])


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    made = StateFiles(tmp_path)
    made.backups.mkdir(parents=True)
    return made


def found_in(files: StateFiles) -> ActiveSegment:
    return find_active(files, OsFileOps())


def begins(found: ActiveSegment) -> int | None:
    return found.header.first if found.header else None


def test_without_files_there_is_none(files: StateFiles) -> None:
    assert found_in(files) == ActiveSegment(None, {}, {files.journal: None}, [])


@pytest.mark.parametrize("lost", ["none", "journal", "mirror"])
def test_either_copy_is_enough(files: StateFiles, lost: str) -> None:
    data = segment(3, 4)
    files.mirror(1).write_bytes(segment(1, 2))
    copies = {"journal": files.journal, "mirror": files.mirror(3)}
    for name, path in copies.items():
        if name != lost:
            path.write_bytes(data)
    found = found_in(files)
    assert begins(found) == 3
    assert [found.records[sequence] for sequence in (3, 4)] == RECORDS[2:4]
    assert found.data[files.journal] == (None if lost == "journal" else data)
    assert found.data[files.mirror(3)] == (None if lost == "mirror" else data)
    assert (files.mirror(1) in found.data) is (lost == "journal")
    assert found.leftovers == []


def test_copies_that_differ_give_what_either_has(files: StateFiles) -> None:
    files.journal.write_bytes(segment(1, 1))
    files.mirror(1).write_bytes(segment(1, 3))
    found = found_in(files)
    assert list(found.records) == [1, 2, 3]
    files.journal.write_bytes(segment(1, 4).replace(RECORDS[2].line, b"damaged\n"))
    found = found_in(files)
    assert sorted(found.records) == [1, 2, 3, 4]


def test_without_a_journal_only_the_newest_two_segments_are_read(files: StateFiles) -> None:
    for first in (1, 3, 5):
        files.mirror(first).write_bytes(segment(first, first + 1))
    found = found_in(files)
    assert begins(found) == 5
    assert [*found.data] == [files.journal, files.mirror(3), files.mirror(5)]
    assert list(found.records) == [3, 4, 5, 6]


def test_without_a_journal_a_segment_that_only_begins_is_the_active_one(files: StateFiles) -> None:
    files.mirror(1).write_bytes(segment(1, 0))
    assert begins(found_in(files)) == 1
    files.mirror(1).write_bytes(segment(1, 2))
    files.mirror(3).write_bytes(segment(3, 0))
    found = found_in(files)
    assert (begins(found), found.leftovers) == (3, [])


def test_without_a_journal_a_segment_that_another_one_went_past_was_never_used(
    files: StateFiles,
) -> None:
    files.mirror(1).write_bytes(segment(1, 3))
    files.mirror(3).write_bytes(segment(3, 0))
    found = found_in(files)
    assert (begins(found), found.leftovers) == (1, [files.mirror(3)])


def test_with_a_journal_a_segment_that_only_begins_was_never_used(files: StateFiles) -> None:
    for path in (files.journal, files.mirror(1)):
        path.write_bytes(segment(1, 2))
    files.mirror(3).write_bytes(segment(3, 0))
    found = found_in(files)
    assert (begins(found), found.leftovers) == (1, [files.mirror(3)])
    assert list(found.records) == [1, 2]


def test_a_journal_older_than_a_segment_that_was_used_is_not_the_active_one(
    files: StateFiles,
) -> None:
    for path in (files.journal, files.mirror(1)):
        path.write_bytes(segment(1, 2))
    files.mirror(3).write_bytes(segment(3, 4))
    found = found_in(files)
    assert (begins(found), found.leftovers) == (3, [])
    assert sorted(found.records) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("after", "sequences"),
    [(5, [5, 6]), (4, [5, 6]), (3, [3, 4, 5, 6]), (2, [3, 4, 5, 6]), (0, [1, 2, 3, 4, 5, 6])],
)
def test_sealed_records_are_read_as_far_back_as_the_one_that_follows(
    files: StateFiles, after: int, sequences: list[int]
) -> None:
    for first in (1, 3, 5):
        files.mirror(first).write_bytes(segment(first, first + 1))
    files.mirror(7).write_bytes(b"damaged")
    found = sealed_records(files, OsFileOps(), after)
    assert list(found) == sequences
    assert [*found.values()] == RECORDS[sequences[0] - 1 :]
