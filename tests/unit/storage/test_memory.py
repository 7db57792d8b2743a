"""When a reader looks at the files again, what it remembers of them, and what it logs."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.errors.fixes import UPGRADE
from cde_orchestrator.domain.exceptions import LockTimeoutError, StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage import memory as state_memory
from cde_orchestrator.storage.format.files import Marks, StateFiles
from cde_orchestrator.storage.format.journal import (
    GENESIS,
    Change,
    encode_header,
    encode_record,
    scan,
)
from cde_orchestrator.storage.format.json_patch import Document, Patch
from cde_orchestrator.storage.head import Head
from cde_orchestrator.storage.loader import Loaded, load
from cde_orchestrator.storage.memory import StateMemory
from cde_orchestrator.storage.project_lock import ProjectLock
from cde_orchestrator.storage.read_only import SPARE_BYTES, ReadOnly, WriteGuard
from cde_orchestrator.storage.store import StateStore
from tests.fakes import WithoutQuarantine


class ReadingOps(OsFileOps):
    """The system's operations, with the names of what was read; ``before`` may refuse one."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.before: Callable[[str, Path], None] = lambda operation, path: None
        self.free = 10**12

    def read(self, path: Path, offset: int = 0) -> bytes:
        self.before("read", path)
        self.names.append(path.name)
        return super().read(path, offset)

    def replace(self, source: Path, target: Path) -> None:
        self.before("replace", target)
        super().replace(source, target)

    def create(self, path: Path) -> int:
        self.before("create", path)
        return super().create(path)

    def make_folder(self, path: Path) -> None:
        self.before("make_folder", path)
        super().make_folder(path)

    def free_bytes(self, path: Path) -> int:
        return self.free


class Reader:
    """The memory of one process, and what it was given."""

    def __init__(self, root: Path, timeout_seconds: float = 0.05) -> None:
        self.files, self.ops = StateFiles(root), ReadingOps()
        self.lock = ProjectLock(self.files, timeout_seconds)
        self.guard = WriteGuard(self.files.folder, self.ops)
        self.heard: list[tuple[list[str], Patch | None]] = []
        self.memory = StateMemory(
            self.files, self.ops, self.lock, self.guard, self._migrated, self._hear
        )

    def _migrated(self, content: dict[str, Any]) -> Document:
        return {**content, "features": {each["id"]: each for each in content["features"]}}

    def _hear(self, document: Document, changes: Patch | None) -> None:
        self.heard.append((list(document["features"]), changes))

    def unrepaired(self) -> ReadOnly | None:
        return self.memory.unrepaired

    def uncertain(self) -> ReadOnly | None:
        return self.memory.uncertain

    def names(self) -> str:
        self.memory.refresh()
        return "".join(self.memory.document.get("features", {}))


def change(store: StateStore, path: str, value: object) -> None:
    changes: Patch = [{"op": "add", "path": path, "value": value}]
    with store.exclusive():
        store.commit(
            Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
        )


def read(store: StateStore) -> list[str]:
    store.refresh()
    return list(store.document["features"])


def put(store: StateStore, name: str) -> None:
    change(store, f"/features/{name}", {"id": name})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    return made


@pytest.fixture
def store(root: Path) -> StateStore:
    made = StateStore(root)
    change(made, "", {"id": "p", "features": {"a": {"id": "a"}}})
    return made


@pytest.fixture
def files(store: StateStore) -> StateFiles:
    return store.files


@pytest.fixture
def reader(files: StateFiles) -> Reader:
    return Reader(files.root)


def refuse(operation: str, code: int = errno.EIO, name: str = "") -> Callable[[str, Path], None]:
    def before(doing: str, path: Path) -> None:
        if doing == operation and name in str(path):
            raise OSError(code, os.strerror(code), str(path))

    return before


def test_nothing_is_known_at_first(root: Path) -> None:
    memory = Reader(root).memory
    assert (memory.head, memory.uncertain, memory.unrepaired) == (None, None, None)
    assert (memory.document, memory.sequence, memory.snapshot()) == ({}, 0, (0, {}))
    assert (memory.needed_bytes(), memory.knows_more()) == (0, False)


