from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.domain.exceptions import ReadOnlyModeError, StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file, write_all
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage import maintenance
from cde_orchestrator.storage.format.files import MISSING
from cde_orchestrator.storage.format.journal import Change, encode_header
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.retention import Retention
from cde_orchestrator.storage.store import StateStore


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
