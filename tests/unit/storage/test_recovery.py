"""What simulated faults found, each by itself."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import LockTimeoutError, StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file, write_all
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage import memory
from cde_orchestrator.storage.format.checkpoint import Checkpoint, decode
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import GENESIS, Change, encode_header
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.format.segment import Segment
from cde_orchestrator.storage.loader import load
from cde_orchestrator.storage.project_lock import ProjectLock
from cde_orchestrator.storage.scrubber import StateScrubber
from cde_orchestrator.storage.store import StateStore
from tests import state_stores
from tests.fakes import WithoutQuarantine
from tests.state_stores import seal

put = partial(state_stores.put, force=True)


class WatchedOps(OsFileOps):
    """The system's operations; a test may look at each, and refuse it, before it is done."""

    def __init__(self) -> None:
        self.before: Callable[[str, Path], None] = lambda operation, path: None

    def read(self, path: Path, offset: int = 0) -> bytes:
        self.before("read", path)
        return super().read(path, offset)

    def fdatasync(self, descriptor: int) -> None:
        self.before("fdatasync", Path())
        super().fdatasync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self.before("replace", target)
        super().replace(source, target)

    def sync_folder(self, path: Path) -> None:
        self.before("sync_folder", path)
        super().sync_folder(path)


@pytest.fixture
def ops() -> WatchedOps:
    return WatchedOps()


@pytest.fixture
def store(tmp_path: Path, ops: WatchedOps) -> StateStore:
    made = StateStore(tmp_path, ops=ops)
    put(made, "a", "b")
    return made


def reopened(store: StateStore) -> StateStore:
    return StateStore(store.files.root)


def names(store: StateStore) -> str:
    store.refresh()
    return "".join(store.document.get("features", {}))


def intact(store: StateStore) -> bool:
    return reopened(store).archive().verify() == []


def refuse(operation: str, name: str) -> Callable[[str, Path], None]:
    """Refuse an operation on paths that have ``name`` in them."""

    def before(doing: str, path: Path) -> None:
        if doing == operation and name in str(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    return before


def test_the_first_change_makes_the_entry_of_the_folder_itself_durable(
    tmp_path: Path, ops: WatchedOps
) -> None:
    synced: list[Path] = []
    ops.before = lambda operation, path: synced.append(path) if operation == "sync_folder" else None
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    assert tmp_path in synced
    synced.clear()
    put(store, "b")
    assert tmp_path not in synced


def test_a_segment_that_was_begun_and_never_used_hides_no_change(store: StateStore) -> None:
    store.files.mirror(3).write_bytes(encode_header(3, "never").line)
    put(store, "c", "d")
    store.files.journal.unlink()
    assert names(reopened(store)) == "abcd"
    assert not store.files.mirror(3).exists()
    assert intact(store)


def test_sealing_that_failed_at_its_last_step_leaves_nothing_behind(
    store: StateStore, ops: WatchedOps
) -> None:
    ops.before = refuse("replace", "journal.jsonl")
    with pytest.raises(StateError) as caught:
        seal(store)
    assert caught.value.code == "E203"
    ops.before = lambda operation, path: None
    put(store, "c")
    assert list(store.files.segments()) == [1]
    assert names(reopened(store)) == "abc"
    assert intact(store)


def test_a_second_copy_is_written_anew_for_sealing_whatever_a_sync_of_it_dropped_before(
    store: StateStore,
) -> None:
    before = store.files.mirror(1).stat().st_ino
    seal(store)
    assert store.files.mirror(1).stat().st_ino != before
    assert intact(store)


def test_an_old_state_file_that_was_put_back_does_not_hide_newer_checkpoints(
    store: StateStore,
) -> None:
    old = store.files.state.read_bytes()
    seal(store)
    put(store, "c")
    seal(store)
    put(store, "d")
    for first in (1, 3):  # as retention removes them
        store.files.mirror(first).unlink()
    store.files.backup(2).unlink()
    store.files.state.write_bytes(old)
    again = reopened(store)
    assert names(again) == "abcd"
    assert again.read_only is None


def test_an_old_journal_that_was_put_back_does_not_hide_newer_changes(store: StateStore) -> None:
    old = store.files.journal.read_bytes()
    seal(store)
    put(store, "c")
    store.files.journal.write_bytes(old)
    again = reopened(store)
    assert names(again) == "abc"
    put(again, "d")
    assert names(reopened(store)) == "abcd"
    assert intact(store)
    assert [path.read_bytes() for path in store.files.quarantine.iterdir()] == [old]


def test_a_restart_that_is_cut_short_keeps_what_is_certain(
    store: StateStore, ops: WatchedOps
) -> None:
    put(store, "c", "d")
    for path in (store.files.journal, store.files.mirror(1)):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:3] + lines[4:]))
    broken = StateStore(store.files.root, ops=ops)
    assert names(broken) == "ab"
    assert broken.read_only is not None
    ops.before = refuse("replace", "quarantine")
    with pytest.raises(StateError), broken.exclusive(uncertain=True):
        broken.restart()
    again = reopened(store)
    assert names(again) == "ab"
    put(again, "e")
    assert names(reopened(store)) == "abe"


