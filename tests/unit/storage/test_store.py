from __future__ import annotations

import errno
import inspect
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.exceptions import ReadOnlyModeError, StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file, write_all
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage import maintenance
from cde_orchestrator.storage.format.journal import Change, encode_header, encode_record, scan
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.quarantine import MISSING
from cde_orchestrator.storage.read_only import SPARE_BYTES
from cde_orchestrator.storage.retention import Retention
from cde_orchestrator.storage.store import REPLACED_TRIES, StateStore


class FailingOps(OsFileOps):
    """The system's operations, of which one can be made to fail."""

    def __init__(self) -> None:
        self.fail: Callable[[str, Any], bool] = lambda operation, subject: False
        self.code = errno.EIO

    def _maybe(self, operation: str, subject: object) -> None:
        if self.fail(operation, subject):
            raise OSError(self.code, os.strerror(self.code), str(subject))

    def write(self, descriptor: int, data: bytes) -> int:
        self._maybe("write", data)
        return super().write(descriptor, data[: max(1, len(data) // 2)])

    def fdatasync(self, descriptor: int) -> None:
        self._maybe("fdatasync", descriptor)
        super().fdatasync(descriptor)

    def open_append(self, path: Path) -> int:
        self._maybe("open_append", path)
        return super().open_append(path)

    def truncate(self, descriptor: int, size: int) -> None:
        self._maybe("truncate", descriptor)
        super().truncate(descriptor, size)

    def replace(self, source: Path, target: Path) -> None:
        self._maybe("replace", target)
        super().replace(source, target)


def put(store: StateStore, name: str, value: object = "x", *, force: bool = False) -> None:
    changes: Patch = [{"op": "add", "path": f"/features/{name}", "value": {"id": name, "v": value}}]
    with store.exclusive(force=force):
        if not store.sequence:
            changes = [{"op": "add", "path": "", "value": {"id": "p", "features": {}}}, *changes]
        store.commit(
            Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
        )


def names(store: StateStore) -> list[str]:
    store.refresh()
    return list(store.document.get("features", {}))


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    made = StateStore(tmp_path)
    put(made, "a")
    put(made, "b")
    return made


def reopened(store: StateStore) -> StateStore:
    return StateStore(store.files.root)


def test_an_empty_folder_has_no_state_and_reading_makes_none(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.refresh()
    assert store.document == {}
    assert store.sequence == 0
    assert list(tmp_path.iterdir()) == []


def test_a_committed_change_is_there_when_the_state_is_opened_again(store: StateStore) -> None:
    assert names(reopened(store)) == ["a", "b"]
    assert reopened(store).sequence == 0
    other = reopened(store)
    other.refresh()
    assert other.sequence == 2


def test_another_process_sees_each_change_at_its_next_look(store: StateStore) -> None:
    other = reopened(store)
    assert names(other) == ["a", "b"]
    put(store, "c")
    assert names(other) == ["a", "b", "c"]
    put(other, "d")
    assert names(store) == ["a", "b", "c", "d"]


def test_the_state_file_is_renewed_on_closing_after_own_changes_only(store: StateStore) -> None:
    reader = reopened(store)
    reader.refresh()
    before = store.files.state.read_bytes()
    reader.close()
    assert store.files.state.read_bytes() == before
    store.close()
    content = json.loads(store.files.state.read_bytes())
    assert content["sequence"] == 2
    assert [feature["id"] for feature in content["features"]] == ["a", "b"]


def test_closing_a_store_that_was_never_used_does_nothing(tmp_path: Path) -> None:
    StateStore(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_segments_are_sealed_with_a_checkpoint_and_old_backups_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "SEAL_AFTER_BYTES", 2_000)
    store = StateStore(tmp_path, retention=Retention(count=2))
    reader = StateStore(tmp_path)
    for number in range(120):
        put(store, f"f{number}", "v" * 200)
        if number % 7 == 0:
            reader.refresh()
    assert len(store.files.checkpoints()) == 2
    oldest = min(store.files.checkpoints())
    assert min(store.files.segments()) <= oldest + 1
    expected = [f"f{number}" for number in range(120)]
    assert names(store) == names(reader) == names(reopened(store)) == expected


def test_the_state_file_is_renewed_as_the_journal_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "CHECKPOINT_AFTER_BYTES", 1_000)
    store = StateStore(tmp_path)
    for number in range(20):
        put(store, f"f{number}", "v" * 100)
    assert json.loads(store.files.state.read_bytes())["sequence"] > 10


@pytest.mark.parametrize(
    "victim", ["state.json", "journal.jsonl", "backups/journal-000000000001.jsonl"]
)
@pytest.mark.parametrize("harm", ["remove", "empty", "cut", "flip"])
def test_no_change_is_lost_when_one_file_dies(store: StateStore, victim: str, harm: str) -> None:
    store.close()
    path = store.files.folder / victim
    content = bytearray(path.read_bytes())
    if harm == "remove":
        path.unlink()
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "cut":
        path.write_bytes(content[: len(content) * 2 // 3])
    else:
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    again = reopened(store)
    assert names(again) == ["a", "b"]
    put(again, "c")
    assert names(reopened(store)) == ["a", "b", "c"]
    [kept] = store.files.quarantine.iterdir()
    assert kept.name.endswith(MISSING) is (harm == "remove")


def test_a_change_that_was_cut_off_while_it_was_written_never_happened(store: StateStore) -> None:
    with store.files.journal.open("ab") as file:
        file.write(b'{"sequence":3,"at"')
    assert names(reopened(store)) == ["a", "b"]
    put(reopened(store), "c")
    assert names(store) == ["a", "b", "c"]
    assert not store.files.quarantine.exists()


def test_a_gap_that_no_copy_closes_makes_the_project_read_only_at_what_is_certain(
    store: StateStore,
) -> None:
    put(store, "c")
    for path in (store.files.journal, store.files.mirror(1)):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:2] + lines[3:]))
    before = {path: path.read_bytes() for path in store.files.folder.rglob("*.json*")}
    opened = reopened(store)
    assert names(opened) == ["a"]
    assert opened.read_only is not None
    assert "changes 2 to 2" in opened.read_only.reason
    with pytest.raises(ReadOnlyModeError):
        put(opened, "d")
    assert {path: path.read_bytes() for path in store.files.folder.rglob("*.json*")} == before


def test_a_state_file_that_is_no_state_is_never_taken_for_empty(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.files.folder.mkdir()
    store.files.state.write_text("{")
    with pytest.raises(StateError) as caught:
        store.refresh()
    assert caught.value.code == "E201"
    assert store.files.state.read_text() == "{"


def test_a_newer_schema_is_left_alone(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cde_orchestrator.storage.format.checkpoint.SCHEMA_VERSION", 2)
    put(store, "c")
    store.close()
    monkeypatch.undo()
    before = store.files.state.read_bytes()
    opened = reopened(store)
    assert names(opened) == ["a", "b", "c"]
    assert opened.read_only is not None
    with pytest.raises(ReadOnlyModeError):
        put(opened, "d")
    assert store.files.state.read_bytes() == before


@pytest.mark.parametrize("operation", ["write", "open_append"])
@pytest.mark.parametrize(("code", "expected"), [(errno.EIO, "E203"), (errno.ENOSPC, "E204")])
def test_a_change_that_the_disk_refuses_never_happened(
    tmp_path: Path, operation: str, code: int, expected: str
) -> None:
    ops = FailingOps()
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    ops.fail, ops.code = (lambda failing, _: failing == operation), code
    with pytest.raises(StateError) as caught:
        put(store, "b")
    assert caught.value.code == expected
    ops.fail = lambda failing, _: False
    assert names(store) == names(reopened(store)) == ["a"]
    with pytest.raises(ReadOnlyModeError):
        put(store, "c")
    put(store, "c", force=True)
    assert names(store) == names(reopened(store)) == ["a", "c"]


def test_what_was_cut_back_is_synced_so_that_no_power_cut_brings_it_back(tmp_path: Path) -> None:
    ops = FailingOps()
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    done: list[str] = []

    def fail(operation: str, subject: Any) -> bool:
        done.append(operation)
        return done.count("fdatasync") == 1 and operation == "fdatasync"

    ops.fail = fail
    with pytest.raises(StateError) as caught:
        put(store, "b")
    assert caught.value.code == "E203"
    assert done[-2:] == ["truncate", "fdatasync"]
    assert names(reopened(store)) == ["a"]


def test_a_change_whose_cutting_back_cannot_be_synced_is_told_as_unknown(tmp_path: Path) -> None:
    ops = FailingOps()
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    ops.fail = lambda failing, _: failing == "fdatasync"
    with pytest.raises(StateError) as caught:
        put(store, "b")
    assert caught.value.code == "E216"


def test_a_change_refused_by_the_second_copy_is_taken_back_from_the_first(tmp_path: Path) -> None:
    ops = FailingOps()
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    ops.fail = lambda failing, subject: failing == "open_append" and "backups" in str(subject)
    with pytest.raises(StateError):
        put(store, "b")
    ops.fail = lambda failing, _: False
    assert names(store) == ["a"]


def test_a_state_file_that_cannot_be_renewed_does_not_fail_the_change(tmp_path: Path) -> None:
    ops = FailingOps()
    ops.fail = lambda failing, subject: failing == "replace" and str(subject).endswith("state.json")
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    store.close()
    assert names(store) == ["a"]
    assert not store.files.state.exists()
    ops.fail = lambda failing, _: False
    assert names(reopened(store)) == ["a"]


def test_a_segment_that_cannot_be_sealed_does_not_fail_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "SEAL_AFTER_BYTES", 500)
    ops = FailingOps()
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    ops.fail = lambda failing, subject: failing == "replace" and "backups" in str(subject)
    for name in "bcdefgh":
        put(store, name, force=True)
    assert names(store) == names(reopened(store)) == list("abcdefgh")


def test_reading_goes_on_while_a_writer_hangs(store: StateStore) -> None:
    reader = StateStore(store.files.root, lock_timeout_seconds=0.05)
    with ProcessLock(store.files.lock).exclusive():
        reader.refresh()
        assert list(reader.document["features"]) == ["a", "b"]
        with pytest.raises(StateError) as caught, reader.exclusive():
            pass
    assert caught.value.code == "E205"


def test_damage_is_read_around_while_it_cannot_be_mended(store: StateStore) -> None:
    store.files.mirror(1).unlink()
    reader = StateStore(store.files.root, lock_timeout_seconds=0.05)
    with ProcessLock(store.files.lock).exclusive():
        reader.refresh()
    assert list(reader.document["features"]) == ["a", "b"]
    assert not store.files.mirror(1).exists()


def test_listeners_hear_what_changed_and_of_loads(tmp_path: Path) -> None:
    heard: list[Patch | None] = []
    store = StateStore(tmp_path, on_change=lambda document, changes: heard.append(changes))
    put(store, "a")
    put(store, "b")
    assert [changes and changes[-1]["path"] for changes in heard] == ["/features/a", "/features/b"]
    other = StateStore(tmp_path, on_change=lambda document, changes: heard.append(changes))
    other.refresh()
    assert heard[-1] is None


def test_a_replacement_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    ops = FailingOps()
    target = tmp_path / "file"
    replace_file(ops, target, b"old")
    ops.fail = lambda failing, _: failing == "fdatasync"
    with pytest.raises(OSError, match="Input/output"):
        replace_file(ops, target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_short_writes_are_continued(tmp_path: Path) -> None:
    ops = FailingOps()
    descriptor = ops.create(tmp_path / "file")
    write_all(ops, descriptor, b"0123456789")
    ops.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_change_that_can_neither_be_made_nor_undone_is_told_as_unknown(tmp_path: Path) -> None:
    ops = FailingOps()
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    ops.fail = lambda failing, _: failing in {"fdatasync", "truncate"}
    with pytest.raises(StateError) as caught:
        put(store, "b")
    assert caught.value.code == "E216"
    ops.fail = lambda failing, _: False
    assert names(store) == names(reopened(store))
    assert names(store) in (["a"], ["a", "b"])


def test_a_journal_that_is_gone_with_its_copy_is_told_and_begun_anew(store: StateStore) -> None:
    store.close()
    store.files.journal.unlink()
    store.files.mirror(1).unlink()
    assert names(reopened(store)) == ["a", "b"]
    put(reopened(store), "c")
    assert names(reopened(store)) == ["a", "b", "c"]
    assert reopened(store).archive().verify() == []


def test_a_journal_without_its_beginning_is_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "SEAL_AFTER_BYTES", 1_000)
    store = StateStore(tmp_path)
    for name in "abcdefghijkl":
        put(store, name)
    store.files.state.unlink()
    for path in store.files.backups.iterdir():
        path.unlink()
    with pytest.raises(StateError) as caught:
        reopened(store).refresh()
    assert caught.value.code == "E201"


def test_what_is_left_of_a_segment_that_could_not_be_begun_hides_nothing(
    store: StateStore,
) -> None:
    store.files.mirror(2).write_bytes(encode_header(2, "x").line)
    store.files.journal.unlink()
    assert names(reopened(store)) == ["a", "b"]


class RefusingOps(OsFileOps):
    """The system's operations, with what they did; ``before`` may refuse one."""

    def __init__(self) -> None:
        self.before: Callable[[str, Path], None] = lambda operation, path: None
        self.done: list[tuple[str, Path]] = []
        self.free = 10**12

    def _note(self, operation: str, path: Path) -> None:
        self.before(operation, path)
        self.done.append((operation, path))

    def read(self, path: Path, offset: int = 0) -> bytes:
        self._note("read", path)
        return super().read(path, offset)

    def create(self, path: Path) -> int:
        self._note("create", path)
        return super().create(path)

    def open_append(self, path: Path) -> int:
        self._note("open_append", path)
        return super().open_append(path)

    def replace(self, source: Path, target: Path) -> None:
        self._note("replace", target)
        super().replace(source, target)

    def sync_folder(self, path: Path) -> None:
        self._note("sync_folder", path)
        super().sync_folder(path)

    def make_folder(self, path: Path) -> None:
        self._note("make_folder", path)
        super().make_folder(path)

    def free_bytes(self, path: Path) -> int:
        return self.free


def refuse(operation: str, name: str = "") -> Callable[[str, Path], None]:
    """Refuse an operation on paths with ``name`` in them, in words that name no file."""

    def before(doing: str, path: Path) -> None:
        if doing == operation and name in str(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    return before


@pytest.fixture
def ops() -> RefusingOps:
    return RefusingOps()


@pytest.fixture
def watched(store: StateStore, ops: RefusingOps) -> StateStore:
    made = StateStore(store.files.root, ops=ops, lock_timeout_seconds=0.05)
    made.refresh()
    return made


def refused_path(call: Callable[[], object]) -> str:
    with pytest.raises(StateError) as caught:
        call()
    assert caught.value.code == "E203"
    return str(caught.value.context["path"])


def enter(store: StateStore, **how: bool) -> float:
    with store.exclusive(**how) as waited:
        return waited


def test_a_change_waits_for_five_seconds_and_is_tried_three_times() -> None:
    assert inspect.signature(StateStore).parameters["lock_timeout_seconds"].default == 5.0
    assert REPLACED_TRIES == 3


def test_a_state_from_before_the_journal_is_taken_as_it_is_unless_somebody_says_how(
    tmp_path: Path,
) -> None:
    store = StateStore(tmp_path)
    store.files.folder.mkdir()
    store.files.state.write_text('{"id": "p", "features": {}}')
    assert store.peek() == {"id": "p", "features": {}}
    assert store.sequence == 0
    assert [path.name for path in store.files.folder.iterdir()] == ["state.json"]
    other = StateStore(tmp_path, migrate=lambda content: {**content, "features": {"m": {}}})
    assert other.peek() == {"id": "p", "features": {"m": {}}}
    other.refresh()
    assert other.document == {"id": "p", "features": {"m": {}}}


def test_who_peeks_learns_of_lost_changes_and_remembers_nothing(store: StateStore) -> None:
    put(store, "c")
    for path in (store.files.journal, store.files.mirror(1)):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:2] + lines[3:]))
    other = reopened(store)
    assert list(other.peek()["features"]) == ["a"]
    assert (other.document, other.sequence) == ({}, 0)
    assert other.read_only is not None
    assert other.read_only.reason.startswith("changes 2 to 2 are lost")


def test_what_cannot_be_peeked_at_is_told_with_the_folder(
    watched: StateStore, ops: RefusingOps
) -> None:
    ops.before = refuse("read")
    with pytest.raises(StateError) as caught:
        watched.peek()
    assert (caught.value.code, caught.value.context["path"]) == ("E201", str(watched.files.folder))


def test_a_change_needs_room_for_two_checkpoints_and_the_spare(
    watched: StateStore, ops: RefusingOps
) -> None:
    needed = 2 * watched.files.state.stat().st_size + SPARE_BYTES
    ops.free = needed
    assert enter(watched) >= 0.0
    ops.free = needed - 1
    ops.done.clear()
    with pytest.raises(ReadOnlyModeError) as caught:
        enter(watched)
    assert caught.value.context["reason"] == f"{needed - 1} bytes are free, {needed} are needed"
    assert ops.done == []


def test_a_disk_that_refused_is_tried_at_once_only_where_that_is_forced(
    watched: StateStore, ops: RefusingOps
) -> None:
    ops.before = refuse("open_append")
    with pytest.raises(StateError):
        put(watched, "c")
    ops.before = lambda operation, path: None
    with pytest.raises(ReadOnlyModeError):
        enter(watched)
    assert watched.read_only is not None
    enter(watched, force=True)
    assert watched.read_only is None


def test_the_folder_of_the_project_is_made_for_its_first_change_alone(
    tmp_path: Path, ops: RefusingOps
) -> None:
    store = StateStore(tmp_path, ops=ops)
    ops.before = refuse("make_folder")
    ops.free = 0  # which is not asked before there is a folder
    assert refused_path(lambda: enter(store)) == str(store.files.folder)
    assert list(tmp_path.iterdir()) == []
    ops.before, ops.free = lambda operation, path: None, 10**12
    put(store, "a", force=True)
    assert ("make_folder", store.files.folder) in ops.done
    ops.done.clear()
    put(store, "b", force=True)
    assert ("make_folder", store.files.folder) not in ops.done
    assert names(reopened(store)) == ["a", "b"]


def test_the_first_change_begins_the_journal_and_then_syncs_the_project(
    tmp_path: Path, ops: RefusingOps
) -> None:
    store = StateStore(tmp_path, ops=ops)
    put(store, "a")
    replaced = [path for operation, path in ops.done if operation == "replace"]
    assert replaced[:2] == [store.files.mirror(1), store.files.journal]
    begun = ops.done.index(("replace", store.files.journal))
    appended = ops.done.index(("open_append", store.files.journal))
    assert begun < ops.done.index(("sync_folder", tmp_path)) < appended
    assert store.files.journal.read_bytes().startswith(encode_header(1, "").line)


def test_a_first_change_that_cannot_be_begun_is_told_with_the_journal(
    tmp_path: Path, ops: RefusingOps
) -> None:
    store = StateStore(tmp_path, ops=ops)
    ops.before = refuse("replace", "journal")
    assert refused_path(lambda: put(store, "a")) == str(store.files.journal)
    ops.before = lambda operation, path: None
    put(store, "a", force=True)
    assert (names(reopened(store)), store.sequence) == (["a"], 1)


def test_a_change_that_is_refused_is_told_with_the_journal_and_looked_for_again(
    watched: StateStore, ops: RefusingOps
) -> None:
    ops.before = refuse("open_append")
    assert refused_path(lambda: put(watched, "c")) == str(watched.files.journal)
    ops.before, ops.done = lambda operation, path: None, []
    assert names(watched) == ["a", "b"]
    assert ("read", watched.files.state) in ops.done


def test_a_change_of_ones_own_is_not_read_again(watched: StateStore, ops: RefusingOps) -> None:
    put(watched, "c")
    ops.done.clear()
    assert names(watched) == ["a", "b", "c"]
    put(watched, "d")
    assert [each for each in ops.done if each[0] == "read"] == []


def test_a_change_is_given_back_as_it_was_recorded(store: StateStore) -> None:
    change = Change(at="then", operation="put", actor="t", correlation_id="c", changes=[])
    before = scan(store.files.journal.read_bytes()).records[-1]
    with store.exclusive():
        record = store.commit(change)
    assert record == encode_record(3, before.checksum, change)
    assert store.files.journal.read_bytes().endswith(record.line)


@pytest.mark.parametrize("method", ["keep_backup", "compact"])
def test_a_backup_that_is_refused_is_told_with_its_folder(
    watched: StateStore, ops: RefusingOps, method: str
) -> None:
    def call() -> None:
        with watched.exclusive(force=True):
            ops.before = refuse("replace")
            getattr(watched, method)()

    assert refused_path(call) == str(watched.files.backups)
    assert watched.read_only is not None
    assert watched.read_only.reason == os.strerror(errno.EIO)


def test_nothing_is_compacted_where_no_state_is(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.files.backups.mkdir(parents=True)
    store.compact()
    store.keep_backup()
    assert list(store.files.backups.iterdir()) == []


def damaged_backup(store: StateStore) -> None:
    with store.exclusive():
        store.keep_backup()
    path = store.files.backup(2)
    path.write_bytes(path.read_bytes()[:-20])


def test_backups_are_looked_after_at_the_first_change_and_that_is_told_by_a_scrub(
    store: StateStore,
) -> None:
    damaged_backup(store)
    whole = reopened(store)
    with whole.exclusive():
        done = whole.scrub()
        assert len(done) == 1
        assert whole.archive().verify() == []
    with whole.exclusive():
        assert whole.scrub() == []


def test_backups_are_judged_once_for_each_segment(watched: StateStore, ops: RefusingOps) -> None:
    judged = ("read", watched.files.judged)
    enter(watched)
    assert judged in ops.done
    with watched.exclusive():
        watched.compact()
    ops.done.clear()
    enter(watched)
    assert judged in ops.done
    ops.done.clear()
    enter(watched)
    assert judged not in ops.done


def test_backups_that_cannot_be_judged_do_not_hinder_a_change(
    watched: StateStore, ops: RefusingOps
) -> None:
    damaged_backup(reopened(watched))
    ops.before = refuse("replace", "quarantine")
    with capture_logs() as logs:
        put(watched, "c")
    assert [each for each in logs if each["event"] == "backups_not_judged"] == [
        {
            "event": "backups_not_judged",
            "log_level": "warning",
            "path": str(watched.files.root),
            "reason": "[Errno 5] Input/output error",
        }
    ]
    assert names(reopened(watched)) == ["a", "b", "c"]


def test_a_scrub_that_is_refused_is_told_with_the_folder_of_backups(
    watched: StateStore, ops: RefusingOps
) -> None:
    def call() -> None:
        with watched.exclusive(force=True):
            watched.keep_backup()
            watched.files.backup(2).write_bytes(b"damaged")
            ops.before = refuse("replace")
            watched.scrub()

    assert refused_path(call) == str(watched.files.backups)


def test_a_store_is_held_steady_beside_a_writer_without_waiting(store: StateStore) -> None:
    other = StateStore(store.files.root, lock_timeout_seconds=0.05)
    with ProcessLock(store.files.lock).exclusive():
        for wait in (False, True):
            with other.steady(wait=wait):
                assert names(other) == ["a", "b"]
    with StateStore(store.files.root).steady(wait=True):
        shared = ProcessLock(store.files.lock).attempt(shared=True)
        assert shared is not None
        os.close(shared)
        assert ProcessLock(store.files.lock).attempt() is None


def test_a_state_from_a_newer_release_is_not_restarted(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cde_orchestrator.storage.format.checkpoint.SCHEMA_VERSION", 2)
    store.close()
    monkeypatch.undo()
    opened = reopened(store)
    before = store.files.state.read_bytes()
    with pytest.raises(ReadOnlyModeError) as caught, opened.exclusive(uncertain=True):
        opened.restart()
    assert "newer release" in str(caught.value.context["reason"])
    assert store.files.state.read_bytes() == before


def test_a_restart_is_told_with_the_folder_where_it_is_refused(
    watched: StateStore, ops: RefusingOps
) -> None:
    def call() -> None:
        with watched.exclusive(uncertain=True):
            ops.before = refuse("read")
            watched.restart()

    assert refused_path(call) == str(watched.files.folder)


def test_a_state_that_was_begun_again_is_held_for_one_change(
    tmp_path: Path, ops: RefusingOps
) -> None:
    store = StateStore(tmp_path, ops=ops, lock_timeout_seconds=0.05)
    store.files.folder.mkdir()
    store.files.state.write_text("{")
    ops.before = refuse("replace")

    def begin() -> None:
        with store.started_over({"id": "q", "features": {}}):
            assert ProcessLock(store.files.lock).attempt(shared=True) is None
            assert (store.sequence, store.document["id"]) == (1, "q")
            os.utime(store.files.journal, ns=(5, 5))
            ops.done.clear()
            store.refresh()
            assert ops.done == []

    assert refused_path(begin) == str(store.files.folder)
    ops.before = lambda operation, path: None
    begin()
    put(store, "a", force=True)
    assert names(reopened(store)) == ["a"]


def test_closing_writes_the_state_file_once_and_lets_go_of_the_folder(
    watched: StateStore, ops: RefusingOps
) -> None:
    def written() -> int:
        watched.close()
        found = ops.done.count(("replace", watched.files.state))
        ops.done.clear()
        return found

    assert written() == 0
    put(watched, "c")
    assert written() == 1
    assert written() == 0
    put(watched, "d")
    assert written() == 1
    put(watched, "e")
    with watched.exclusive():
        watched.compact()
    ops.done.clear()
    assert written() == 0


def test_closing_leaves_a_large_state_file_as_it_is(
    watched: StateStore, ops: RefusingOps, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = watched.files.state.stat().st_size
    for limit, written in ((size - 1, 0), (size, 1)):
        monkeypatch.setattr(f"{StateStore.__module__}.SEAL_AFTER_BYTES", limit)
        put(watched, "c")
        ops.done.clear()
        watched.close()
        watched.refresh()
        assert ops.done.count(("replace", watched.files.state)) == written
