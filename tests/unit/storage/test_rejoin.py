"""What is made again of a history that went on elsewhere, and what is left as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file
from cde_orchestrator.storage import repair
from cde_orchestrator.storage.format.checkpoint import encode
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Change, Record, encode_header, encode_record
from cde_orchestrator.storage.format.json_patch import Document, Patch, apply
from cde_orchestrator.storage.format.segment import Segment
from cde_orchestrator.storage.head import Head
from cde_orchestrator.storage.loader import Loaded, load

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
BASE: Document = {
    "id": "p",
    "name": "n",
    "features": {"a": {"id": "a", "status": "open"}, "b": {"id": "b", "status": "open"}},
}


@pytest.fixture
def ops(monkeypatch: pytest.MonkeyPatch) -> OsFileOps:
    monkeypatch.setattr(repair, "utc_now", lambda: NOW)
    return OsFileOps()


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    made = StateFiles(tmp_path)
    made.backups.mkdir(parents=True)
    return made


def a_record(sequence: int, previous: str, changes: Patch) -> Record:
    change = Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
    return encode_record(sequence, previous, change)


def restore_files(
    files: StateFiles, changes: Patch, base: Document | None = None, at: int = 5
) -> Loaded:
    """The files of a history that was put back at a change, and went on with another one."""
    document, ops = base or BASE, OsFileOps()
    data = encode(document, at, "known")
    for path in (files.backup(at), files.state):
        replace_file(ops, path, data)
    line = a_record(at + 1, "known", changes).line
    Segment(files, ops).rewrite(encode_header(at + 1, "known").line + line, at + 1)
    loaded = load(files, ops)
    assert (loaded.sequence, loaded.findings) == (at + 1, [])
    return loaded


def a_head(changes: Patch, sequence: int = 9, first: int = 1) -> Head:
    """What a process knows that did not see the history put back."""
    return Head(apply(BASE, changes), sequence, "own", first, size=1)


THERE: Patch = [{"op": "add", "path": "/features/c", "value": {"id": "c"}}]
HERE: Patch = [
    {"op": "add", "path": "/features/a/status", "value": "closed"},
    {"op": "add", "path": "/features/d", "value": {"id": "d"}},
]


def test_what_only_this_process_has_is_made_again_as_one_change(
    files: StateFiles, ops: OsFileOps
) -> None:
    loaded = restore_files(files, THERE)
    before = list(loaded.active)
    with capture_logs() as logs:
        repair.rejoin(files, ops, loaded, a_head(HERE))
    record = encode_record(
        7,
        before[0].checksum,
        Change(
            at=NOW.isoformat(),
            operation="rejoin_history",
            actor="cde",
            correlation_id="",
            changes=HERE,
        ),
    )
    assert loaded.active == [*before, record]
    assert (loaded.sequence, loaded.checksum) == (7, record.checksum)
    assert loaded.document == apply(BASE, [*THERE, *HERE])
    assert files.journal.read_bytes() == files.mirror(6).read_bytes() == loaded.active_bytes
    again = load(files, ops)
    assert (again.document, again.active, again.findings) == (loaded.document, loaded.active, [])
    assert logs == [
        {"event": "history_rejoined", "log_level": "warning", "sequence": 7, "changes": 2}
    ]


@pytest.mark.parametrize(
    "there",
    [
        {"op": "add", "path": "/features/a/status", "value": "failed"},
        {"op": "add", "path": "/features/a/note", "value": "mine"},
        {"op": "remove", "path": "/features/a"},
    ],
)
def test_a_feature_that_was_changed_on_both_sides_stays_as_the_files_have_it(
    files: StateFiles, ops: OsFileOps, there: dict[str, str]
) -> None:
    loaded = restore_files(files, [there])
    repair.rejoin(files, ops, loaded, a_head(HERE))
    assert loaded.document == apply(BASE, [there, HERE[1]])
    assert loaded.active[-1].change.changes == HERE[1:]


def test_members_of_the_project_are_brought_together_one_by_one(
    files: StateFiles, ops: OsFileOps
) -> None:
    loaded = restore_files(files, [{"op": "add", "path": "/name", "value": "theirs"}])
    here: Patch = [
        {"op": "add", "path": "/name", "value": "mine"},
        {"op": "add", "path": "/status", "value": "active"},
    ]
    repair.rejoin(files, ops, loaded, a_head(here))
    assert (loaded.document["name"], loaded.document["status"]) == ("theirs", "active")


def unchanged(files: StateFiles, ops: OsFileOps, loaded: Loaded, head: Head) -> bool:
    before = files.marks(), loaded.sequence, list(loaded.active)
    with capture_logs() as logs:
        repair.rejoin(files, ops, loaded, head)
    return logs == [] and before == (files.marks(), loaded.sequence, loaded.active)


def test_where_the_files_have_it_all_nothing_is_written(files: StateFiles, ops: OsFileOps) -> None:
    loaded = restore_files(files, THERE)
    assert unchanged(files, ops, loaded, a_head([]))
    assert unchanged(files, ops, loaded, a_head(THERE))


@pytest.mark.parametrize(
    ("first", "sequence", "joins"),
    [(1, 6, True), (5, 6, True), (6, 9, False), (7, 9, False), (1, 5, False)],
)
def test_only_what_was_put_back_since_this_process_looked_is_joined(
    files: StateFiles, ops: OsFileOps, first: int, sequence: int, joins: bool
) -> None:
    loaded = restore_files(files, THERE)
    assert unchanged(files, ops, loaded, a_head(HERE, sequence, first)) is not joins


def test_another_project_is_not_joined(files: StateFiles, ops: OsFileOps) -> None:
    loaded = restore_files(files, THERE)
    head = a_head(HERE)
    head.document = {**head.document, "id": "q"}
    assert unchanged(files, ops, loaded, head)


def test_without_a_header_or_the_state_that_was_put_back_nothing_is_joined(
    files: StateFiles, ops: OsFileOps
) -> None:
    loaded = restore_files(files, THERE)
    header, loaded.header = loaded.header, None
    assert unchanged(files, ops, loaded, a_head(HERE))
    replace_file(ops, files.backup(0), encode(BASE, 0, ""))
    assert unchanged(files, ops, loaded, a_head(HERE, 9, 0))
    loaded.header = header
    files.backup(5).write_bytes(b"{")
    assert unchanged(files, ops, loaded, a_head(HERE))
    files.backup(5).unlink()
    assert unchanged(files, ops, loaded, a_head(HERE))


@pytest.mark.parametrize(("last", "joins"), [(4, True), (5, False)])
def test_a_state_whose_segment_was_sealed_was_not_put_back(
    files: StateFiles, ops: OsFileOps, last: int, joins: bool
) -> None:
    loaded = restore_files(files, THERE)
    lines = [a_record(sequence, "before", []).line for sequence in range(4, last + 1)]
    files.mirror(4).write_bytes(b"".join([encode_header(4, "before").line, *lines]))
    assert unchanged(files, ops, loaded, a_head(HERE)) is not joins


def test_the_segment_before_is_found_although_a_later_one_was_sealed(
    files: StateFiles, ops: OsFileOps
) -> None:
    loaded = restore_files(files, THERE)
    for first in (4, 5):
        line = a_record(first, "before", []).line
        files.mirror(first).write_bytes(encode_header(first, "before").line + line)
    assert unchanged(files, ops, loaded, a_head(HERE))


def test_a_history_that_was_put_back_at_its_first_change_is_joined(
    files: StateFiles, ops: OsFileOps
) -> None:
    loaded = restore_files(files, THERE, at=1)
    repair.rejoin(files, ops, loaded, a_head(HERE, sequence=2))
    assert (loaded.sequence, "d" in loaded.document["features"]) == (3, True)
