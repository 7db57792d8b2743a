"""A change is acknowledged only where others will read it, whatever is deleted meanwhile."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import LockTimeoutError, StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Change
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.project_lock import ProjectLock
from cde_orchestrator.storage.store import REPLACED_TRIES, StateStore


class MeddledOps(OsFileOps):
    """The system's operations, with somebody who is at the files when a change is synced."""

    def __init__(self) -> None:
        self.meddle: list[Callable[[], None]] = []
        self.appended: list[Path] = []
        self.refuses = False

    def open_append(self, path: Path) -> int:
        self.appended.append(path)
        return super().open_append(path)

    def truncate(self, descriptor: int, size: int) -> None:
        if self.refuses:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().truncate(descriptor, size)

    def fdatasync(self, descriptor: int) -> None:
        super().fdatasync(descriptor)
        if self.meddle:
            self.meddle.pop()()


def put(store: StateStore, name: str) -> None:
    changes: Patch = [{"op": "add", "path": f"/features/{name}", "value": {"id": name}}]
    with store.exclusive():
        if not store.sequence:
            changes = [{"op": "add", "path": "", "value": {"id": "p", "features": {}}}, *changes]
        store.commit(
            Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
        )


def history(root: Path) -> list[str]:
    """What each change added, as whole files tell it; every change was made once."""
    fresh = StateStore(root)
    added = list_of(fresh)
    assert fresh.archive().verify() == []
    assert fresh.sequence == len(added)
    return added


@pytest.fixture
def ops() -> MeddledOps:
    return MeddledOps()


@pytest.fixture
def store(tmp_path: Path, ops: MeddledOps) -> StateStore:
    made = StateStore(tmp_path, ops=ops)
    put(made, "a")
    put(made, "b")
    return made