def test_what_is_loaded_is_remembered_and_logged(reader: Reader, files: StateFiles) -> None:
    with capture_logs() as logs:
        assert reader.names() == "a"
    assert logs == [
        {"event": "project_loaded", "log_level": "info", "project_id": "p", "sequence": 1}
    ]
    loaded = load(files, OsFileOps())
    expected = Head.of(loaded)
    expected.note_file(files.journal)
    assert reader.memory.head == expected
    assert reader.heard == [(["a"], None)]
    assert reader.memory.knows_more()
    assert reader.memory.needed_bytes() == 2 * files.state.stat().st_size
    assert reader.memory.snapshot() == (1, loaded.document)


def test_a_document_that_is_changed_by_whoever_asked_for_it_is_a_copy(reader: Reader) -> None:
    assert reader.names() == "a"
    reader.memory.document.clear()
    _, taken = reader.memory.snapshot()
    taken["features"].clear()
    assert reader.names() == "a"


def test_nothing_is_read_while_nothing_changes_and_then_only_what_is_new(
    reader: Reader, store: StateStore
) -> None:
    assert reader.names() == "a"
    reader.ops.names.clear()
    with capture_logs() as logs:
        assert reader.names() == "a"
        assert reader.ops.names == []
        put(store, "b")
        assert reader.names() == "ab"
    assert reader.ops.names == ["journal.jsonl"]
    assert logs == []
    changes: Patch = [{"op": "add", "path": "/features/b", "value": {"id": "b"}}]
    assert reader.heard[1:] == [(["a", "b"], changes)]
    head = reader.memory.head
    assert head is not None
    assert head.is_of(store.files.journal)
    record = scan(store.files.journal.read_bytes()).records[-1]
    assert (head.sequence, head.checksum) == (2, record.checksum)


def test_a_reader_takes_what_is_new_although_another_one_shares_the_lock(
    reader: Reader, store: StateStore
) -> None:
    assert reader.names() == "a"
    put(store, "b")
    with ProcessLock(store.files.lock).shared(), capture_logs() as logs:
        assert reader.names() == "ab"
    assert logs == []


def test_behind_a_writer_only_the_second_copy_is_read_until_it_is_sealed(
    reader: Reader, store: StateStore
) -> None:
    assert reader.names() == "a"
    put(store, "b")
    reader.ops.names.clear()
    with ProcessLock(store.files.lock).exclusive(), capture_logs() as logs:
        assert reader.names() == "ab"
    assert reader.ops.names == [store.files.mirror(1).name]
    assert logs == []
    with store.exclusive():
        store.compact()
    put(store, "c")
    reader.ops.names.clear()
    with ProcessLock(store.files.lock).exclusive(), capture_logs() as logs:
        assert reader.names() == "abc"
    assert reader.ops.names.count("state.json") == 1
    assert [each["event"] for each in logs] == ["project_loaded"]


def test_readers_share_the_lock_with_each_other(reader: Reader, files: StateFiles) -> None:
    other = ProjectLock(files)
    with reader.memory.among_readers() as had:
        assert had is True
        shared = other.attempt(shared=True)
        assert shared is not None
        shared.close()
        assert other.attempt() is None
    with other.exclusive(), reader.memory.among_readers() as had:
        assert had is False


