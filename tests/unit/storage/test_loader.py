"""What a load tells of the files that it found damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.format import checkpoint
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import (
    GENESIS,
    Change,
    encode_header,
    encode_record,
    scan,
)
from cde_orchestrator.storage.format.json_patch import Document, Patch
from cde_orchestrator.storage.loader import IN_PLACE, Finding, Gap, Loaded, load
from cde_orchestrator.storage.store import StateStore
from tests.state_stores import put, seal


def made(root: Path, *names: str) -> StateStore:
    root.mkdir(exist_ok=True)
    store = StateStore(root)
    changes: Patch = [{"op": "add", "path": "", "value": {"id": "p", "features": {}}}]
    for name in names:
        changes = [
            *changes,
            {"op": "add", "path": f"/features/{name}", "value": {"id": name}},
        ]
        with store.exclusive():
            store.commit(
                Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
            )
        changes = []
    return store


def found(files: StateFiles) -> list[tuple[Path, str]]:
    return [(each.path, each.reason) for each in load(files, OsFileOps()).findings]


def test_a_copy_of_another_history_is_a_fork(tmp_path: Path) -> None:
    files = made(tmp_path / "one", "a", "b").files
    other = made(tmp_path / "other", "a", "c").files
    files.mirror(1).write_bytes(other.journal.read_bytes())

    assert found(files) == []
    fork = load(files, OsFileOps()).fork
    assert fork is not None
    assert [set(side.document["features"]) for side in (fork.followed, *fork.others)] == [
        {"a", "b"},
        {"a", "c"},
    ]


@pytest.mark.parametrize(("lost", "reason"), [(1, "it lacks 1 record"), (2, "it lacks 2 records")])
@pytest.mark.parametrize("copy", [lambda files: files.journal, lambda files: files.mirror(1)])
def test_a_copy_that_is_too_short_is_said_to_lack_its_last_records(
    tmp_path: Path, copy: Callable[[StateFiles], Path], lost: int, reason: str
) -> None:
    files = made(tmp_path, "a", "b", "c").files
    lines = copy(files).read_bytes().splitlines(keepends=True)
    copy(files).write_bytes(b"".join(lines[:-lost]))

    assert found(files) == [(copy(files), reason)]


def test_no_more_than_three_damaged_lines_are_listed(tmp_path: Path) -> None:
    files = made(tmp_path, "a", "b", "c", "d", "e").files
    lines = files.journal.read_bytes().splitlines(keepends=True)
    files.journal.write_bytes(b"".join([*lines[:2], *[b"{}\n"] * 4]))
    ((path, reason),) = found(files)

    assert path == files.journal
    assert len(reason.split("; ")) == 3
    assert reason == "line 3 is damaged; line 4 is damaged; line 5 is damaged"


def test_no_backup_is_read_where_the_state_file_is_whole_and_as_new(tmp_path: Path) -> None:
    store = made(tmp_path, "a", "b")
    with store.exclusive():
        store.compact()
    store.files.backup(2).write_bytes(b"not a checkpoint")

    assert found(store.files) == []
    store.files.state.unlink()
    assert store.files.backup(2) in [path for path, _ in found(store.files)]


def test_what_the_state_file_covers_need_not_be_written_to_it_again(tmp_path: Path) -> None:
    store = made(tmp_path, "a", "b")
    with store.exclusive():
        store.keep_backup()
    store.close()
    loaded = load(store.files, OsFileOps())

    assert (loaded.checkpoint_sequence, loaded.pending_bytes) == (2, 0)


class Reading(OsFileOps):
    """The system's operations, with the names of the files that were read."""

    def __init__(self) -> None:
        self.read_names: list[str] = []

    def read(self, path: Path, offset: int = 0) -> bytes:
        self.read_names.append(path.name)
        return super().read(path, offset)


def without_line(files: StateFiles, number: int, first: int = 1) -> None:
    """Take a line from both copies; the header is line 0."""
    for path in (files.journal, files.mirror(first)):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:number], *lines[number + 1 :]]))


def refused(files: StateFiles) -> tuple[str, dict[str, object]]:
    with pytest.raises(StateError) as caught:
        load(files, OsFileOps())
    return caught.value.code, dict(caught.value.context)


PUT = Change(at="now", operation="put", actor="t", correlation_id="c", changes=[])


def test_nothing_is_known_before_anything_is_loaded(tmp_path: Path) -> None:
    nothing = Loaded()
    assert (nothing.sequence, nothing.checksum) == (0, GENESIS)
    assert (nothing.checkpoint_sequence, nothing.checkpoint_size) == (0, 0)
    assert nothing.torn is False
    assert (nothing.header, nothing.legacy, nothing.gap, nothing.newer) == (None,) * 4
    begun = replace(nothing, header=encode_header(1, GENESIS))
    assert load(StateFiles(tmp_path), OsFileOps()) == begun


