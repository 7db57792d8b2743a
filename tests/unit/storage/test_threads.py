"""Readers and writers of one process, and of several, beside each other."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import CDEError, StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage import maintenance
from cde_orchestrator.storage.format.json_patch import Document, Patch

DAY = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    repository = FilesystemProjectRepository()
    repository.get_or_create(tmp_path)
    with repository.transaction(tmp_path) as project:
        project.activate()
        project.start_feature("Do it", name="first")
    return tmp_path


@pytest.fixture
def repository(root: Path) -> FilesystemProjectRepository:
    return FilesystemProjectRepository(lock_timeout_seconds=5.0)


def start(repository: FilesystemProjectRepository, root: Path, name: str) -> None:
    with repository.transaction(root) as project:
        project.start_feature(f"Do {name}", name=name)


@pytest.mark.parametrize(
    "reader", ["this process", "another one", "another one, for the first time"]
)
def test_a_reader_does_not_wait_for_a_slow_change(
    repository: FilesystemProjectRepository, root: Path, reader: str
) -> None:
    other = repository if reader == "this process" else FilesystemProjectRepository()
    if reader != "another one, for the first time":
        other.get(root)
    read: list[list[str]] = []

    def look() -> None:
        read.append([feature.name for feature in other.get(root).features])
        read.append([entry.operation for entry in other.history(root, 1)])
        read.append([other.state_at(root)[1]["name"]])

    start(repository, root, "second")
    with repository.transaction(root) as project:
        project.start_feature("Not there yet", name="third")
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(60)  # it would not wait for the lock for so long
        assert read == [["first", "second"], ["transaction"], [root.name]]


def test_a_reader_behind_a_writer_sees_what_was_committed_and_nothing_else(root: Path) -> None:
    seen: list[list[str]] = []

    class LookingOps(OsFileOps):
        def fdatasync(self, descriptor: int) -> None:
            super().fdatasync(descriptor)
            seen.append([feature.name for feature in reader.get(root).features])

    reader = FilesystemProjectRepository()
    reader.get(root)
    writer = FilesystemProjectRepository(LookingOps())
    start(writer, root, "second")
    assert seen[0] == ["first"]
    with FilesystemProjectRepository().transaction(root):
        assert [feature.name for feature in reader.get(root).features] == ["first", "second"]


def test_what_was_read_behind_a_writer_is_not_loaded_again_for_a_change(root: Path) -> None:
    class CountingOps(OsFileOps):
        whole = 0

        def read(self, path: Path, offset: int = 0) -> bytes:
            self.whole += not offset
            return super().read(path, offset)

    ops = CountingOps()
    reader, writer = FilesystemProjectRepository(ops), FilesystemProjectRepository()
    start(reader, root, "second")
    start(writer, root, "third")
    with writer.transaction(root):
        assert len(reader.get(root).features) == 3
    before = ops.whole
    start(reader, root, "fourth")
    assert ops.whole == before
    assert [each.name for each in writer.get(root).features][-1] == "fourth"


def test_a_reader_follows_behind_a_writer_into_a_new_segment(root: Path) -> None:
    reader, writer = FilesystemProjectRepository(), FilesystemProjectRepository()
    reader.get(root)
    start(writer, root, "second")
    writer.compact(root)
    start(writer, root, "third")
    with writer.transaction(root):
        names = [feature.name for feature in reader.get(root).features]
    assert names == ["first", "second", "third"]


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_switches")
def test_readers_walk_over_the_features_while_another_thread_adds_some(
    repository: FilesystemProjectRepository, root: Path
) -> None:
    done = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        for number in range(60):
            start(repository, root, f"more-{number}")
        done.set()

    def read() -> None:
        try:
            while not done.is_set():
                repository.state_at(root)
                repository.history(root, 3)
                for feature in repository.get(root).features:
                    assert repository.get(root).features.has_name(feature.name)
        except (RuntimeError, AssertionError, KeyError, CDEError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for work in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(repository.get(root).features) == 61


def test_a_snapshot_stays_as_it_is(repository: FilesystemProjectRepository, root: Path) -> None:
    store = repository._existing(root)
    number, document = store.snapshot()
    start(repository, root, "second")
    assert (number, len(document["features"])) == (number, 1)
    assert store.snapshot()[0] == number + 1


class WatchedNames(dict[str, str]):
    """Names by which somebody looks at each moment of a change."""

    def __init__(self, content: dict[str, str], wanted: str) -> None:
        super().__init__(content)
        self.wanted = wanted
        self.missed = 0

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self.missed += self.wanted not in self


def test_a_lookup_never_misses_a_feature_that_is_only_changed() -> None:
    def feature(key: str, name: str) -> Document:
        moments = {"created_at": DAY, "updated_at": DAY, "current_phase": None}
        return {"id": key, "name": name, "status": "defining", "metadata": {}, **moments}

    index = FeatureIndex()
    document: Document = {"features": {"1": feature("1", "a")}}
    index.follow(document, None)
    index._names = names = WatchedNames(index._names, "a")
    changes: Patch = [{"op": "add", "path": "/features/1/status", "value": "designing"}]
    index.follow(document, changes)
    assert names.missed == 0
    document["features"]["1"] = feature("1", "b")
    names.wanted = "b"
    index.follow(document, changes)
    assert (names.missed, index.id_of("a"), index.id_of("b")) == (0, None, "1")


@pytest.mark.parametrize("call", ["transaction", "save", "restore", "compact"])
def test_a_state_that_is_deleted_before_the_lock_is_had_is_put_back(
    repository: FilesystemProjectRepository, root: Path, call: str
) -> None:
    calls = calls_after_which(repository, root, lambda: shutil.rmtree(root / ".cde"))
    calls[call]()
    made = {"transaction": ["first", "second"], "save": ["first", "late"]}.get(call, ["first"])
    assert names_in(FilesystemProjectRepository(), root) == made
    assert names_in(repository, root) == made


@pytest.mark.parametrize("call", ["transaction", "save", "restore", "compact"])
def test_another_folder_at_the_path_before_the_lock_is_had_holds_no_project(
    repository: FilesystemProjectRepository, root: Path, call: str
) -> None:
    def exchange() -> None:
        root.rename(root.with_name(f"{root.name}-elsewhere"))
        root.mkdir()

    calls = calls_after_which(repository, root, exchange)
    with pytest.raises(CDEError) as caught:
        calls[call]()
    assert caught.value.code == "E004"


def calls_after_which(
    repository: FilesystemProjectRepository, root: Path, happen: Callable[[], object]
) -> dict[str, Callable[[], object]]:
    """Calls that find the files as they were, until they wait for the lock."""
    project = repository.get(root)
    project.start_feature("Too late", name="late")
    _, document = repository.state_at(root)
    store = repository._existing(root)
    refresh = store.refresh

    def refresh_then_happen() -> None:
        refresh()
        store.refresh = refresh  # type: ignore[method-assign]
        happen()

    def save() -> None:
        happen()
        repository.save(project)

    store.refresh = refresh_then_happen  # type: ignore[method-assign]
    return {
        "transaction": lambda: start(repository, root, "second"),
        "save": save,
        "restore": lambda: repository.restore(root, document),
        "compact": lambda: repository.compact(root),
    }


def names_in(repository: FilesystemProjectRepository, root: Path) -> list[str]:
    return [feature.name for feature in repository.get(root).features]


def test_a_state_that_is_deleted_during_a_change_takes_no_record(
    repository: FilesystemProjectRepository, root: Path
) -> None:
    def change() -> None:
        with repository.transaction(root) as project:
            project.start_feature("On what ground", name="groundless")
            shutil.rmtree(root / ".cde")

    with pytest.raises(StateError) as caught:
        change()
    assert caught.value.code == "E203"
    assert not (root / ".cde" / "journal.jsonl").exists()
    assert names_in(repository, root) == ["first"]


def test_a_change_that_is_on_disk_is_never_told_as_failed(
    repository: FilesystemProjectRepository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        if path.name == "journal.jsonl":
            raise PermissionError(1, os.strerror(1), str(path))
        return real(path)

    with repository.transaction(root) as project:
        project.start_feature("Do it", name="second")
        monkeypatch.setattr(Path, "lstat", lstat)
    monkeypatch.undo()
    names = [feature.name for feature in FilesystemProjectRepository().get(root).features]
    assert names == ["first", "second"]
    start(repository, root, "third")
    assert len(repository.get(root).features) == 3


def test_what_fails_after_sealing_does_not_fail_the_change(
    repository: FilesystemProjectRepository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> list[Path]:
        raise PermissionError(1, os.strerror(1), "backups")

    monkeypatch.setattr(maintenance, "SEAL_AFTER_BYTES", 10)
    monkeypatch.setattr(maintenance, "prune", refuse)
    for number in range(4):
        start(repository, root, f"more-{number}")
    assert len(FilesystemProjectRepository().get(root).features) == 5
    assert FilesystemProjectRepository().verify(root) == []
