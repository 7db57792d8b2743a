from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import ReadOnlyModeError, StateError
from cde_orchestrator.storage import maintenance
from cde_orchestrator.storage.archive import StateArchive
from cde_orchestrator.storage.format.journal import Change
from cde_orchestrator.storage.format.json_patch import Patch, pointer
from cde_orchestrator.storage.store import StateStore

COUNT = 60


def put(store: StateStore, number: int) -> None:
    value = {"id": f"f{number}", "name": f"name-{number}", "v": "v" * 60}
    changes: Patch = [{"op": "add", "path": f"/features/f{number}", "value": value}]
    with store.exclusive(force=True):
        if not store.sequence:
            whole = {"id": "p", "name": "p", "features": {}}
            changes = [{"op": "add", "path": "", "value": whole}, *changes]
        store.commit(
            Change(at="2026", operation="put", actor="t", correlation_id="", changes=changes)
        )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateStore:
    monkeypatch.setattr(maintenance, "SEAL_AFTER_BYTES", 2_500)
    store = StateStore(tmp_path)
    for number in range(1, COUNT + 1):
        put(store, number)
    return store


def test_every_past_state_is_reached_across_segments(store: StateStore) -> None:
    assert len(store.files.segments()) > 3
    for sequence in range(1, COUNT + 1):
        document = store.archive().state_at(sequence)
        assert list(document["features"]) == [f"f{n}" for n in range(1, sequence + 1)]


@pytest.mark.parametrize("sequence", [-1, 0, COUNT + 1])
def test_what_is_not_in_the_history_is_told(store: StateStore, sequence: int) -> None:
    with pytest.raises(StateError) as caught:
        store.archive().state_at(sequence)
    assert caught.value.code == "E208"


def test_history_is_told_newest_first_and_for_one_feature(store: StateStore) -> None:
    entries = store.archive().history(store.document, 5)
    assert [entry.sequence for entry in entries] == [60, 59, 58, 57, 56]
    assert entries[0].feature == "name-60"
    only = store.archive().history(store.document, 50, "f7")
    assert [entry.sequence for entry in only] == [7, 1]


def test_the_history_after_a_change_is_read_no_further_back(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, whole = store.archive(), StateArchive._read
    read: list[str] = []

    def noting(it: StateArchive, path: Path) -> bytes:
        read.append(path.name)
        return whole(it, path)

    monkeypatch.setattr(StateArchive, "_read", noting)

    assert archive.history(store.document, 60, "f7", 58) == []
    assert len(read) <= 2
    found = archive.history(store.document, 60, None, 58)
    assert [entry.sequence for entry in found] == [60, 59]


def test_a_feature_whose_id_json_and_paths_escape_has_its_history(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    key = 'a/b~c"d\\é'
    put(store, 1)
    changes: Patch = [{"op": "add", "path": pointer("features", key), "value": {"name": "odd"}}]
    with store.exclusive():
        store.commit(
            Change(at="2026", operation="put", actor="t", correlation_id="", changes=changes)
        )
    put(store, 3)
    told = store.archive().history(store.document, 50, key)
    assert [entry.sequence for entry in told] == [2, 1]


def test_a_whole_store_has_no_findings(store: StateStore) -> None:
    assert store.archive().verify() == []
    assert StateStore(store.files.root / "nowhere").archive().verify() == []


def test_every_damaged_file_is_found_by_verify(store: StateStore) -> None:
    store.close()
    for path in sorted({*store.files.folder.rglob("*.json*")} - {store.files.judged}):
        content = path.read_bytes()
        path.write_bytes(content[:-20] + b"!" + content[-19:])
        files = {damage.file for damage in store.archive().verify()}
        assert str(path.relative_to(store.files.root)) in files, path
        path.write_bytes(content)
    assert store.archive().verify() == []


@pytest.mark.parametrize("which", ["state", "journal", "mirror", "middle"])
def test_every_missing_file_is_found_by_verify(store: StateStore, which: str) -> None:
    segments = list(store.files.segments().values())
    path = {
        "state": store.files.state,
        "journal": store.files.journal,
        "mirror": segments[-1],
        "middle": segments[1],
    }[which]
    path.unlink()
    assert store.archive().verify()


def test_damaged_backups_are_written_anew_from_what_survives(store: StateStore) -> None:
    for path in list(store.files.checkpoints().values()):
        content = path.read_bytes()
        path.write_bytes(content[:50])
        with store.exclusive():
            assert store.scrub() == [f"{path.name} was rewritten"]
        assert path.read_bytes() == content
    assert store.archive().verify() == []


def test_a_backup_that_nothing_tells_any_more_goes_into_quarantine(store: StateStore) -> None:
    first = next(iter(store.files.checkpoints().values()))
    first.write_bytes(b"")
    next(iter(store.files.segments().values())).unlink()
    with store.exclusive():
        assert store.scrub() == [f"{first.name} was damaged and is in quarantine"]
    assert not first.exists()


def test_backups_can_be_named_and_damaged_ones_are_told(store: StateStore) -> None:
    archive = store.archive()
    newest = archive.backups()[-2]
    assert len(archive.backup(newest.file)["features"]) == newest.features
    store.files.backup(newest.sequence).write_bytes(b"{")
    assert archive.backups()[-2].problem
    with pytest.raises(StateError) as caught:
        archive.backup(newest.file)
    assert caught.value.code == "E209"


def test_after_lost_changes_a_new_history_begins_on_what_is_certain(store: StateStore) -> None:
    with store.exclusive():
        store.compact()
    for number in (COUNT + 1, COUNT + 2, COUNT + 3):
        put(store, number)
    mirror = list(store.files.segments().values())[-1]
    for path in (store.files.journal, mirror):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:1], *lines[2:]]))
    again = StateStore(store.files.root)
    again.refresh()
    assert len(again.document["features"]) == COUNT
    assert again.read_only is not None
    with pytest.raises(ReadOnlyModeError), again.exclusive():
        pytest.fail("a change was begun")

    with again.exclusive(uncertain=True):
        again.restart()
    put(again, 99)

    other = StateStore(store.files.root)
    other.refresh()
    assert (other.sequence, other.read_only) == (COUNT + 4, None)
    assert len(other.document["features"]) == COUNT + 1
    assert other.archive().verify() == []
    assert len(list(store.files.quarantine.glob("*.jsonl"))) == 2


def test_a_whole_history_is_not_restarted(store: StateStore) -> None:
    with store.exclusive():
        store.restart()
    assert store.sequence == COUNT


def test_a_backup_under_the_name_of_an_earlier_change_is_not_taken_for_it(
    store: StateStore,
) -> None:
    earlier, later = sorted(store.files.checkpoints().items())[:2]
    wanted = store.archive().state_at(earlier[0])
    earlier[1].write_bytes(later[1].read_bytes())

    assert store.archive().state_at(earlier[0]) == wanted
