"""Where a process stands after a load, and what it takes for its own history."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.format.journal import Change
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.head import Files, Head
from cde_orchestrator.storage.loader import load
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
