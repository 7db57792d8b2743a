"""What is written where files are set right, in which order, and what is logged of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage import quarantine, repair
from cde_orchestrator.storage.format.checkpoint import encode
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import (
    GENESIS,
    Change,
    encode_header,
    encode_record,
    scan,
)
from cde_orchestrator.storage.head import Head
from cde_orchestrator.storage.loader import Finding, Gap, Loaded, load
from cde_orchestrator.storage.store import StateStore
from tests.state_stores import put, seal

NOW = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
STAMP = "20260304T050607000089"
AWAY = f"quarantine/{STAMP}-"


class RecordingOps(OsFileOps):
    """The system's operations, with a list of what they changed; ``before`` may refuse one."""

    def __init__(self, root: Path) -> None:
        self.folder = root / ".cde"
        self.done: list[str] = []
        self.before: Callable[[str], None] = lambda what: None

    def _note(self, operation: str, path: Path) -> None:
        what = f"{operation} {path.relative_to(self.folder).as_posix()}"
        self.before(what)
        self.done.append(what)

    def replace(self, source: Path, target: Path) -> None:
        self._note("write" if source.suffix == ".tmp" else "move", target)
        super().replace(source, target)

    def sync_folder(self, path: Path) -> None:
        self._note("sync", path)
        super().sync_folder(path)

    def unlink(self, path: Path) -> None:
        if path.suffix != ".tmp":
            self._note("unlink", path)
        super().unlink(path)

    def make_folder(self, path: Path) -> None:
        self._note("make", path)
        super().make_folder(path)