def a_new_file(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    copy.replace(path)


def put_there(path: Path, data: bytes) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(data)
    copy.replace(path)


def deleted_journal(files: StateFiles) -> None:
    files.journal.unlink()


def both_deleted(files: StateFiles) -> None:
    files.journal.unlink()
    files.mirror(1).unlink()


def replaced_journal(files: StateFiles) -> None:
    a_new_file(files.journal)


def older_journal(files: StateFiles) -> None:
    lines = files.journal.read_bytes().splitlines(keepends=True)
    older = files.folder / "older"
    older.write_bytes(b"".join(lines[:-1]))
    older.replace(files.journal)


@pytest.mark.parametrize("meddle", [deleted_journal, both_deleted, replaced_journal, older_journal])
def test_a_change_whose_file_is_gone_when_it_is_written_is_made_once(
    store: StateStore, ops: MeddledOps, meddle: Callable[[StateFiles], None]
) -> None:
    ops.meddle.append(lambda: meddle(store.files))
    put(store, "c")
    assert not ops.meddle
    assert history(store.files.root) == list_of(store) == ["a", "b", "c"]
    put(store, "d")
    assert history(store.files.root) == ["a", "b", "c", "d"]


def test_a_change_whose_files_are_deleted_at_every_try_is_refused(
    store: StateStore, ops: MeddledOps
) -> None:
    ops.meddle.extend([lambda: store.files.journal.unlink(missing_ok=True)] * 100)
    with pytest.raises(StateError) as caught:
        put(store, "c")
    assert caught.value.code == "E203"
    ops.meddle.clear()
    assert list_of(store) == ["a", "b"]
    put(store, "c")
    assert history(store.files.root) == ["a", "b", "c"]


def test_a_change_whose_file_is_replaced_at_every_try_is_tried_three_times(
    store: StateStore, ops: MeddledOps
) -> None:
    before = store.files.journal.read_bytes()
    ops.meddle.extend([lambda: put_there(store.files.journal, before)] * 100)
    ops.appended.clear()
    with pytest.raises(StateError) as caught:
        put(store, "c")
    assert caught.value.code == "E203"
    assert ops.appended.count(store.files.journal) == REPLACED_TRIES == 3
    ops.meddle.clear()
    put(store, "c")
    assert history(store.files.root) == list_of(store) == ["a", "b", "c"]


def test_what_a_later_try_left_of_a_change_is_not_followed_as_it_is(
    store: StateStore, ops: MeddledOps
) -> None:
    before = store.files.journal.read_bytes()
    ops.appended.clear()

    def refuse_the_second_try() -> None:
        if ops.appended.count(store.files.journal) < 2:
            ops.meddle.append(refuse_the_second_try)
            return
        ops.refuses = True
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    ops.meddle.extend([refuse_the_second_try, lambda: put_there(store.files.journal, before)])
    with pytest.raises(StateError) as caught:
        put(store, "c")
    assert caught.value.code == "E216"
    assert store.files.journal.read_bytes() != store.files.mirror(1).read_bytes()
    ops.refuses = False
    assert list_of(store) == ["a", "b", "c"]
    assert store.files.journal.read_bytes() == store.files.mirror(1).read_bytes()
    assert history(store.files.root) == ["a", "b", "c"]


def test_a_change_into_a_folder_that_is_gone_is_refused_and_the_state_put_back(
    store: StateStore, ops: MeddledOps
) -> None:
    ops.meddle.append(lambda: shutil.rmtree(store.files.folder))
    with pytest.raises(StateError) as caught:
        put(store, "c")
    assert caught.value.code == "E203"
    assert not store.files.journal.exists()
    put(store, "d")
    assert list_of(StateStore(store.files.root)) == list_of(store) == ["a", "b", "d"]


def list_of(store: StateStore) -> list[str]:
    store.refresh()
    return list(store.document["features"])


def test_whoever_deletes_the_locks_file_does_not_get_the_lock(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    files.folder.mkdir()
    with ProjectLock(files).exclusive():
        files.lock.unlink()
        assert ProjectLock(files).attempt() is None
        assert ProjectLock(files).attempt(shared=True) is None
        with pytest.raises(LockTimeoutError) as caught, ProjectLock(files, 0.05).exclusive():
            pass
        assert caught.value.code == "E205"
    with ProjectLock(files, 30.0).exclusive():  # who gave up lets go of it a moment later
        pass


def test_a_waiter_without_the_locks_file_gets_the_lock_when_the_holder_lets_go(
    tmp_path: Path,
) -> None:
    files = StateFiles(tmp_path)
    files.folder.mkdir()
    acquired = threading.Event()

    def wait() -> None:
        with ProjectLock(files, 30.0).exclusive():
            acquired.set()

    waiter = threading.Thread(target=wait)
    with ProjectLock(files).exclusive():
        files.lock.unlink()
        waiter.start()
        assert not acquired.is_set()
    waiter.join(30)
    assert acquired.is_set()


@pytest.mark.parametrize("kind", ["exclusive", "shared"])
def test_one_deadline_is_for_the_file_and_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    files = StateFiles(tmp_path)
    files.folder.mkdir()
    now, given = 100.0, list[float]()

    def wait(lock: ProcessLock, descriptor: int, *, shared: bool, seconds: float) -> int:
        nonlocal now
        now += 4.0
        given.append(seconds)
        return descriptor

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(ProcessLock, "_take", lambda lock, descriptor, *, shared: False)
    monkeypatch.setattr(ProcessLock, "_wait", wait)
    with getattr(ProjectLock(files, 5.0), kind)() as waited:
        assert waited == 8.0
    assert given == [5.0, 1.0]


def test_the_file_names_the_holder_until_another_one_holds_the_folder_too(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    files.folder.mkdir()
    files.lock.write_text("123\n")
    descriptor = os.open(files.folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    lock = ProjectLock(files, 0.05)
    for hold in (lock.exclusive, lock.shared):
        with pytest.raises(LockTimeoutError) as caught, hold():
            pass
        assert caught.value.context == {"holder": "process 123", "waited_seconds": 0.1}
    os.close(descriptor)
    with ProjectLock(files, 30.0).exclusive():
        assert files.lock.read_text().split() == [str(os.getpid())]


def test_readers_share_the_lock_and_a_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    files = StateFiles(tmp_path)
    files.folder.symlink_to(tmp_path / "elsewhere")
    lock = ProjectLock(files, 0.0)
    with lock.shared(), lock.shared():
        assert lock.attempt() is None
    with lock.exclusive():
        assert lock.is_current()
        files.folder.unlink()
        assert not lock.is_current()


def test_a_change_that_is_found_in_the_files_is_not_taken_over_twice(tmp_path: Path) -> None:
    ops, heard = MeddledOps(), list[Patch | None]()
    store = StateStore(tmp_path, on_change=lambda _, changes: heard.append(changes), ops=ops)
    put(store, "a")
    heard.clear()
    ops.meddle.append(lambda: replaced_journal(store.files))
    put(store, "b")
    assert heard == [None]
    ops.appended.clear()
    put(store, "c")
    assert ops.appended == [store.files.journal, store.files.mirror(1)]
    assert history(tmp_path) == ["a", "b", "c"]


def test_a_change_is_not_written_into_an_older_state_that_took_the_place_of_its_own(
    tmp_path: Path, ops: MeddledOps
) -> None:
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    paths = [store.files.state, store.files.mirror(1), store.files.journal]
    older = {path: path.read_bytes() for path in paths}
    put(store, "b")

    def put_all_there() -> None:
        for path, data in older.items():
            put_there(path, data)

    ops.meddle.append(put_all_there)
    with pytest.raises(StateError) as caught:
        put(store, "c")
    assert caught.value.code == "E203"
    assert history(tmp_path) == ["a"]
    put(store, "d")
    assert history(tmp_path) == ["a", "d"]
