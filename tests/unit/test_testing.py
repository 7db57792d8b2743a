"""The doubles that ship with the package behave as the real ones do."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import LockTimeoutError, ProjectError, StateError
from cde_orchestrator.testing import (
    FaultyFileOps,
    InMemoryProjectRepository,
    InMemoryStorage,
    ManualClock,
)


@pytest.fixture
def repository() -> InMemoryProjectRepository:
    return InMemoryProjectRepository()


def test_the_state_is_not_in_the_folder(
    repository: InMemoryProjectRepository, tmp_path: Path
) -> None:
    repository.get_or_create(tmp_path)

    assert [each.name for each in tmp_path.rglob("*")] == [".cde", "memory-key"]
    with pytest.raises(ProjectError):
        InMemoryProjectRepository().get(tmp_path)


def test_the_past_is_known(clock: ManualClock, tmp_path: Path) -> None:
    repository = InMemoryProjectRepository(clock=clock)
    repository.get_or_create(tmp_path)
    with repository.transaction(tmp_path) as project:
        project.activate()
    repository.compact(tmp_path)
    name = repository.backups(tmp_path)[0].file
    with repository.transaction(tmp_path) as project:
        feature = project.start_feature("Add auth")

    entries = repository.history(tmp_path, 9)
    assert [(each.sequence, each.at) for each in entries] == [
        (number, clock.now.isoformat()) for number in (3, 2, 1)
    ]
    assert [each.sequence for each in repository.history(tmp_path, 9, "add-auth")] == [3, 1]
    assert [each.sequence for each in repository.history(tmp_path, 9, "add-auth", 1)] == [3]
    assert repository.state_at(tmp_path, 1)[1]["status"] == "onboarding"
    assert [(each.file, each.features) for each in repository.backups(tmp_path)] == [(name, 0)]
    assert repository.repair(tmp_path) == []
    assert repository.verify(tmp_path) == []
    repository.restore(tmp_path, repository.backup(tmp_path, name), 3)
    assert [*repository.get(tmp_path).features] == []
    repository.restore(tmp_path, repository.state_at(tmp_path, 3)[1])
    assert repository.get(tmp_path).features[0] == feature
    assert repository.peek(tmp_path).features[0] == feature


def test_what_is_not_in_the_past_is_refused(
    repository: InMemoryProjectRepository, tmp_path: Path
) -> None:
    repository.get_or_create(tmp_path)
    refusals: dict[str, Callable[[], object]] = {
        "E208": lambda: repository.state_at(tmp_path, 2),
        "E209": lambda: repository.backup(tmp_path, "state-2.json"),
        "E211": lambda: repository.restore(tmp_path, repository.state_at(tmp_path)[1], 7),
    }
    for code, refused in refusals.items():
        with pytest.raises(StateError) as caught:
            refused()
        assert caught.value.code == code


def test_a_change_waits_for_another_one_no_longer_than_its_time(tmp_path: Path) -> None:
    storage = InMemoryStorage()
    one, other = (InMemoryProjectRepository(storage, lock_timeout_seconds=0) for _ in range(2))
    project = one.get_or_create(tmp_path)

    with one.transaction(tmp_path), pytest.raises(LockTimeoutError) as caught:
        other.save(project)

    assert caught.value.code == "E205"
    assert other.save(project) == []


def test_a_clock_shows_the_same_time_until_it_is_moved() -> None:
    clock = ManualClock()
    first, seconds = clock(), clock.monotonic()

    assert clock() == first
    assert clock.advance(90) == first + timedelta(seconds=90) == clock()
    assert clock.monotonic() == seconds + 90


def test_a_full_disk_takes_nothing_until_there_is_space(tmp_path: Path) -> None:
    ops = FaultyFileOps()
    descriptor = ops.create(tmp_path / "before")
    try:
        with ops.simulate_disk_full():
            assert ops.free_bytes(tmp_path) == 0
            writes: tuple[Callable[[], object], ...] = (
                lambda: ops.write(descriptor, b"x"),
                lambda: ops.create(tmp_path / "file"),
                lambda: ops.make_folder(tmp_path / "folder"),
            )
            for write in writes:
                with pytest.raises(OSError, match="space") as caught:
                    write()
                assert caught.value.errno == errno.ENOSPC
        assert ops.write(descriptor, b"x") == 1
    finally:
        ops.close(descriptor)
    assert ops.free_bytes(tmp_path) > 0
    assert [each.name for each in tmp_path.iterdir()] == ["before"]