def test_a_restart_begins_a_history_that_verify_accepts(store: StateStore) -> None:
    seal(store)
    put(store, "c", "d", "e")
    for path in (store.files.journal, store.files.mirror(3)):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:2] + lines[3:]))
    broken = reopened(store)
    with broken.exclusive(uncertain=True):
        broken.restart()
    put(broken, "f")
    assert names(reopened(store)) == "abcf"
    assert reopened(store).archive().verify() == []
    assert broken.archive().state_at(broken.sequence)["features"].keys() == set("abcf")


def test_nobody_sees_a_change_before_it_is_durable(store: StateStore, ops: WatchedOps) -> None:
    reader = StateStore(store.files.root, lock_timeout_seconds=0.05)
    assert names(reader) == "ab"
    seen: list[str] = []

    def before(operation: str, path: Path) -> None:
        if operation == "fdatasync":
            seen.append(names(reader))
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    ops.before = before
    with pytest.raises(StateError):
        put(store, "c")
    assert set(seen) == {"ab"}
    assert names(reader) == "ab"


def test_a_past_that_cannot_be_read_is_told_with_a_code_and_found(
    store: StateStore, ops: WatchedOps
) -> None:
    seal(store)
    ops.before = refuse("read", "backups")
    with pytest.raises(StateError) as caught:
        store.archive().state_at(1)
    assert caught.value.code == "E201"
    found = {Path(damage.file).name for damage in store.archive().verify()}
    assert {"state-000000000002.json", "journal-000000000001.jsonl"} <= found


def test_a_copy_that_was_harmed_meanwhile_is_not_sealed(store: StateStore) -> None:
    mirror = store.files.mirror(1)
    content = bytearray(mirror.read_bytes())
    content[-30] ^= 1
    mirror.write_bytes(content)
    with pytest.raises(StateError):
        seal(store)
    assert list(store.files.segments()) == [1]
    put(store, "c")
    seal(store)
    assert names(reopened(store)) == "abc"
    assert intact(store)
    assert bytes(content) in [path.read_bytes() for path in store.files.quarantine.iterdir()]


def test_the_checkpoint_beside_state_json_is_written_anew_when_it_is_gone(
    store: StateStore,
) -> None:
    seal(store)
    put(store, "c")
    store.files.backup(2).unlink()
    assert not intact(store)
    assert names(reopened(store)) == "abc"
    assert intact(store)
    store.files.state.unlink()
    assert names(reopened(store)) == "abc"