@pytest.fixture
def ops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordingOps:
    for module in (repair, quarantine):
        monkeypatch.setattr(module, "utc_now", lambda: NOW)
    return RecordingOps(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    """A sealed segment of the changes 1 and 2, whose checkpoint is kept, and change 3."""
    made = StateStore(tmp_path)
    put(made, "a", "b")
    seal(made)
    put(made, "c")
    return made


@pytest.fixture
def files(store: StateStore) -> StateFiles:
    return store.files


def mended(files: StateFiles, ops: RecordingOps) -> Loaded:
    loaded = load(files, ops)
    assert loaded.needs_repair
    repair.repair(files, ops, loaded)
    assert (loaded.findings, loaded.leftovers, loaded.torn) == ([], [], False)
    again = load(files, OsFileOps())
    assert not again.needs_repair
    assert (again.sequence, again.document) == (loaded.sequence, loaded.document)
    return loaded


def written(*names: str) -> list[str]:
    """The trace of files that are put in their places, each before the next."""
    trace: list[str] = []
    for name in names:
        folder = Path(name).parent.as_posix()
        trace += [f"write {name}", f"sync {folder}"]
    return trace


QUARANTINE = ["make quarantine", "sync ."]
COPIES = ("backups/journal-000000000003.jsonl", "journal.jsonl")


def test_a_damaged_copy_is_kept_and_then_both_are_written(
    files: StateFiles, ops: RecordingOps
) -> None:
    files.journal.write_bytes(b"damaged\n")
    with capture_logs() as logs:
        loaded = mended(files, ops)
    assert ops.done == [
        *QUARANTINE,
        *written(f"{AWAY}journal.jsonl", *COPIES),
    ]
    assert (files.folder / f"{AWAY}journal.jsonl").read_bytes() == b"damaged\n"
    assert files.journal.read_bytes() == files.mirror(3).read_bytes() == loaded.active_bytes
    assert logs == [
        {
            "event": "state_damaged",
            "log_level": "warning",
            "error_code": "E212",
            "path": str(files.journal),
            "reason": "the header is missing or damaged; line 1 is damaged",
        },
        {"event": "state_repaired", "log_level": "warning", "sequence": 3, "files": 1},
    ]


def test_a_damaged_state_file_is_written_at_the_last_change(
    files: StateFiles, ops: RecordingOps
) -> None:
    files.state.write_bytes(b"{")
    loaded = mended(files, ops)
    assert ops.done == [*QUARANTINE, *written(f"{AWAY}state.json", *COPIES, "state.json")]
    data = files.state.read_bytes()
    assert data == encode(loaded.document, 3, loaded.checksum)
    assert (loaded.checkpoint_sequence, loaded.checkpoint_size) == (3, len(data))


def test_a_damaged_backup_is_removed_once_a_newer_one_is_written(
    files: StateFiles, ops: RecordingOps
) -> None:
    files.state.write_bytes(b"{")
    files.backup(2).write_bytes(b"[")
    loaded = mended(files, ops)
    assert ops.done == [
        *QUARANTINE,
        *written(f"{AWAY}state.json"),
        *QUARANTINE,
        *written(f"{AWAY}state-000000000002.json"),
        *written("backups/state-000000000003.json", *COPIES, "state.json"),
        "unlink backups/state-000000000002.json",
    ]
    assert files.backup(3).read_bytes() == encode(loaded.document, 3, loaded.checksum)


def test_a_damaged_backup_of_the_last_change_is_written_in_its_place(
    tmp_path: Path, ops: RecordingOps
) -> None:
    store = StateStore(tmp_path)
    put(store, "a", "b")
    seal(store)
    store.files.state.write_bytes(b"{")
    store.files.backup(2).write_bytes(b"[")
    loaded = mended(store.files, ops)
    assert store.files.backup(2).read_bytes() == encode(loaded.document, 2, loaded.checksum)
    assert list(store.files.checkpoints()) == [2]


def test_a_backup_that_is_missing_after_the_first_change_is_written(
    tmp_path: Path, ops: RecordingOps
) -> None:
    store = StateStore(tmp_path)
    put(store, "a")
    seal(store)
    put(store, "b")
    store.files.backup(1).unlink()
    mended(store.files, ops)
    (note,) = store.files.quarantine.iterdir()
    assert note.name == f"{STAMP}-state-000000000001.json.missing"
    assert note.read_bytes() == b"it is missing"
    assert list(store.files.checkpoints()) == [2]


def test_a_missing_file_is_noted_where_that_can_be_done(
    files: StateFiles, ops: RecordingOps
) -> None:
    def refuse(what: str) -> None:
        if what == "make quarantine":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    files.mirror(3).unlink()
    ops.before = refuse
    with capture_logs() as logs:
        mended(files, ops)
    assert ops.done == written(*COPIES)
    assert [each for each in logs if each["event"] == "missing_file_not_noted"] == [
        {
            "event": "missing_file_not_noted",
            "log_level": "warning",
            "path": str(files.mirror(3)),
            "reason": "[Errno 5] Input/output error",
        }
    ]


def test_a_folder_in_place_of_a_file_is_moved_and_both_of_its_places_are_synced(
    files: StateFiles, ops: RecordingOps
) -> None:
    files.mirror(3).unlink()
    files.mirror(3).mkdir()
    mended(files, ops)
    kept = f"{AWAY}journal-000000000003.jsonl"
    assert ops.done == [
        *QUARANTINE,
        f"move {kept}",
        "sync quarantine",
        "sync backups",
        *written(*COPIES),
    ]
    assert (files.folder / kept).is_dir()


def test_a_segment_that_was_begun_and_never_used_is_removed(
    files: StateFiles, ops: RecordingOps
) -> None:
    files.mirror(4).write_bytes(encode_header(4, "never").line)
    with capture_logs() as logs:
        mended(files, ops)
    assert ops.done == [*written(*COPIES), "unlink backups/journal-000000000004.jsonl"]
    assert logs == []


def test_without_a_header_the_active_segment_begins_after_the_last_change(
    files: StateFiles, ops: RecordingOps
) -> None:
    loaded = load(files, ops)
    begun = Loaded(
        loaded.document, 3, loaded.checksum, findings=[Finding(files.mirror(3), "it is old")]
    )
    repair.repair(files, ops, begun)
    assert files.journal.read_bytes() == encode_header(4, loaded.checksum).line
    assert files.mirror(4).read_bytes() == files.journal.read_bytes()
    assert not files.mirror(3).exists()


def test_a_state_without_a_change_gets_no_checkpoint(tmp_path: Path, ops: RecordingOps) -> None:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    files.journal.write_bytes(encode_header(1, GENESIS).line)
    repair.repair(files, ops, load(files, ops))
    assert sorted(path.name for path in files.folder.iterdir()) == [
        "backups",
        "journal.jsonl",
        "quarantine",
    ]
    assert list(files.checkpoints()) == []


def lose(files: StateFiles, first: int, line: int) -> None:
    for path in (files.journal, files.mirror(first)):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:line], *lines[line + 1 :]]))


