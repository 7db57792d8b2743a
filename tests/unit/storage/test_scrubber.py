"""The past is looked after: one copy each, judged once, mended as far as anything tells it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage import maintenance
from cde_orchestrator.storage.format.journal import Change, encode_header, ranges_of, scan
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.store import StateStore
from tests.simulation.operations import UnsyncedOps

COUNT = 40


def put(store: StateStore, number: int) -> None:
    value = {"id": f"f{number}", "name": f"name-{number}"}
    changes: Patch = [{"op": "add", "path": f"/features/f{number}", "value": value}]
    with store.exclusive():
        if not store.sequence:
            changes = [{"op": "add", "path": "", "value": {"id": "p", "features": {}}}, *changes]
        store.commit(
            Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
        )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateStore:
    monkeypatch.setattr(maintenance, "SEAL_AFTER_BYTES", 2_500)
    store = StateStore(tmp_path, ops=UnsyncedOps())
    for number in range(1, COUNT + 1):
        put(store, number)
    return store


def sealed(store: StateStore) -> list[Path]:
    return list(store.files.segments().values())[:-1]


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def opened(store: StateStore) -> StateStore:
    """As another process opens it for its first change."""
    again = StateStore(store.files.root)
    with again.exclusive():
        pass
    return again


def test_a_damaged_record_of_a_sealed_segment_is_lost_alone_and_said_once(
    store: StateStore,
) -> None:
    victim = sealed(store)[1]
    lines = lines_of(victim)
    lost = scan(b"".join(lines)).records[2].sequence
    lines[3] = lines[3].replace(b"name", b"nome")
    harmed = b"".join(lines)
    victim.write_bytes(harmed)
    with capture_logs() as logs:
        again = opened(store)
    said = [entry["changes"] for entry in logs if entry["event"] == "history_lost"]
    assert said == [f"{lost} to {lost}"]
    assert harmed in [path.read_bytes() for path in store.files.quarantine.iterdir()]
    assert again.archive().verify() == []
    assert len(again.document["features"]) == COUNT
    assert again.archive().state_at(lost - 1)
    with pytest.raises(StateError) as caught:
        again.archive().state_at(lost)
    assert caught.value.code == "E208"
    with capture_logs() as logs:
        assert opened(store).archive().verify() == []
    assert [entry for entry in logs if entry["event"] in {"history_lost", "backup_damaged"}] == []


def test_a_damaged_header_alone_loses_nothing(store: StateStore) -> None:
    victim = sealed(store)[1]
    whole = victim.read_bytes()
    victim.write_bytes(b"X" + whole[1:])
    again = opened(store)
    assert victim.read_bytes() == whole
    assert again.archive().verify() == []


@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_sealed_segment_that_is_gone_is_noted_as_lost(store: StateStore, which: int) -> None:
    sealed(store)[which].unlink()
    again = opened(store)
    assert again.archive().verify() == []
    assert len(again.document["features"]) == COUNT
    assert opened(store).archive().verify() == []


def test_a_checkpoint_that_depends_on_lost_changes_is_not_missed(store: StateStore) -> None:
    segment = sealed(store)[1]
    end = scan(segment.read_bytes()).records[-1].sequence
    segment.write_bytes(b"".join(lines_of(segment)[:2]))
    store.files.backup(end).write_bytes(b"{")
    again = opened(store)
    assert again.archive().verify() == []
    assert not store.files.backup(end).exists()


def test_a_missing_checkpoint_is_written_anew(store: StateStore) -> None:
    sequence = list(store.files.checkpoints())[2]
    content = store.files.backup(sequence).read_bytes()
    store.files.backup(sequence).unlink()
    assert opened(store).archive().verify() == []
    assert store.files.backup(sequence).read_bytes() == content


@pytest.mark.parametrize("stand", [Path.mkdir, lambda path: path.symlink_to("elsewhere")])
def test_what_stands_in_the_place_of_a_backup_is_put_aside(
    store: StateStore, stand: Callable[[Path], None]
) -> None:
    sequence = list(store.files.checkpoints())[2]
    segment, checkpoint = sealed(store)[0], store.files.backup(sequence)
    content = checkpoint.read_bytes()
    for path in (segment, checkpoint):
        path.unlink()
        stand(path)

    assert opened(store).archive().verify() == []
    assert checkpoint.read_bytes() == content
    assert {path.name.split("-", 1)[1] for path in store.files.quarantine.iterdir()} == {
        segment.name,
        checkpoint.name,
    }


class CountingOps(OsFileOps):
    """The system's operations, with the names of the files that were read."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def read(self, path: Path, offset: int = 0) -> bytes:
        self.reads.append(path.name)
        return super().read(path, offset)


def test_each_backup_is_judged_once_for_all_processes(store: StateStore) -> None:
    opened(store)
    ops = CountingOps()
    with StateStore(store.files.root, ops=ops).exclusive():
        pass
    assert not {path.name for path in sealed(store)} & set(ops.reads)


@pytest.mark.parametrize(
    "note", [b"", b"[]", b"{nonsense", b'{"state-1.json": 3}', b'{"record": 1}', b'{"a-b": 1}']
)
def test_a_damaged_note_of_what_was_judged_only_costs_another_look(
    store: StateStore, note: bytes
) -> None:
    opened(store)
    victim = sealed(store)[0]
    victim.write_bytes(victim.read_bytes()[:-30])
    store.files.judged.write_bytes(note)
    assert opened(store).archive().verify() == []


def test_what_retention_removed_is_not_lost(store: StateStore) -> None:
    opened(store)
    oldest, following = list(store.files.checkpoints())[:2]
    store.files.backup(oldest).unlink()
    for first, path in store.files.segments().items():
        if first <= oldest:
            path.unlink()
    with capture_logs() as logs:
        assert opened(store).archive().verify() == []
    assert "history_lost" not in {entry["event"] for entry in logs}
    assert following in store.files.checkpoints()


def test_a_disk_that_refuses_to_be_looked_after_does_not_fail_the_change(
    store: StateStore,
) -> None:
    class RefusingOps(OsFileOps):
        def read(self, path: Path, offset: int = 0) -> bytes:
            if path in sealed(store):
                raise PermissionError(13, "refused", str(path))
            return super().read(path, offset)

    other = StateStore(store.files.root, ops=RefusingOps())
    put(other, COUNT + 1)
    assert other.sequence == COUNT + 1


def test_a_header_keeps_what_is_lost() -> None:
    header = encode_header(5, "abc", ranges_of({5, 6, 9}))
    found = scan(header.line).header
    assert found is not None
    assert found.lost == ((5, 6), (9, 9))