def test_a_damaged_copy_stays_until_it_is_replaced(store: StateStore, ops: WatchedOps) -> None:
    """Mending is cut short after the quarantine, and the other copy dies."""
    whole = store.files.journal.read_bytes()
    store.files.mirror(1).write_bytes(whole[:-40])
    ops.before = refuse("replace", "backups")
    again = StateStore(store.files.root, ops=ops)
    assert names(again) == "ab"
    assert store.files.mirror(1).read_bytes() == whole[:-40]
    assert [path.read_bytes() for path in store.files.quarantine.iterdir()] == [whole[:-40]]


def test_a_write_that_writes_nothing_is_a_failure(tmp_path: Path) -> None:
    class Stubborn(OsFileOps):
        def write(self, descriptor: int, data: bytes) -> int:
            return 0

    with pytest.raises(OSError, match="nothing was written"):
        replace_file(Stubborn(), tmp_path / "file", b"data")
    descriptor = OsFileOps().create(tmp_path / "other")
    write_all(OsFileOps(), descriptor, b"data")
    os.close(descriptor)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_damage_that_cannot_be_mended_is_said_and_no_change_builds_on_it(store: StateStore) -> None:
    damaged = store.files.journal.read_bytes().replace(b'"id":"a"', b'"id":"z"')
    store.files.journal.write_bytes(damaged)
    ops = WithoutQuarantine()
    other = StateStore(store.files.root, ops=ops)
    assert names(other) == "ab"
    found = other.read_only
    assert found is not None
    assert str(store.files.quarantine) in found.reason
    with pytest.raises(StateError) as refused:
        put(other, "c")
    assert refused.value.code == "E203"
    assert store.files.journal.read_bytes() == damaged
    ops.refuses = False
    put(other, "c")
    assert other.read_only is None
    assert store.files.journal.read_bytes() == store.files.mirror(1).read_bytes()


def test_a_reader_mends_by_itself_once_that_is_possible(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PROBE_EVERY_SECONDS", 0.0)
    store.files.journal.write_bytes(store.files.journal.read_bytes().replace(b"b", b"c"))
    ops = WithoutQuarantine()
    other = StateStore(store.files.root, ops=ops)
    assert names(other) == "ab"
    found = other.read_only
    assert found is not None
    ops.refuses = False
    assert names(other) == "ab"
    assert other.read_only is None
    assert store.files.journal.read_bytes() == store.files.mirror(1).read_bytes()


def without(store: StateStore, sequence: int) -> StateStore:
    """The store, once no file tells a change any more."""
    for path in (store.files.journal, store.files.mirror(1)):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:sequence] + lines[sequence + 1 :]))
    return reopened(store)


def test_lost_changes_are_told_with_the_features_that_later_ones_touch(store: StateStore) -> None:
    put(store, "c", "e", "d")
    broken = without(store, 3)
    assert names(broken) == "ab"
    assert broken.read_only is not None
    assert broken.read_only.reason == (
        "changes 3 to 3 are lost and 2 after them cannot be applied; they touch d, e; "
        "this is the state of change 2"
    )


def test_lost_changes_that_touch_no_feature_are_told_so(store: StateStore) -> None:
    for name in ("one", "two"):
        changes: Patch = [{"op": "add", "path": "/name", "value": name}]
        with store.exclusive():
            store.commit(
                Change(at="now", operation="set", actor="t", correlation_id="c", changes=changes)
            )
    broken = without(store, 3)
    assert names(broken) == "ab"
    assert broken.read_only is not None
    assert "they touch no feature;" in broken.read_only.reason


def test_the_place_of_damaged_files_is_durable_before_anything_is_moved_there(
    store: StateStore, ops: WatchedOps
) -> None:
    store.files.journal.write_bytes(store.files.journal.read_bytes().replace(b"b", b"c"))
    done: list[tuple[str, Path]] = []
    ops.before = lambda operation, path: done.append((operation, path))
    assert names(StateStore(store.files.root, ops=ops)) == "ab"
    moved = next(
        index
        for index, (operation, path) in enumerate(done)
        if operation == "replace" and path.parent == store.files.quarantine
    )
    assert ("sync_folder", store.files.folder) in done[:moved]