def test_a_restart_writes_what_is_certain_before_it_moves_the_journals(
    store: StateStore, ops: RecordingOps
) -> None:
    seal(store)
    put(store, "d", "e", "f")
    files = store.files
    lose(files, 4, 1)
    loaded = load(files, ops)
    assert loaded.gap == Gap(4, 4, (5, 6), ("e", "f"))
    with capture_logs() as logs:
        repair.restart(files, ops, loaded)
    assert ops.done == [
        *written("backups/state-000000000006.json", "state.json"),
        *QUARANTINE,
        f"move {AWAY}journal-000000000004.jsonl",
        f"move {AWAY}journal.jsonl",
        "sync quarantine",
        *written("backups/journal-000000000007.jsonl", "journal.jsonl"),
    ]
    data = encode(loaded.document, 6, GENESIS)
    assert files.state.read_bytes() == files.backup(6).read_bytes() == data
    assert loaded == Loaded(
        document=loaded.document,
        sequence=6,
        checksum=GENESIS,
        checkpoint_sequence=6,
        checkpoint_size=len(data),
        header=encode_header(7, GENESIS),
    )
    assert list(loaded.document["features"]) == ["a", "b", "c"]
    assert list(files.segments()) == [1, 3, 7]
    assert logs == [{"event": "history_restarted", "log_level": "warning", "sequence": 6}]
    assert load(files, ops).findings == []


def test_a_restart_moves_the_first_segment_too_where_what_is_certain_is_in_it(
    tmp_path: Path, ops: RecordingOps
) -> None:
    store = StateStore(tmp_path)
    put(store, "a", "b", "c", "d")
    lose(store.files, 1, 3)
    repair.restart(store.files, ops, load(store.files, ops))
    assert list(store.files.segments()) == [5]


def test_a_restart_without_a_header_leaves_sealed_segments_where_they_are(
    tmp_path: Path, ops: RecordingOps
) -> None:
    store = StateStore(tmp_path)
    for names in ("a", "bc"):
        put(store, *names)
        seal(store)
    loaded = load(store.files, ops)
    loaded.header, loaded.gap = None, Gap(4, 4, (), ())
    repair.restart(store.files, ops, loaded)
    assert (loaded.sequence, loaded.active_bytes) == (4, encode_header(5, GENESIS).line)
    assert f"move {AWAY}journal.jsonl" in ops.done
    assert list(store.files.segments()) == [1, 2, 5]


def test_nothing_is_restarted_where_no_change_is_lost(files: StateFiles, ops: RecordingOps) -> None:
    repair.restart(files, ops, load(files, ops))
    assert ops.done == []


def head_of(files: StateFiles) -> Head:
    return Head.of(load(files, OsFileOps()))


def test_what_a_process_knows_is_put_back_as_a_backup(files: StateFiles, ops: RecordingOps) -> None:
    head = head_of(files)
    for path in files.backups.iterdir():
        path.unlink()
    files.backups.rmdir()
    with capture_logs() as logs:
        repair.restore_files(files, ops, head)
    assert ops.done == ["make backups", *written("backups/state-000000000003.json")]
    assert files.backup(3).read_bytes() == encode(head.document, 3, head.checksum)
    assert logs == [
        {
            "event": "state_restored",
            "log_level": "warning",
            "error_code": "E212",
            "path": str(files.root),
            "sequence": 3,
            "reason": "changes that it had were lost, and restored from memory",
        }
    ]


@pytest.mark.parametrize("refused", [False, True])
def test_what_other_files_took_the_place_of_is_kept_where_that_can_be_done(
    files: StateFiles, ops: RecordingOps, refused: bool
) -> None:
    def refuse(what: str) -> None:
        if refused:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    ops.before = refuse
    head, name = head_of(files), f"{AWAY}state-000000000003.json"
    with capture_logs() as logs:
        repair.keep_replaced(files, ops, head, Loaded({"id": "another"}))
    assert ops.done == ([] if refused else [*QUARANTINE, *written(name)])
    place = files.folder / name
    assert place.exists() is not refused
    assert refused or place.read_bytes() == encode(head.document, 3, head.checksum)
    said: list[dict[str, object]] = [
        {
            "event": "replaced_state_not_kept",
            "log_level": "warning",
            "path": str(place),
            "reason": "[Errno 5] Input/output error",
        },
        {
            "event": "state_replaced",
            "log_level": "warning",
            "error_code": "E211",
            "path": str(files.root),
            "sequence": 3,
            "kept": str(place),
        },
    ]
    assert logs == (said if refused else said[1:])


