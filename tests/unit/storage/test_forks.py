"""Which of two histories is followed, and what is kept of the other one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage import forks, repair
from cde_orchestrator.storage.archive import StateArchive
from cde_orchestrator.storage.forks import Fork, Side, find_fork, keep_side, kept_sides, notice
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Change, encode_record, scan
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.loader import load
from cde_orchestrator.storage.store import StateStore
from tests.state_stores import change, seal

OPS = OsFileOps()


def put(store: StateStore, *names: str) -> None:
    for name in names:
        value: object = {"id": name}
        path = f"/features/{name}"
        if name == "project":
            path, value = "", {"id": "p", "features": {}}
        changes: Patch = [{"op": "add", "path": path, "value": value}]
        change(store, changes)


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    """A project with one feature, and a copy of it with another one of its own."""
    made = StateStore(tmp_path / "one")
    made.files.root.mkdir()
    put(made, "project", "base")
    made.close()
    shutil.copytree(made.files.root, tmp_path / "other")
    put(made, "here")
    return made


@pytest.fixture
def other(store: StateStore, tmp_path: Path) -> StateStore:
    made = StateStore(tmp_path / "other")
    put(made, "there")
    return made


def features(side: Side) -> str:
    return " ".join(side.document["features"])


def found(files: StateFiles) -> Fork:
    fork = find_fork(files, OPS)
    assert fork is not None
    return fork


def test_the_journal_that_somebody_put_there_is_followed(
    store: StateStore, other: StateStore
) -> None:
    shutil.copyfile(other.files.journal, store.files.journal)
    fork = found(store.files)
    assert features(fork.followed) == "base there"
    (side,) = fork.others
    assert features(side) == "base here"
    last = scan(store.files.mirror(1).read_bytes()).records[-1]
    assert (side.sequence, side.checksum) == (3, last.checksum)
    assert side.trail == (last.checksum[:8],)
    assert side.origin == (2, last.previous)
    assert fork.moved == []
    assert fork.rewritten == {
        store.files.mirror(1): other.files.journal.read_bytes(),
    }


def test_where_one_journal_has_both_the_side_of_the_vault_is_followed(
    store: StateStore, other: StateStore
) -> None:
    lines = other.files.journal.read_bytes().splitlines(keepends=True)
    with store.files.journal.open("ab") as file:
        file.write(b"=======\n" + lines[-1] + b">>>>>>> theirs\n")
    fork = found(store.files)
    assert features(fork.followed) == "base here"
    assert [features(side) for side in fork.others] == ["base there"]
    assert fork.rewritten[store.files.journal] == store.files.mirror(1).read_bytes()


def test_a_side_that_was_found_before_is_not_followed(store: StateStore, other: StateStore) -> None:
    there = other.files.journal.read_bytes()
    shutil.copyfile(other.files.journal, store.files.mirror(1))
    store.close()
    StateStore(store.files.root).refresh()
    assert [each.sequence for each in store.files.sides().values()] == [3]
    store.files.journal.write_bytes(there)
    fork = found(store.files)
    assert features(fork.followed) == "base here"
    again = StateStore(store.files.root)
    again.refresh()
    assert " ".join(again.document["features"]) == "base here"
    assert len(store.files.sides()) == 1


def test_a_side_that_went_on_takes_the_place_of_what_was_kept_of_it(
    store: StateStore, other: StateStore
) -> None:
    side = Side({"id": "p", "features": {}}, 5, "a" * 32, ("aaaaaaaa", "bbbbbbbb"))
    kept = keep_side(store.files, OPS, side, 3)
    assert keep_side(store.files, OPS, Side({}, 4, "b" * 32), 3) == kept
    assert keep_side(store.files, OPS, side, 3) == kept
    longer = Side(side.document, 6, "c" * 32, ("cccccccc", *side.trail))
    with capture_logs() as logs:
        later = keep_side(store.files, OPS, longer, 3)
    assert list(store.files.sides()) == [later]
    (said,) = [each for each in logs if each["event"] == "state_forked"]
    assert (said["sequence"], said["other"], said["kept"]) == (3, 6, str(later))
    forks.close_side(store.files, OPS, later.name)
    assert [each.is_open for each in store.files.sides().values()] == [False]
    assert forks.close_side(store.files, OPS, later.name)
    assert not forks.close_side(store.files, OPS, "fork-000000000009-00000000.json")


def test_a_past_that_ends_in_another_history_is_another_side(
    store: StateStore, other: StateStore
) -> None:
    for each in (store, other):
        seal(each)
        put(each, "after")
    shutil.copyfile(other.files.state, store.files.state)
    shutil.copyfile(other.files.journal, store.files.journal)
    fork = found(store.files)
    assert features(fork.followed) == "base there after"
    (side,) = fork.others
    assert (features(side), side.origin) == ("base here after", None)
    assert store.files.backup(3) in fork.moved


def test_a_later_state_without_the_features_of_an_earlier_one_is_another_history(
    store: StateStore, other: StateStore
) -> None:
    put(other, "more", "and more")
    other.close()
    shutil.copyfile(other.files.state, store.files.state)
    fork = found(store.files)
    assert features(fork.followed) == "base here"
    assert [features(side) for side in fork.others] == ["base there more and more"]


def test_a_later_state_with_all_of_an_earlier_one_is_followed_as_after_any_loss(
    store: StateStore,
) -> None:
    before = store.files.journal.read_bytes()
    put(store, "more", "and more")
    store.close()
    for path in (store.files.journal, store.files.mirror(1)):
        path.write_bytes(before)
    assert find_fork(store.files, OPS) is None
    fresh = StateStore(store.files.root)
    fresh.refresh()
    assert fresh.sequence == 5


def test_records_that_cannot_be_put_together_leave_the_other_side_in_force(
    store: StateStore, other: StateStore
) -> None:
    seal(other)
    put(other, "more")
    seal(store)
    put(store, "own")
    with store.files.journal.open("ab") as file:
        file.write(other.files.journal.read_bytes())
    fork = found(store.files)
    assert (features(fork.followed), fork.others) == ("base here own", [])
    fresh = StateStore(store.files.root)
    with capture_logs() as logs:
        fresh.refresh()
    assert "fork_not_rebuilt" in {each["event"] for each in logs}
    assert " ".join(fresh.document["features"]) == "base here own"
    assert fresh.archive().verify() == []


def test_one_history_is_no_fork_whatever_is_damaged(store: StateStore) -> None:
    assert find_fork(store.files, OPS) is None
    put(store, "c", "d", "e")
    whole = store.files.journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    damages: list[Callable[[Path], object]] = [
        Path.unlink,
        lambda path: path.write_bytes(b"".join(lines[:4])),
        lambda path: path.write_bytes(b"".join([*lines[:3], *lines[4:]])),
        lambda path: path.write_bytes(b"".join(lines[2:])),
        lambda path: path.write_bytes(whole.replace(b'"e"', b'"f"')),
        lambda path: path.write_bytes(b""),
    ]
    for damage in damages:
        for paths in ([store.files.journal], [store.files.mirror(1)], None):
            for path in paths or [store.files.journal, store.files.mirror(1)]:
                damage(path)
            assert find_fork(store.files, OPS) is None
            for path in (store.files.journal, store.files.mirror(1)):
                path.write_bytes(whole)


def test_a_record_that_does_not_fit_is_damage(store: StateStore, other: StateStore) -> None:
    previous = scan(other.files.journal.read_bytes()).records[-1].previous
    gone: Patch = [{"op": "remove", "path": "/features/nobody"}]
    change = Change(at="now", operation="put", actor="t", correlation_id="c", changes=gone)
    with store.files.journal.open("ab") as file:
        file.write(encode_record(3, previous, change).line)
    assert find_fork(store.files, OPS) is None


def test_a_fork_is_parted_again_where_that_was_cut_short(
    store: StateStore, other: StateStore
) -> None:
    seal(store)
    put(store, "own")
    for name in ("journal", "state"):
        shutil.copyfile(getattr(other.files, name), getattr(store.files, name))
    whole = {path: path.read_bytes() for path in store.files.root.rglob("*") if path.is_file()}
    vault = store.files.backups
    kept = {path: path.read_bytes() for path in vault.iterdir()}
    for steps in range(40):
        for folder in (store.files.quarantine, vault):
            shutil.rmtree(folder, ignore_errors=True)
        vault.mkdir()
        for path, data in {**kept, **whole}.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        ops = Failing(steps)
        loaded = load(store.files, OPS)
        assert loaded.fork is not None
        with suppress(OSError):
            repair.part_fork(store.files, ops, loaded.fork)
        fresh = StateStore(store.files.root)
        fresh.refresh()
        sides = [found.document["features"] for found in kept_sides(store.files, OPS).values()]
        assert " ".join(fresh.document["features"]) == "base there"
        assert ["base", "here", "own"] in [list(each) for each in sides]
        assert fresh.read_only is None
        assert fresh.archive().verify() == []
        if ops.left > 0:
            break
    else:
        pytest.fail("it never came to its end")


class Failing(OsFileOps):
    """The disk goes away after some operations."""

    def __init__(self, left: int) -> None:
        self.left = left

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def create(self, path: Path) -> int:
        self._count()
        return super().create(path)

    def replace(self, source: Path, target: Path) -> None:
        self._count()
        super().replace(source, target)

    def unlink(self, path: Path) -> None:
        if not path.name.endswith(".tmp"):
            self._count()
        super().unlink(path)


def test_what_somebody_has_to_decide_about_is_one_line(
    store: StateStore, other: StateStore
) -> None:
    assert notice(store.files, OPS) is None
    shutil.copyfile(other.files.journal, store.files.journal)
    StateStore(store.files.root).refresh()
    (path,) = store.files.sides()
    words = notice(store.files, OPS)
    assert words is not None
    assert words.startswith("fork: ")
    assert f"cde state merge {path.name}" in words
    path.write_bytes(b"{")
    assert notice(store.files, OPS) is None


class Deciding(OsFileOps):
    """Somebody decides about a side right after it is read."""

    def __init__(self, files: StateFiles) -> None:
        self.files = files

    def read(self, path: Path, offset: int = 0) -> bytes:
        data = super().read(path, offset)
        if path.name.startswith("fork-"):
            forks.close_side(self.files, OPS, path.name)
        return data


def test_a_side_may_be_decided_about_while_the_sides_are_listed(store: StateStore) -> None:
    side = Side({"id": "p", "features": {}}, 5, "a" * 32)
    path = keep_side(store.files, OPS, side, 3)
    (*_, listed) = StateArchive(store.files, Deciding(store.files)).backups()
    assert listed.file == path.name
    assert listed.fork is not None
    assert listed.fork.is_open
    (*_, later) = StateArchive(store.files, OPS).backups()
    assert later.fork is not None
    assert not later.fork.is_open


class Counting(OsFileOps):
    """Counts which sides are read, to be decoded."""

    def __init__(self) -> None:
        self.decoded: list[str] = []

    def read(self, path: Path, offset: int = 0) -> bytes:
        if path.name.startswith(("fork-", "side-")):
            self.decoded.append(path.name)
        return super().read(path, offset)


def test_only_an_open_side_is_decoded_for_the_notice_and_once(store: StateStore) -> None:
    ops = Counting()
    kept = [
        keep_side(store.files, OPS, Side({"id": "p", "features": {}}, number, mark * 32), 3)
        for number, mark in ((5, "a"), (6, "b"))
    ]
    forks.close_side(store.files, OPS, kept[0].name)
    said = {notice(store.files, ops) for _ in range(3)}
    assert ops.decoded == [kept[1].name]
    (words,) = said
    assert words is not None
    assert kept[1].name in words
    kept[1].write_bytes(kept[1].read_bytes() + b" ")
    assert notice(store.files, ops) is None
    assert ops.decoded == [kept[1].name] * 2
    forks.close_side(store.files, OPS, kept[1].name)
    assert notice(store.files, ops) is None
    assert len(ops.decoded) == 2
