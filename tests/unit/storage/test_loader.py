"""What a load tells of the files that it found damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Change
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.loader import load
from cde_orchestrator.storage.store import StateStore


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


def test_a_copy_of_another_history_is_called_so(tmp_path: Path) -> None:
    files = made(tmp_path / "one", "a", "b").files
    other = made(tmp_path / "other", "a", "c").files
    files.mirror(1).write_bytes(other.journal.read_bytes())

    assert found(files) == [(files.mirror(1), "it holds another history")]


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