def test_a_journal_that_was_only_begun_is_compared_with_its_second_copy(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    files.journal.write_bytes(encode_header(1, GENESIS).line)
    loaded = load(files, OsFileOps())

    assert [found.path for found in loaded.findings] == [files.state, files.mirror(1)]


def test_a_store_without_a_state_has_an_empty_snapshot(tmp_path: Path) -> None:
    assert StateStore(tmp_path).snapshot() == (0, {})


def test_whoever_only_peeks_learns_that_the_disk_is_full(store: StateStore) -> None:
    class Full(OsFileOps):
        def free_bytes(self, path: Path) -> int:
            return 0

    other = StateStore(store.files.root, ops=Full())
    assert "".join(other.peek()["features"]) == "ab"
    assert other.read_only is not None
    assert "0 bytes are free" in other.read_only.reason


def test_who_cannot_open_the_lock_reads_all_the_same_and_knows_that_nobody_can_write(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(lock: ProcessLock, *, shared: bool = False) -> int | None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(ProcessLock, "attempt", refused)
    other = reopened(store)
    assert names(other) == "ab"
    assert other.read_only is not None
    assert other.read_only.reason == os.strerror(errno.EROFS)


def test_the_place_of_a_lost_history_is_durable_before_a_new_one_begins(
    store: StateStore, ops: WatchedOps
) -> None:
    put(store, "c", "d")
    broken = StateStore(without(store, 3).files.root, ops=ops)
    assert names(broken) == "ab"
    done: list[tuple[str, Path]] = []
    ops.before = lambda operation, path: done.append((operation, path))
    with broken.exclusive(uncertain=True):
        broken.restart()
    quarantine = store.files.quarantine
    journals = [path.parent == quarantine and path.suffix == ".jsonl" for _, path in done]
    moved = max(i for i, is_moved in enumerate(journals) if is_moved)
    written = max(i for i, each in enumerate(done) if each == ("replace", store.files.journal))
    assert ("sync_folder", quarantine) in done[moved:written]


def test_a_backup_of_the_present_state_is_kept(store: StateStore, tmp_path: Path) -> None:
    with store.exclusive():
        store.keep_backup()
    found = decode(store.files.backup(store.sequence).read_bytes())
    assert isinstance(found, Checkpoint)
    assert (found.sequence, list(found.document["features"])) == (2, ["a", "b"])
    empty = StateStore(tmp_path / "empty")
    empty.files.backups.mkdir(parents=True)
    empty.keep_backup()
    assert list(empty.files.backups.iterdir()) == []


@pytest.mark.parametrize("size", [0, 10_000])
def test_a_change_is_not_appended_to_a_copy_of_another_size(store: StateStore, size: int) -> None:
    class Counting(OsFileOps):
        opened = 0

        def open_append(self, path: Path) -> int:
            self.opened += 1
            return super().open_append(path)

        def close(self, descriptor: int) -> None:
            self.opened -= 1
            super().close(descriptor)

    before, ops = store.files.journal.read_bytes(), Counting()
    with pytest.raises(OSError, match=os.strerror(errno.ESTALE)) as caught:
        Segment(store.files, ops).append(b"line\n", 1, size)
    assert caught.value.errno == errno.ESTALE
    assert ops.opened == 0
    assert store.files.journal.read_bytes() == before


def test_a_state_without_a_journal_becomes_the_first_change_of_one(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    files.folder.mkdir()
    files.state.write_text('{"id": "p", "features": {"a": {"id": "a"}}}')
    store = StateStore(tmp_path)
    assert names(store) == "a"
    loaded = load(files, OsFileOps())

    assert (store.sequence, loaded.sequence, loaded.findings) == (1, 1, [])
    (made,) = [record.change for record in loaded.active]
    assert (made.operation, made.actor, made.correlation_id) == ("migrate_state", "cde", "")
    assert list(files.segments()) == [1]
    assert files.mirror(1).read_bytes() == files.journal.read_bytes()
    put(store, "b")
    assert names(reopened(store)) == "ab"
    assert list(reopened(store).files.quarantine.glob("*")) == []


def test_copies_agree_when_both_stand_there_with_that_size(store: StateStore) -> None:
    segment, size = Segment(store.files, OsFileOps()), store.files.journal.stat().st_size
    assert segment.agrees(1, size)
    assert not segment.agrees(1, size - 1)
    store.files.mirror(1).unlink()
    assert not segment.agrees(1, size)


@pytest.mark.parametrize("wait", [False, True])
def test_nobody_changes_the_files_while_they_are_held_steady(store: StateStore, wait: bool) -> None:
    lock = ProcessLock(store.files.lock, 0.0)
    with store.steady(wait=wait):
        assert lock.attempt() is None
    descriptor = lock.attempt()
    assert descriptor is not None
    os.close(descriptor)


def test_what_a_writer_changes_while_it_is_read_is_read_again(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = ProcessLock(store.files.lock, 0.0)
    held = lock.attempt()
    assert held is not None
    other, looked, looks = reopened(store), StateFiles.marks, 0

    def look(files: StateFiles) -> object:
        nonlocal held, looks
        looks += 1
        if looks == 3 and held is not None:  # before, before the load, after it
            os.close(held)
            put(store, "c")
            held = lock.attempt()
        return looked(files)

    monkeypatch.setattr(StateFiles, "marks", look)
    assert names(other) == "abc"
    assert held is not None
    os.close(held)


@pytest.mark.parametrize(("wait", "taken"), [(None, ["attempt"]), (True, ["shared"])])
def test_only_who_says_so_waits_for_the_lock_and_its_turn_to_hold_the_files_steady(
    store: StateStore, monkeypatch: pytest.MonkeyPatch, wait: bool | None, taken: list[str]
) -> None:
    other = StateStore(store.files.root, lock_timeout_seconds=0.05)
    asked, refused = list[str](), list[str]()
    attempt, shared = ProjectLock.attempt, ProjectLock.shared

    def noted_attempt(lock: ProjectLock, *, shared: bool = False) -> ExitStack | None:
        asked.append("attempt")
        return attempt(lock, shared=shared)

    def noted_shared(lock: ProjectLock) -> AbstractContextManager[float]:
        asked.append("shared")
        return shared(lock)

    def take_turn() -> None:
        try:
            with other._memory.in_turn():
                pass
        except LockTimeoutError as error:
            refused.append(error.code)

    monkeypatch.setattr(ProjectLock, "attempt", noted_attempt)
    monkeypatch.setattr(ProjectLock, "shared", noted_shared)
    with other.steady() if wait is None else other.steady(wait=wait):
        thread = threading.Thread(target=take_turn)
        thread.start()
        thread.join(60)
    assert asked == taken
    assert refused == (["E205"] if wait else [])


def test_a_restart_is_taken_over_by_the_process_that_made_it(store: StateStore) -> None:
    put(store, "c", "d")
    broken = without(store, 3)
    with broken.exclusive(uncertain=True):
        broken.restart()
        assert (broken.sequence, broken.read_only) == (4, None)
        assert load(store.files, OsFileOps()).sequence == 4


def test_closing_after_changes_of_others_alone_leaves_the_state_file_as_it_is(
    store: StateStore,
) -> None:
    store.close()
    put(reopened(store), "c")
    before = store.files.state.read_bytes()
    assert names(store) == "abc"
    store.close()
    assert store.files.state.read_bytes() == before


def test_backups_are_looked_at_once_for_each_segment(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def look(scrubber: StateScrubber, part_fork: object) -> list[str]:
        looks.append(1)
        return []

    monkeypatch.setattr(StateScrubber, "check_new", look)
    other = reopened(store)
    put(other, "c", "d")
    assert looks == [1]
    seal(other)
    put(other, "e", "f")
    assert looks == [1, 1]
