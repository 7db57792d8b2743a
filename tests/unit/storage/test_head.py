"""Where a process stands after a load, and what it takes for its own history."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Change, encode_header, encode_record
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.head import Files, Head
from cde_orchestrator.storage.loader import Finding, Gap, Loaded, load
from cde_orchestrator.storage.store import StateStore

OPS = OsFileOps()


def change(store: StateStore, path: str, value: object) -> None:
    changes: Patch = [{"op": "add", "path": path, "value": value}]
    with store.exclusive():
        store.commit(
            Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
        )


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    made = StateStore(tmp_path)
    change(made, "", {"id": "p", "features": {}})
    change(made, "/features/a", {"id": "a"})
    with made.exclusive():
        made.keep_backup()
    made.close()
    change(made, "/features/b", {"id": "b"})
    return made


def test_a_head_is_where_the_files_that_were_loaded_end(store: StateStore) -> None:
    loaded = load(store.files, OPS)
    last = store.files.journal.read_bytes().splitlines(keepends=True)[-1]
    size = store.files.journal.stat().st_size

    assert Head.of(loaded) == Head(
        document=loaded.document,
        sequence=3,
        checksum=loaded.checksum,
        first=1,
        size=size,
        inode=-1,
        modified_ns=-1,
        checkpoint_sequence=2,
        checkpoint_size=store.files.state.stat().st_size,
        size_at_checkpoint=size - len(last),
    )


def test_a_file_is_known_until_it_is_forgotten(store: StateStore) -> None:
    head = Head.of(load(store.files, OPS))
    head.note_file(store.files.journal)
    assert head.is_of(store.files.journal)
    head.forget_file()
    assert not head.is_of(store.files.journal)


def test_its_own_history_is_followed_and_another_one_differs(store: StateStore) -> None:
    head = Head.of(load(store.files, OPS))
    assert head.compare(load(store.files, OPS), store.files, OPS) is Files.FOLLOW
    change(store, "/features/c", {"id": "c"})
    assert head.compare(load(store.files, OPS), store.files, OPS) is Files.FOLLOW
    head.checksum = "another"
    assert head.compare(load(store.files, OPS), store.files, OPS) is Files.DIFFER
    assert head.compare(None, store.files, OPS) is Files.LACK


def test_another_history_differs_where_its_last_segment_is_sealed(store: StateStore) -> None:
    with store.exclusive():
        store.compact()
    loaded = load(store.files, OPS)
    head = Head.of(loaded)
    assert loaded.active == []
    assert head.compare(loaded, store.files, OPS) is Files.FOLLOW
    head.checksum = "another"
    assert head.compare(loaded, store.files, OPS) is Files.DIFFER


def test_only_the_records_that_come_next_are_taken(store: StateStore) -> None:
    head = Head.of(load(store.files, OPS))
    head.note_file(store.files.journal)
    assert head.appended(store.files.journal, OPS) == []
    change(store, "/features/c", {"id": "c"})
    (record,) = head.appended(store.files.journal, OPS) or []
    assert record.sequence == 4
    head.sequence = 4
    assert head.committed(store.files, OPS) is None
    head.sequence, head.checksum = 3, "another"
    assert head.appended(store.files.journal, OPS) is None


def test_a_place_that_was_not_looked_at_is_of_no_file() -> None:
    bare = Head({}, 0, "", 1, 7)
    assert (bare.inode, bare.modified_ns) == (-1, -1)
    assert (bare.checkpoint_sequence, bare.checkpoint_size, bare.size_at_checkpoint) == (0, 0, 0)


@pytest.fixture
def journal(store: StateStore) -> Path:
    return store.files.journal


@pytest.fixture
def head(store: StateStore) -> Head:
    """After change 3, with the file noted."""
    made = Head.of(load(store.files, OPS))
    made.note_file(store.files.journal)
    return made


def marks(head: Head) -> tuple[int, int, int]:
    return head.inode, head.size, head.modified_ns


def test_a_file_is_known_by_its_inode_its_size_and_its_time(head: Head, journal: Path) -> None:
    stat = journal.lstat()
    assert marks(head) == (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    assert head.is_of(journal)
    os.utime(journal, ns=(0, stat.st_mtime_ns + 1))
    assert not head.is_of(journal)
    os.utime(journal, ns=(0, stat.st_mtime_ns))
    assert head.is_of(journal)
    head.inode += 1
    assert not head.is_of(journal)
    head.inode -= 1
    head.size += 1
    assert not head.is_of(journal)
    journal.unlink()
    assert not head.is_of(journal)


def test_a_file_that_cannot_be_looked_at_is_forgotten(head: Head, journal: Path) -> None:
    head.note_file(journal / "none")
    assert head.inode == -1
    head.note_file(journal)
    assert head.is_of(journal)
    head.forget_file()
    assert head.inode == -1
    assert head.appended(journal, OPS) is None


def test_what_was_appended_is_taken_with_the_time_of_the_file(
    store: StateStore, head: Head, journal: Path
) -> None:
    change(store, "/features/c", {"id": "c"})
    change(store, "/features/d", {"id": "d"})
    os.utime(journal, ns=(5, 5))
    taken = head.appended(journal, OPS)
    assert [record.sequence for record in taken or []] == [4, 5]
    assert head.modified_ns == 5


def test_nothing_is_taken_from_a_file_that_was_written_otherwise(head: Head, journal: Path) -> None:
    data = journal.read_bytes()
    before = marks(head)
    os.utime(journal, ns=(5, 5))
    assert head.appended(journal, OPS) is None
    with journal.open("ab") as file:
        file.write(b"{}\n")
    assert head.appended(journal, OPS) is None
    journal.write_bytes(data[:-1])
    assert head.appended(journal, OPS) is None
    journal.unlink()
    assert head.appended(journal, OPS) is None
    assert marks(head) == before


def test_nothing_is_taken_from_another_file_though_it_goes_on_in_the_same_way(
    store: StateStore, head: Head, journal: Path
) -> None:
    change(store, "/features/c", {"id": "c"})
    copy = journal.with_name("copy")
    copy.write_bytes(journal.read_bytes())
    copy.replace(journal)
    assert head.appended(journal, OPS) is None


def test_behind_a_writer_the_time_of_the_journal_is_taken_at_the_next_look(
    store: StateStore, head: Head, journal: Path
) -> None:
    change(store, "/features/c", {"id": "c"})
    (record,) = head.committed(store.files, OPS) or []
    assert record.sequence == 4
    assert not head.is_of(journal)
    head.sequence, head.checksum = 4, record.checksum
    head.size += len(record.line)
    assert head.committed(store.files, OPS) == []
    assert head.appended(journal, OPS) == []
    assert head.is_of(journal)


def test_behind_a_writer_only_whole_records_that_come_next_are_taken(
    store: StateStore, head: Head
) -> None:
    mirror, noted = store.files.mirror(1), head.modified_ns
    change(store, "/features/c", {"id": "c"})
    whole = mirror.read_bytes()
    mirror.write_bytes(whole + b'{"sequence":5')
    assert [record.sequence for record in head.committed(store.files, OPS) or []] == [4]
    head.modified_ns = noted
    mirror.write_bytes(whole + b"{}\n")
    assert head.committed(store.files, OPS) is None
    mirror.write_bytes(whole[: head.size] + whole[head.size :] * 2)
    assert head.committed(store.files, OPS) is None
    mirror.unlink()
    assert head.committed(store.files, OPS) is None
    assert head.modified_ns == noted


def test_records_must_follow_each_other_by_checksum_and_by_number(
    store: StateStore, head: Head, journal: Path
) -> None:
    put = Change(at="now", operation="put", actor="t", correlation_id="c", changes=[])
    data = journal.read_bytes()
    next_one = encode_record(4, head.checksum, put)
    for line, taken in [
        (encode_record(4, "another", put).line, 0),
        (encode_record(5, head.checksum, put).line, 0),
        (next_one.line + encode_record(5, "another", put).line, 0),
        (next_one.line + encode_record(6, next_one.checksum, put).line, 0),
        (next_one.line + encode_record(5, next_one.checksum, put).line, 2),
    ]:
        journal.write_bytes(data + line)
        assert len(head.appended(journal, OPS) or []) == taken


def known(sequence: int, **more: Any) -> Loaded:
    return Loaded({"id": "p", "features": {}}, sequence, "last", **more)


def a_head(sequence: int, checksum: str = "last") -> Head:
    return Head({"id": "p"}, sequence, checksum, 1, 1)


PUT = Change(at="now", operation="put", actor="t", correlation_id="c", changes=[])
ACTIVE = [encode_record(number, "", PUT) for number in (4, 5)]
GAP = Gap(3, 3, (4,), ())


@pytest.mark.parametrize(
    ("head", "loaded", "expected"),
    [
        (a_head(0), Loaded(), Files.FOLLOW),
        (a_head(0), Loaded({"id": "q"}, 3, "x"), Files.FOLLOW),
        (a_head(3), Loaded({"id": "q"}, 2, "x", newer=2), Files.FOLLOW),
        (a_head(0), None, Files.LACK),
        (a_head(3), Loaded(), Files.LACK),
        (a_head(3), Loaded(legacy={"id": "p"}), Files.DIFFER),
        (a_head(3), known(3, legacy={"id": "p"}), Files.DIFFER),
        (a_head(3), Loaded({"id": "q"}, 3, "last"), Files.DIFFER),
        (a_head(3), known(3), Files.FOLLOW),
        (a_head(3, "another"), known(3, gap=GAP), Files.DIFFER),
        (a_head(3, "another"), known(5, active=ACTIVE), Files.FOLLOW),
        (a_head(4, ACTIVE[0].checksum), known(5, active=ACTIVE), Files.FOLLOW),
        (a_head(4, "another"), known(5, active=ACTIVE), Files.DIFFER),
        (a_head(5), known(5, active=ACTIVE), Files.FOLLOW),
        (a_head(5, ACTIVE[1].checksum), known(5, active=ACTIVE), Files.DIFFER),
        (a_head(6), known(5, active=ACTIVE), Files.DIFFER),
        (a_head(6), known(5, active=ACTIVE, gap=GAP), Files.LACK),
        (a_head(6), known(5), Files.LACK),
    ],
)
def test_what_files_are_to_a_process(
    tmp_path: Path, head: Head, loaded: Loaded | None, expected: Files
) -> None:
    assert head.compare(loaded, StateFiles(tmp_path), OPS) is expected


def test_only_damage_of_the_journal_itself_takes_changes(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    for path, expected in [
        (files.journal, Files.LACK),
        (files.state, Files.DIFFER),
        (files.mirror(1), Files.DIFFER),
    ]:
        loaded = known(5, active=ACTIVE, findings=[Finding(path, "damaged")])
        assert a_head(6).compare(loaded, files, OPS) is expected


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([4, 5], Files.DIFFER), ([5], Files.DIFFER), ([3, 4], Files.LACK), ([6], Files.LACK)],
)
def test_a_checkpoint_without_the_record_that_led_to_it_was_put_back(
    tmp_path: Path, numbers: list[int], expected: Files
) -> None:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    lines = [encode_record(number, "", PUT).line for number in numbers]
    files.mirror(numbers[0]).write_bytes(b"".join([encode_header(numbers[0], "").line, *lines]))
    assert a_head(7).compare(known(5), files, OPS) is expected


def test_the_record_that_led_to_a_checkpoint_is_found_behind_a_later_segment(
    tmp_path: Path,
) -> None:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    for number in (5, 7):
        line = encode_record(number, "", PUT).line
        files.mirror(number).write_bytes(encode_header(number, "").line + line)
    assert a_head(7).compare(known(5), files, OPS) is Files.DIFFER


def test_a_segment_is_sealed_once_the_next_one_is_begun(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    head = Head({}, 3, "", 1, 0)
    assert not head.is_sealed(files)
    files.mirror(4).write_bytes(b"")
    assert head.is_sealed(files)
    head.first = 4
    assert not head.is_sealed(files)


def test_without_a_header_the_active_segment_begins_after_what_was_loaded() -> None:
    found = Head.of(Loaded({"id": "p"}, 3, "last"))
    assert (found.first, found.size) == (4, len(encode_header(4, "last").line))