@pytest.mark.parametrize(
    ("loaded", "needs"),
    [
        (Loaded(), False),
        (Loaded(findings=[Finding(Path("a"), "")]), True),
        (Loaded(leftovers=[Path("a")]), True),
        (Loaded(torn=True), True),
        (Loaded(legacy={}), True),
        (Loaded(torn=True, newer=2), False),
        (Loaded(torn=True, gap=Gap(1, 1, (), ())), False),
        (Loaded(legacy={}, newer=2), False),
    ],
)
def test_what_needs_to_be_written_again(loaded: Loaded, needs: bool) -> None:
    assert loaded.needs_repair is needs


def test_why_no_change_may_be_built_on_a_state() -> None:
    assert Loaded().uncertainty is None
    assert (
        Loaded(newer=7).uncertainty
        == "the state is from a newer release (schema version 7): upgrade cde-orchestrator"
    )
    assert Loaded(gap=Gap(3, 4, (5,), ("a", "b"))).uncertainty == (
        "changes 3 to 4 are lost and 1 after them cannot be applied; they touch a, b; "
        "this is the state of change 2"
    )
    assert Loaded(gap=Gap(3, 3, (), ())).uncertainty == (
        "changes 3 to 3 are lost and 0 after them cannot be applied; they touch no feature; "
        "this is the state of change 2"
    )


def test_a_whole_state_is_loaded_from_its_files_and_nothing_else_is_read(tmp_path: Path) -> None:
    store = made(tmp_path, "a", "b")
    seal(store)
    put(store, "c")
    files, ops = store.files, Reading()
    found = scan(files.journal.read_bytes())
    assert load(files, ops) == Loaded(
        document={"id": "p", "features": {name: {"id": name} for name in "abc"}},
        sequence=3,
        checksum=found.records[0].checksum,
        checkpoint_sequence=2,
        checkpoint_size=files.state.stat().st_size,
        header=found.header,
        active=found.records,
    )
    assert sorted(ops.read_names) == [files.mirror(3).name, "journal.jsonl", "state.json"]


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
def test_without_a_checkpoint_sealed_segments_are_read_from_the_first_one_on(
    tmp_path: Path, names: str
) -> None:
    store = made(tmp_path, *names)
    seal(store)
    put(store, "z")
    files, last = store.files, len(names)
    files.state.unlink()
    files.backup(last).unlink()
    loaded = load(files, OsFileOps())
    assert "".join(loaded.document["features"]) == f"{names}z"
    assert (loaded.checkpoint_sequence, loaded.gap) == (0, None)
    assert [(each.path, each.reason) for each in loaded.findings] == [
        (files.state, "it is missing"),
        (files.backup(last), "it is missing"),
    ]


def test_a_backup_that_is_missing_after_later_checkpoints_is_not_missed(tmp_path: Path) -> None:
    store = made(tmp_path, "a")
    seal(store)
    put(store, "b")
    store.files.backup(2).write_bytes(store.files.backup(1).read_bytes())
    store.files.backup(1).unlink()
    assert found(store.files) == []


def test_each_copy_that_is_missing_is_found(tmp_path: Path) -> None:
    files = made(tmp_path, "a").files
    files.mirror(1).unlink()
    assert found(files) == [(files.mirror(1), "it is missing")]
    files.journal.unlink()
    both = [(files.journal, "it is missing"), (files.mirror(2), "it is missing")]
    assert found(files)[:2] == both


@pytest.mark.parametrize("kept", ["journal", "segment", "backup"])
def test_a_state_file_is_missed_where_anything_else_of_a_state_is(
    tmp_path: Path, kept: str
) -> None:
    store = made(tmp_path, "a", "b")
    files = store.files
    seal(store)
    keep = {"journal": files.journal, "segment": files.mirror(1), "backup": files.backup(2)}[kept]
    for path in (files.state, files.journal, *files.backups.iterdir()):
        if path != keep:
            path.unlink()
    if kept == "journal":
        assert refused(files) == (
            "E201",
            {"path": str(tmp_path), "reason": "state.json: it is missing"},
        )
    else:
        assert (files.state, "it is missing") in found(files)
        assert load(files, OsFileOps()).sequence == 2


def test_why_nothing_can_be_told_names_each_file(tmp_path: Path) -> None:
    files = made(tmp_path, "a").files
    files.state.write_bytes(b"[]")
    files.backup(1).write_bytes(b"7")
    for path in (files.journal, files.mirror(1)):
        path.write_bytes(b"damaged\n")
    assert refused(files) == (
        "E201",
        {
            "path": str(tmp_path),
            "reason": "state.json: it is not a JSON object; "
            "state-000000000001.json: it is not a JSON object",
        },
    )


