"""When a reader looks at the files again."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage import memory
from cde_orchestrator.storage.format.journal import Change
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.read_only import SPARE_BYTES
from cde_orchestrator.storage.store import StateStore


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    made = StateStore(tmp_path)
    change(made, "", {"id": "p", "features": {"a": {"id": "a"}}})
    return made


def change(store: StateStore, path: str, value: object) -> None:
    changes: Patch = [{"op": "add", "path": path, "value": value}]
    with store.exclusive():
        store.commit(
            Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
        )


def read(store: StateStore) -> list[str]:
    store.refresh()
    return list(store.document["features"])


def is_mended(store: StateStore) -> bool:
    return store.files.journal.read_bytes() == store.files.mirror(1).read_bytes()


def test_a_reader_does_not_try_to_mend_again_at_each_look(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PROBE_EVERY_SECONDS", 1e9)
    store.files.mirror(1).write_bytes(b"damaged\n")
    store.files.quarantine.write_text("in the way")
    reader = StateStore(store.files.root)
    assert read(reader) == ["a"]
    store.files.quarantine.unlink()

    assert read(reader) == ["a"]
    refused = reader.read_only
    assert refused is not None
    assert not is_mended(store)
    with reader.exclusive():
        taken = reader.read_only
    assert taken is None
    assert is_mended(store)


def test_what_was_read_without_the_lock_is_read_again_with_it(store: StateStore) -> None:
    store.files.mirror(1).write_bytes(b"damaged\n")
    reader = StateStore(store.files.root, lock_timeout_seconds=0.05)
    with ProcessLock(store.files.lock).exclusive():
        assert read(reader) == ["a"]
    assert not is_mended(store)

    assert read(reader) == ["a"]
    assert is_mended(store)


def test_a_first_look_needs_the_lock_no_more_than_other_readers_do(store: StateStore) -> None:
    reader = StateStore(store.files.root, lock_timeout_seconds=0.05)
    with ProcessLock(store.files.lock).shared(), capture_logs() as logs:
        assert read(reader) == ["a"]
    assert "read_without_lock" not in {each["event"] for each in logs}


def test_a_reader_that_is_refused_goes_on_with_what_it_knows_and_nothing_else(
    store: StateStore,
) -> None:
    class Refused(OsFileOps):
        refuses = False

        def read(self, path: Path, offset: int = 0) -> bytes:
            if self.refuses:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
            return super().read(path, offset)

    ops = Refused()
    reader = StateStore(store.files.root, ops=ops)
    assert read(reader) == ["a"]
    change(store, "/features/b", {"id": "b"})
    ops.refuses = True
    with capture_logs() as logs:
        assert read(reader) == ["a"]
    assert {each["event"] for each in logs} == {"state_read_from_memory", "read_only_entered"}
    assert reader.read_only is not None
    assert reader.read_only.reason == os.strerror(errno.EIO)
    ops.refuses = False
    assert read(reader) == ["a", "b"]


@pytest.mark.parametrize(("less", "is_read_only"), [(0, False), (1, True)])
def test_whoever_only_peeks_needs_no_more_room_than_the_spare(
    store: StateStore, less: int, is_read_only: bool
) -> None:
    class Short(OsFileOps):
        def free_bytes(self, path: Path) -> int:
            return SPARE_BYTES - less

    other = StateStore(store.files.root, ops=Short())
    other.peek()
    assert (other.read_only is not None) is is_read_only


def test_only_damage_is_logged_as_mended(store: StateStore) -> None:
    store.files.mirror(1).write_bytes(b"damaged\n")
    with capture_logs() as logs:
        read(StateStore(store.files.root))
    mended = [each for each in logs if each["event"] == "state_mended"]
    assert [(each["sequence"], each["files"]) for each in mended] == [(1, 1)]
    with store.files.journal.open("ab") as journal:
        journal.write(b"half a line")
    with capture_logs() as logs:
        assert read(StateStore(store.files.root)) == ["a"]
    assert is_mended(store)
    assert "state_mended" not in {each["event"] for each in logs}
