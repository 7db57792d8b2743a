"""The lock or the folder is removed at every system call of a change, and somebody comes then."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.storage.format.files import StateFiles
from tests.simulation.operations import UnsyncedOps
from tests.simulation.oracle import case, choices
from tests.simulation.workload import small_files
from tests.soak import SOAK

SYSTEM = ("posix", "fcntl", "_io")
EVERY = 1 if SOAK else 25
"""Of a sample, every how many calls; where it begins is random."""


@contextmanager
def at_call(number: int, deed: Callable[[], None]) -> Iterator[list[int]]:
    """Do it before the system call of this number; how many calls there were is in the list."""
    calls = [0]

    def watch(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and getattr(called, "__module__", None) in SYSTEM:
            calls[0] += 1
            if calls[0] == number:
                sys.setprofile(None)
                try:
                    deed()
                finally:
                    sys.setprofile(watch)

    sys.setprofile(watch)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def remove_lock(root: Path) -> None:
    StateFiles(root).lock.unlink(missing_ok=True)


def remove_folder(root: Path) -> None:
    shutil.rmtree(root / ".cde", ignore_errors=True)


def opened(lock_timeout_seconds: float = 5.0) -> FilesystemProjectRepository:
    """A process that does not wait for the disk."""
    return FilesystemProjectRepository(UnsyncedOps(), lock_timeout_seconds=lock_timeout_seconds)


class Project:
    """A project that several processes know, and what was acknowledged of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.acknowledged: list[str] = []
        self.attempted: list[str] = []
        self.lasting, self.other = opened(0.01), opened(0.01)
        self.lasting.get_or_create(root)
        with self.lasting.transaction(root) as project:
            project.activate()
        self.other.get(root)

    def change(self, repository: FilesystemProjectRepository) -> None:
        """Start a feature; where it is refused, with whichever code, nothing is acknowledged."""
        name = f"feature-{len(self.attempted)}"
        self.attempted.append(name)
        with suppress(CDEError):
            with repository.transaction(self.root) as project:
                project.start_feature("Do it", name=name)
            self.acknowledged.append(name)

    def check(self) -> None:
        fresh = opened()
        found = [feature.name for feature in fresh.get(self.root).features]
        assert not set(self.acknowledged) - set(found)
        assert not set(found) - set(self.attempted)
        assert fresh.verify(self.root) == []


@pytest.mark.parametrize("come", ["other", "fresh", "nobody"])
@pytest.mark.parametrize("deed", [remove_lock, remove_folder])
def test_nothing_acknowledged_is_lost_whatever_is_removed_in_the_middle_of_a_change(
    tmp_path: Path, deed: Callable[[Path], None], come: str
) -> None:
    (tmp_path / "project" / ".git").mkdir(parents=True)
    (tmp_path / "project" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    with small_files():  # so that checkpoints are written and segments sealed
        interrupted(Project(tmp_path / "project"), deed, come)


def interrupted(project: Project, deed: Callable[[Path], None], come: str) -> None:

    def interfere() -> None:
        deed(project.root)
        if come != "nobody":
            project.change(project.other if come == "other" else opened(0.01))

    number, last = choices(f"{deed.__name__} {come}").randint(1, EVERY), 0
    while number <= last or not last:
        with case(deed=deed.__name__, come=come, number=number):
            with at_call(number, interfere) as calls:
                project.change(project.lasting)
            last = max(last, calls[0])
            project.check()
        number += EVERY
    assert last > 60
    assert len(project.acknowledged) >= last // EVERY // 2