def test_a_folder_in_place_of_a_backup_is_named(tmp_path: Path) -> None:
    store = made(tmp_path, "a")
    seal(store)
    store.files.state.unlink()
    store.files.backup(1).unlink()
    store.files.backup(1).mkdir()
    assert (store.files.backup(1), "a folder is in its place") in found(store.files)


def test_a_state_without_a_version_is_taken_where_nothing_else_is(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    files.state.write_bytes(b'{"id": "old"}')
    begun = encode_header(1, GENESIS)
    assert load(files, OsFileOps()) == Loaded(legacy={"id": "old"}, header=begun)
    files.backup(1).write_bytes(b"7")
    assert refused(files)[1]["reason"] == (
        "state.json: it has no schema_version; state-000000000001.json: it is not a JSON object"
    )
    files.backup(1).unlink()
    files.journal.write_bytes(encode_header(1, GENESIS).line)
    assert refused(files)[1]["reason"] == "state.json: it has no schema_version"


def newer(files: StateFiles, monkeypatch: pytest.MonkeyPatch, content: Document) -> None:
    monkeypatch.setattr(checkpoint, "SCHEMA_VERSION", 2)
    files.state.write_bytes(checkpoint.encode(content, 5, "x"))
    monkeypatch.undo()


def test_a_newer_state_of_the_known_shape_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = made(tmp_path, "a").files
    document = {"id": "p", "features": {"n": {"id": "n"}}}
    newer(files, monkeypatch, document)
    assert load(files, OsFileOps()) == Loaded(document=document, sequence=5, newer=2)


def test_a_newer_state_of_another_shape_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = made(tmp_path, "a").files
    newer(files, monkeypatch, {"features": {"n": {"name": "without an id"}}})
    with pytest.raises(StateError) as caught:
        load(files, OsFileOps())
    assert caught.value.code == "E202"
    assert caught.value.context == {"path": str(tmp_path), "found": 2, "supported": 1}
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("first", ["journal", "mirror"])
def test_half_a_line_at_the_end_of_a_copy_is_no_damage(tmp_path: Path, first: str) -> None:
    files = made(tmp_path, "a").files
    path = files.journal if first == "journal" else files.mirror(1)
    path.write_bytes(path.read_bytes() + b'{"sequence":2')
    loaded = load(files, OsFileOps())
    assert (loaded.torn, loaded.findings) == (True, [])
    path.write_bytes(path.read_bytes() + b"\n")
    loaded = load(files, OsFileOps())
    assert (loaded.torn, loaded.findings) == (False, [Finding(path, "line 3 is damaged")])


@pytest.mark.parametrize(
    ("unfinished", "is_lost"),
    [(("journal",), False), (("mirror",), False), (("journal", "mirror"), True)],
)
def test_both_copies_end_in_the_midst_of_a_record_only_where_it_was_whole_once(
    tmp_path: Path, unfinished: tuple[str, ...], is_lost: bool
) -> None:
    files = made(tmp_path, "a", "b").files
    copies = {"journal": files.journal, "mirror": files.mirror(1)}
    for name in unfinished:
        copies[name].write_bytes(copies[name].read_bytes()[:-9])

    loaded = load(files, OsFileOps())

    assert (loaded.needs_repair, loaded.is_end_lost) == (True, is_lost)


def test_a_record_that_does_not_fit_is_named(tmp_path: Path) -> None:
    files = made(tmp_path, "a").files
    last = scan(files.journal.read_bytes()).records[-1]
    bad: Patch = [{"op": "remove", "path": "/features/none"}]
    line = encode_record(2, last.checksum, replace(PUT, changes=bad)).line
    for path in (files.journal, files.mirror(1)):
        path.write_bytes(path.read_bytes() + line)
    with pytest.raises(StateError) as caught:
        load(files, OsFileOps())
    cause = caught.value.__cause__
    assert isinstance(cause, ValueError)
    assert caught.value.context == {
        "path": str(tmp_path),
        "reason": f"record 2 does not fit: {cause}",
    }


def test_a_history_without_its_first_change_cannot_be_told(tmp_path: Path) -> None:
    files = made(tmp_path, "a", "b", "c").files
    files.state.unlink()
    without_line(files, 1)
    assert refused(files) == ("E201", {"path": str(tmp_path), "reason": "changes 1 to 1 are lost"})


@pytest.mark.parametrize(
    ("lost", "gap"),
    [
        ([2], Gap(2, 2, (3, 4, 5), ("c", "d", "e"))),
        ([3, 2], Gap(2, 3, (4, 5), ("d", "e"))),
        ([4, 3], Gap(3, 4, (5,), ("e",))),
        ([5], None),
    ],
)
def test_a_gap_is_between_what_is_certain_and_the_next_whole_record(
    tmp_path: Path, lost: list[int], gap: Gap | None
) -> None:
    files = made(tmp_path, *"ab").files
    put(StateStore(tmp_path), *"cde")
    for number in lost:
        without_line(files, number)
    loaded = load(files, OsFileOps())
    assert loaded.gap == gap
    assert loaded.sequence == (min(lost) - 1)
    assert loaded.findings == ([] if gap else loaded.findings)


def test_a_record_that_names_another_predecessor_belongs_to_the_gap(tmp_path: Path) -> None:
    files = made(tmp_path, "a").files
    path_of: Patch = [
        {"op": "add", "path": "/name", "value": 1},
        {"op": "add", "path": "/features/f/x", "value": 1},
    ]
    strange = encode_record(2, "another", replace(PUT, changes=path_of))
    after = encode_record(3, strange.checksum, PUT)
    whole = files.journal.read_bytes()
    for lines, gap in [
        (strange.line, Gap(2, 2, (), ("f",))),
        (strange.line + after.line, Gap(2, 2, (3,), ("f",))),
    ]:
        for path in (files.journal, files.mirror(1)):
            path.write_bytes(whole + lines)
        loaded = load(files, OsFileOps())
        assert (loaded.sequence, loaded.gap) == (1, gap)


def test_a_journal_that_was_only_begun_is_empty_and_another_one_is_not(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    files.journal.write_bytes(encode_header(1, GENESIS).line)
    loaded = load(files, OsFileOps())
    assert (loaded.sequence, loaded.document) == (0, {})
    assert [each.path for each in loaded.findings] == [files.state, files.mirror(1)]
    files.journal.write_bytes(encode_header(2, GENESIS).line)
    assert refused(files)[1]["reason"] == "state.json: it is missing"
    files.journal.write_bytes(encode_header(1, GENESIS).line)
    files.state.write_bytes(b"[]")
    assert refused(files)[1]["reason"] == "state.json: it is not a JSON object"


def test_without_any_journal_the_next_segment_begins_after_the_checkpoint(tmp_path: Path) -> None:
    store = made(tmp_path, "a", "b")
    seal(store)
    for path in (store.files.journal, *store.files.segments().values()):
        path.unlink()
    loaded = load(store.files, OsFileOps())
    assert (loaded.active, loaded.header) == ([], encode_header(3, loaded.checksum))
    assert loaded.active_bytes == encode_header(3, loaded.checksum).line
    assert [(each.path.name, each.reason) for each in loaded.findings] == [
        ("journal.jsonl", "it is missing"),
        ("journal-000000000003.jsonl", "it is missing"),
    ]


def test_without_a_header_the_bytes_of_a_segment_begin_after_the_last_change() -> None:
    assert Loaded(sequence=2, checksum="x").active_bytes == encode_header(3, "x").line


def test_a_header_that_no_copy_has_is_written_from_the_first_record(tmp_path: Path) -> None:
    files = made(tmp_path, "a", "b").files
    header = scan(files.journal.read_bytes()).header
    files.state.unlink()
    without_line(files, 0)
    loaded = load(files, OsFileOps())
    assert (loaded.header, [each.sequence for each in loaded.active]) == (header, [1, 2])
    damaged = [files.state, files.journal, files.mirror(1)]
    assert [each.path for each in loaded.findings] == damaged


@pytest.mark.parametrize("lost", [None, 2])
def test_a_segment_that_lacks_what_the_checkpoint_covers_begins_after_it(
    tmp_path: Path, lost: int | None
) -> None:
    store = made(tmp_path, "a", "b", "c")
    with store.exclusive():
        store.keep_backup()
    store.close()
    put(StateStore(tmp_path), "d", "e")
    files = store.files
    records = scan(files.journal.read_bytes()).records
    if lost:
        without_line(files, lost)
    else:
        without_line(files, 0)
    loaded = load(files, OsFileOps())
    first = lost + 1 if lost else 4
    assert loaded.active == records[first - 1 :]
    assert loaded.header == encode_header(first, records[first - 1].previous)
    assert (loaded.sequence, loaded.checkpoint_sequence) == (5, 3)
    assert loaded.pending_bytes == sum(len(record.line) for record in records[3:])


def test_the_features_are_changed_in_place(tmp_path: Path) -> None:
    assert IN_PLACE == ("features",)