def test_who_cannot_open_the_lock_reads_as_if_it_were_had(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(lock: ProjectLock, *, shared: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(ProjectLock, "attempt", refused)
    with capture_logs() as logs, reader.memory.among_readers() as had:
        assert had is True
    assert reader.guard.mode is not None
    assert reader.guard.mode.reason == os.strerror(errno.EROFS)
    assert logs[-1] == {
        "event": "read_without_lock",
        "log_level": "info",
        "reason": "[Errno 30] Read-only file system",
    }


def test_nothing_is_looked_at_during_an_own_change(reader: Reader, files: StateFiles) -> None:
    assert reader.names() == "a"
    with reader.memory.in_turn(), reader.lock.exclusive(), reader.memory.writing():
        os.utime(files.journal, ns=(5, 5))
        reader.ops.names.clear()
        assert reader.names() == "a"
        assert reader.ops.names == []
    put(StateStore(files.root), "b")
    assert reader.names() == "ab"


def test_an_own_change_that_fails_is_over(reader: Reader, files: StateFiles) -> None:
    assert reader.names() == "a"
    with pytest.raises(KeyError), reader.memory.writing():
        raise KeyError
    put(StateStore(files.root), "b")
    assert reader.names() == "ab"


def test_a_turn_is_waited_for_no_longer_than_a_process(root: Path) -> None:
    reader = Reader(root, 0.25)
    caught: list[LockTimeoutError] = []

    def wait() -> None:
        for held in (reader.memory.in_turn, reader.memory._memory):
            with pytest.raises(LockTimeoutError) as raised, held():
                pass
            caught.append(raised.value)

    with reader.memory.in_turn(), reader.memory._memory():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(60)
    assert [each.context["waited_seconds"] for each in caught] == [0.25, 0.25]


def test_a_read_enters_the_mode_where_the_next_checkpoint_has_no_room(reader: Reader) -> None:
    reader.ops.free = 64 * 1024
    reader.memory.refresh()
    needed = 64 * 1024 + reader.memory.needed_bytes()
    assert reader.guard.mode is not None
    assert reader.guard.mode.reason == f"65536 bytes are free, {needed} are needed"


def test_why_a_state_is_uncertain_is_logged_once_for_each_reason(
    reader: Reader, root: Path
) -> None:
    memory, one, two = reader.memory, Loaded(newer=7), Loaded(newer=8)
    with capture_logs() as logs:
        memory.note_uncertainty(one)
        first = memory.uncertain
        memory.note_uncertainty(one)
        assert memory.uncertain is first
        memory.note_uncertainty(two)
        second = reader.uncertain()
        assert second is not None
        assert (second.reason, second.fixes) == (two.uncertainty, (UPGRADE,))
        memory.note_uncertainty(Loaded())
        assert reader.uncertain() is None
    said = {"event": "state_uncertain", "log_level": "critical", "error_code": "E206"}
    assert logs == [{**said, "path": str(root), "reason": each.uncertainty} for each in (one, two)]


def append(files: StateFiles, change: Patch) -> None:
    last = scan(files.journal.read_bytes()).records[-1]
    made = Change(at="now", operation="put", actor="t", correlation_id="c", changes=change)
    line = encode_record(last.sequence + 1, last.checksum, made).line
    for path in (files.mirror(1), files.journal):
        with path.open("ab") as file:
            file.write(line)


def test_a_record_that_does_not_fit_is_not_passed_over(reader: Reader, files: StateFiles) -> None:
    assert reader.names() == "a"
    append(files, [{"op": "remove", "path": "/features/none"}])
    with pytest.raises(StateError) as caught:
        reader.memory.refresh()
    assert caught.value.code == "E201"
    assert reader.memory.sequence == 1


def test_a_reader_behind_a_writer_tries_five_times_to_read_undisturbed(
    reader: Reader, files: StateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def changing(files: StateFiles) -> Marks:
        nonlocal looks
        looks += 1
        return [("journal.jsonl", looks, 0, 0)]

    monkeypatch.setattr(StateFiles, "marks", changing)
    with ProcessLock(files.lock).exclusive(), capture_logs() as logs:
        assert reader.names() == "a"
    assert reader.ops.names.count("state.json") == 5 + 1
    assert [each["event"] for each in logs] == ["read_without_lock", "project_loaded"]
    assert logs[0]["log_level"] == "warning"
    assert reader.guard.mode is None
    head = reader.memory.head
    assert head is not None
    assert (head.inode, head.modified_ns) == (-1, -1)


def test_a_state_that_cannot_be_read_undisturbed_behind_a_writer_is_waited_for(
    reader: Reader, files: StateFiles
) -> None:
    files.state.write_bytes(b"[]")
    for path in (files.journal, files.mirror(1)):
        path.write_bytes(b"")
    with ProcessLock(files.lock).exclusive(), pytest.raises(StateError) as caught:
        reader.memory.refresh()
    assert caught.value.code == "E201"
    assert reader.ops.names.count("state.json") == 5 + 1


def test_damage_is_waited_for_while_another_reader_has_the_lock(
    reader: Reader, files: StateFiles
) -> None:
    files.mirror(1).write_bytes(b"damaged\n")
    with ProcessLock(files.lock).shared(), capture_logs() as logs:
        assert reader.names() == "a"
    assert logs[0]["event"] == "read_without_lock"
    assert files.mirror(1).read_bytes() == b"damaged\n"


@pytest.mark.parametrize(("changed", "loads"), [(False, 1), (True, 2)])
def test_what_was_read_is_written_again_without_another_load_unless_it_changed(
    reader: Reader,
    files: StateFiles,
    monkeypatch: pytest.MonkeyPatch,
    changed: bool,
    loads: int,
) -> None:
    files.mirror(1).write_bytes(b"damaged\n")
    attempt = ProjectLock.attempt

    def meddled(lock: ProjectLock, *, shared: bool = False) -> Any:
        if changed and not shared:
            os.utime(files.journal, ns=(7, 7))
        return attempt(lock, shared=shared)

    monkeypatch.setattr(ProjectLock, "attempt", meddled)
    assert reader.names() == "a"
    assert reader.ops.names.count("state.json") == loads
    assert files.mirror(1).read_bytes() == files.journal.read_bytes()


def damage(files: StateFiles) -> None:
    files.mirror(1).write_bytes(b"damaged\n")


def test_damage_is_tried_again_by_a_reader_after_five_seconds(
    reader: Reader, files: StateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    damage(files)
    reader.ops.before = refuse("make_folder", errno.EACCES, "quarantine")
    with capture_logs() as logs:
        assert reader.names() == "a"
        found = reader.unrepaired()
        assert found is not None
        assert found.reason == (
            f"damaged files cannot be repaired: Permission denied ({files.quarantine})"
        )
        for moment in (1004.9, 1005.0, 1009.9):
            now = moment
            assert reader.names() == "a"
        assert reader.unrepaired() is found
        reader.ops.before = refuse("create", errno.EIO, "quarantine")
        now = 1010.0
        assert reader.names() == "a"
    second = reader.unrepaired()
    assert second is not None
    assert second.reason == (
        f"damaged files cannot be repaired: Input/output error ({files.quarantine})"
    )
    assert reader.guard.mode is not None
    assert reader.guard.mode.reason == os.strerror(errno.EIO)
    said = [each for each in logs if each["event"] == "state_not_repaired"]
    assert [(each["log_level"], each["path"]) for each in said] == [("error", str(files.root))] * 2
    assert said[0]["reason"] == f"[Errno 13] Permission denied: '{files.quarantine}'"
    tried = [each for each in logs if each["event"] == "state_damaged"]
    assert len(tried) == 3
    reader.ops.before = lambda operation, path: None
    now = 1014.9
    assert reader.names() == "a"
    assert reader.unrepaired() is second
    now = 1015.0
    assert reader.names() == "a"
    assert reader.unrepaired() is None
    assert files.mirror(1).read_bytes() == files.journal.read_bytes()


def test_a_refusal_without_a_path_is_about_the_folder(reader: Reader, files: StateFiles) -> None:
    def before(operation: str, path: Path) -> None:
        if operation == "make_folder":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    damage(files)
    reader.ops.before = before
    assert reader.names() == "a"
    found = reader.memory.unrepaired
    assert found is not None
    assert found.reason == f"damaged files cannot be repaired: Input/output error ({files.folder})"


def test_an_unreadable_state_is_refused_and_nothing_is_made_beside_it(root: Path) -> None:
    reader = Reader(root)
    reader.files.folder.mkdir()
    reader.files.state.write_bytes(b"{")
    with capture_logs() as logs, pytest.raises(StateError) as caught:
        reader.memory.refresh()
    assert caught.value.code == "E201"
    assert logs == []
    assert sorted(path.name for path in reader.files.folder.iterdir()) == ["lock", "state.json"]


def test_a_first_read_that_the_system_refuses_is_told_with_a_code(
    reader: Reader, files: StateFiles
) -> None:
    def before(operation: str, path: Path) -> None:
        if operation == "read":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    reader.ops.before = before
    with pytest.raises(StateError) as caught:
        reader.memory.refresh()
    assert caught.value.code == "E201"
    assert caught.value.context["path"] == str(files.folder)
    assert reader.memory.head is None


def test_a_later_read_that_the_system_refuses_is_answered_from_memory(
    reader: Reader, store: StateStore
) -> None:
    assert reader.names() == "a"
    put(store, "b")
    reader.ops.before = refuse("read")
    with capture_logs() as logs:
        assert reader.names() == "a"
    assert [each for each in logs if each["event"] == "state_read_from_memory"] == [
        {
            "event": "state_read_from_memory",
            "log_level": "warning",
            "reason": f"[Errno 5] Input/output error: '{store.files.journal}'",
        }
    ]
    assert reader.guard.mode is not None


def test_a_folder_that_cannot_be_made_again_is_noted_as_refused(
    reader: Reader, files: StateFiles
) -> None:
    assert reader.names() == "a"
    shutil.rmtree(files.folder)
    reader.ops.before = refuse("make_folder", errno.EROFS)
    with capture_logs() as logs:
        assert reader.names() == "a"
    assert reader.guard.mode is not None
    assert reader.guard.mode.reason == os.strerror(errno.EROFS)
    assert [each["event"] for each in logs] == ["read_only_entered", "read_without_lock"]
    reader.ops.before = lambda operation, path: None
    assert reader.names() == "a"
    assert load(files, OsFileOps()).sequence == 1


def old_state(root: Path) -> Reader:
    reader = Reader(root)
    reader.files.folder.mkdir()
    reader.files.state.write_bytes(b'{"id": "p", "features": [{"id": "o"}]}')
    return reader


def test_a_state_from_before_the_journal_is_read_where_it_cannot_be_written(root: Path) -> None:
    reader = old_state(root)
    reader.ops.before = refuse("make_folder", errno.EROFS)
    assert reader.names() == "o"
    assert reader.memory.sequence == 1
    assert reader.unrepaired() is not None
    assert reader.files.state.read_bytes().startswith(b'{"id": "p"')
    reader.memory._repair_again_at = 0.0
    reader.ops.before = lambda operation, path: None
    assert reader.names() == "o"
    assert reader.memory.sequence == 1
    assert reader.unrepaired() is None
    assert load(reader.files, OsFileOps()).findings == []


def test_what_tells_no_change_is_forgotten(reader: Reader, root: Path) -> None:
    reader.memory.head = Head({}, 0, GENESIS, 1, 0)
    reader.memory.adopt(Loaded())
    assert vars(reader.memory)["head"] is None
    assert reader.heard == []


def kept_open(folder: Path) -> int:
    """How many descriptors of this process are of the folder; one is the writer's."""
    count = 0
    for descriptor in os.listdir("/dev/fd"):  # noqa: PTH208
        try:
            count += os.path.samestat(os.fstat(int(descriptor)), folder.stat())
        except OSError:  # the one that listed them
            continue
    return count


def test_another_folder_at_the_path_is_held_in_place_of_the_first(
    reader: Reader, root: Path, tmp_path: Path
) -> None:
    assert reader.names() == "a"
    root.rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", root)
    put(StateStore(root), "b")
    assert reader.names() == "ab"
    assert reader.memory.knows_more()
    assert (kept_open(tmp_path / "moved"), kept_open(root)) == (1, 1)


def test_a_folder_without_a_state_at_the_path_is_not_held(
    reader: Reader, root: Path, tmp_path: Path
) -> None:
    assert reader.names() == "a"
    root.rename(tmp_path / "moved")
    root.mkdir()
    assert reader.names() == ""
    assert reader.memory.snapshot() == (0, {})
    assert (kept_open(tmp_path / "moved"), kept_open(root)) == (1, 0)
    assert list(root.iterdir()) == []


def test_a_folder_is_let_go_of_when_the_memory_is_released(reader: Reader, root: Path) -> None:
    assert reader.names() == "a"
    assert kept_open(root) == 2
    reader.memory.release()
    assert kept_open(root) == 1
    assert not reader.memory.knows_more()


def test_a_change_finds_a_second_copy_that_is_gone(reader: Reader, files: StateFiles) -> None:
    assert reader.names() == "a"
    files.mirror(1).unlink()
    with reader.memory.in_turn(), reader.lock.exclusive(), reader.memory.writing():
        assert files.mirror(1).read_bytes() == files.journal.read_bytes()


def test_a_change_reads_nothing_where_nothing_changed(reader: Reader, files: StateFiles) -> None:
    assert reader.names() == "a"
    reader.ops.names.clear()
    with reader.memory.in_turn(), reader.lock.exclusive():
        with reader.memory.writing():
            assert reader.ops.names == []
        reader.memory.reload()
    assert reader.ops.names == []


def test_a_state_without_its_folder_of_backups_is_written_again(
    reader: Reader, files: StateFiles
) -> None:
    shutil.rmtree(files.backups)
    assert reader.names() == "a"
    assert files.mirror(1).read_bytes() == files.journal.read_bytes()


def test_a_change_is_taken_over_with_its_place(reader: Reader, files: StateFiles) -> None:
    assert reader.names() == "a"
    head = reader.memory.head
    assert head is not None
    size = head.size
    changes: Patch = [{"op": "add", "path": "/features/b", "value": {"id": "b"}}]
    made = Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
    record = encode_record(2, head.checksum, made)
    features = head.document["features"]
    reader.memory.advance(head, record)
    assert (head.sequence, head.checksum) == (2, record.checksum)
    assert head.size == size + len(record.line)
    assert head.document["features"] is features
    assert reader.heard[-1] == (["a", "b"], changes)


def test_a_segment_that_was_only_begun_is_no_state(root: Path) -> None:
    reader = Reader(root)
    reader.files.backups.mkdir(parents=True)
    for path in (reader.files.journal, reader.files.mirror(1)):
        path.write_bytes(encode_header(1, GENESIS).line)
    assert reader.names() == ""
    assert (reader.memory.head, reader.heard) == (None, [])


def is_mended(store: StateStore) -> bool:
    return store.files.journal.read_bytes() == store.files.mirror(1).read_bytes()


def test_a_reader_does_not_try_to_repair_again_at_each_look(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_memory, "PROBE_EVERY_SECONDS", 1e9)
    store.files.mirror(1).write_bytes(b"damaged\n")
    ops = WithoutQuarantine()
    reader = StateStore(store.files.root, ops=ops)
    assert read(reader) == ["a"]
    ops.refuses = False

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

    for thread in threading.enumerate():
        if thread.name == "cde-lock-waiter":  # who waited for the lock may get it late
            thread.join(60)
            assert not thread.is_alive()
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
    mended = [each for each in logs if each["event"] == "state_repaired"]
    assert [(each["sequence"], each["files"]) for each in mended] == [(1, 1)]
    with store.files.journal.open("ab") as journal:
        journal.write(b"half a line")
    with capture_logs() as logs:
        assert read(StateStore(store.files.root)) == ["a"]
    assert is_mended(store)
    assert "state_repaired" not in {each["event"] for each in logs}


def test_what_no_file_tells_any_more_is_put_back_from_memory(
    reader: Reader, files: StateFiles
) -> None:
    assert reader.names() == "a"
    for path in (files.state, files.journal, files.mirror(1)):
        path.write_bytes(b"damaged\n")
    with capture_logs() as logs:
        assert reader.names() == "a"
    assert "state_restored" in {each["event"] for each in logs}
    assert load(files, OsFileOps()).sequence == 1


def test_a_load_that_is_asked_for_follows_others(reader: Reader, store: StateStore) -> None:
    assert reader.names() == "a"
    put(store, "b")
    with reader.memory.in_turn(), reader.lock.exclusive():
        reader.memory.reload()
    assert reader.memory.sequence == 2


def test_another_project_in_another_folder_at_the_path_takes_the_place_of_nothing(
    reader: Reader, store: StateStore, root: Path, tmp_path: Path
) -> None:
    put(store, "b")
    assert reader.names() == "ab"
    root.rename(tmp_path / "moved")
    root.mkdir()
    change(StateStore(root), "", {"id": "q", "features": {"z": {"id": "z"}}})
    with capture_logs() as logs:
        assert reader.names() == "z"
    assert [each["event"] for each in logs] == ["project_loaded"]
    assert not reader.files.quarantine.exists()


def test_a_state_that_lacks_changes_is_uncertain_as_long_as_it_does(
    reader: Reader, store: StateStore
) -> None:
    put(store, "b")
    put(store, "c")
    copies = {path: path.read_bytes() for path in (store.files.journal, store.files.mirror(1))}
    for path, data in copies.items():
        lines = data.splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    assert reader.names() == "a"
    assert reader.uncertain() is not None
    for path, data in copies.items():
        path.write_bytes(data)
    assert reader.names() == "abc"
    assert reader.uncertain() is None