def test_a_history_that_is_begun_gets_a_number_that_was_never_given(
    files: StateFiles, ops: RecordingOps
) -> None:
    files.state.write_bytes(b"{")
    files.mirror(1).unlink()
    files.backup(2).write_bytes(b"[")
    whole = encode({"id": "p", "features": {}}, 1, GENESIS)
    files.backup(1).write_bytes(whole)
    document = {"id": "q", "features": {"z": {"id": "z"}}}
    with capture_logs() as logs:
        made = repair.start_over(files, ops, document)
    assert ops.done == [
        "make backups",
        *written("backups/state-000000000004.json"),
        *QUARANTINE,
        f"move {AWAY}state.json",
        f"move {AWAY}journal.jsonl",
        f"move {AWAY}journal-000000000003.jsonl",
        f"move {AWAY}state-000000000002.json",
        "sync quarantine",
        *written("state.json", "backups/journal-000000000005.jsonl", "journal.jsonl"),
    ]
    data = encode(document, 4, GENESIS)
    assert files.state.read_bytes() == files.backup(4).read_bytes() == data
    assert files.backup(1).read_bytes() == whole
    assert made == Loaded(
        document=document,
        sequence=4,
        checkpoint_sequence=4,
        checkpoint_size=len(data),
        header=encode_header(5, GENESIS),
    )
    assert files.journal.read_bytes() == files.mirror(5).read_bytes() == made.active_bytes
    assert logs == [{"event": "history_restarted", "log_level": "warning", "sequence": 4}]


@pytest.mark.parametrize(("records", "number"), [(0, 1), (2, 3)])
def test_the_number_after_the_last_record_of_the_journal_begins_a_history(
    tmp_path: Path, ops: RecordingOps, records: int, number: int
) -> None:
    files = StateFiles(tmp_path)
    files.folder.mkdir()
    files.state.write_bytes(b"{")
    change = Change(at="now", operation="put", actor="t", correlation_id="c", changes=[])
    lines = [encode_record(sequence + 1, "", change).line for sequence in range(records)]
    files.journal.write_bytes(b"".join(lines))
    assert len(scan(b"".join(lines)).records) == records
    assert repair.start_over(files, ops, {"features": {}}).sequence == number


def test_a_file_that_cannot_be_read_does_not_hinder_a_history_from_being_begun(
    tmp_path: Path, ops: RecordingOps
) -> None:
    files = StateFiles(tmp_path)
    files.journal.mkdir(parents=True)
    repair.start_over(files, ops, {"features": {}})
    assert (files.folder / f"{AWAY}journal.jsonl").is_dir()
    assert load(files, ops).findings == []


def test_a_state_from_before_the_journal_becomes_its_first_record(
    tmp_path: Path, ops: RecordingOps
) -> None:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    original = b'{"id": "p", "features": [{"id": "a"}]}'
    files.state.write_bytes(original)
    files.mirror(7).write_bytes(encode_header(7, "left").line)
    loaded = load(files, ops)
    assert loaded.legacy is not None
    document = {"id": "p", "features": {"a": {"id": "a"}}}
    with capture_logs() as logs:
        repair.migrate(files, ops, loaded, document)
    assert ops.done == written(
        "backups/state-versionless.json",
        "backups/journal-000000000001.jsonl",
        "journal.jsonl",
        "state.json",
    )
    assert (files.backups / "state-versionless.json").read_bytes() == original
    record = encode_record(
        1,
        "",
        Change(
            at=NOW.isoformat(),
            operation="migrate_state",
            actor="cde",
            correlation_id="",
            changes=[{"op": "add", "path": "", "value": document}],
        ),
    )
    data = encode(document, 1, record.checksum)
    assert loaded == Loaded(
        document=document,
        sequence=1,
        checksum=record.checksum,
        checkpoint_sequence=1,
        checkpoint_size=len(data),
        header=encode_header(1, ""),
        active=[record],
    )
    assert files.journal.read_bytes() == files.mirror(1).read_bytes() == loaded.active_bytes
    assert files.state.read_bytes() == data
    assert logs == [
        {"event": "state_migrated", "log_level": "info", "path": str(files.state), "features": 1}
    ]
