"""What must hold after a fault: the state is that of an acknowledged or attempted change."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import structlog

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.infrastructure.system.file_ops import FileOps
from cde_orchestrator.storage import loader
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import GENESIS, Record, decode_records
from cde_orchestrator.storage.format.json_patch import apply
from tests.simulation.disk import Event, OnFile
from tests.simulation.operations import UnsyncedOps

SEED = int(os.environ.get("CDE_SIMULATION_SEED") or 20)
"""Every random choice comes from this; ``make soak`` takes a new one each time."""


def choices(name: str) -> Random:
    """The random choices of one test."""
    return Random(f"{SEED}/{name}")


@contextmanager
def case(**facts: object) -> Iterator[None]:
    """Tell which case failed, and how to replay it."""
    try:
        yield
    except BaseException as error:
        words = ", ".join(f"{key}={value}" for key, value in facts.items())
        error.add_note(f"case: {words}; replay with CDE_SIMULATION_SEED={SEED}")
        raise


def _drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


@contextmanager
def quiet() -> Iterator[None]:
    """Thousands of refusals are expected here, and are not to be printed."""
    before = structlog.get_config()
    warnings = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=warnings, processors=[_drop])
    yield
    structlog.configure(**before)


class Oracle:
    """Knows every change that was attempted, whether it was acknowledged or not."""

    def __init__(self) -> None:
        self._attempts: dict[str, Record] = {}
        self._states: dict[str, dict[str, Any]] = {GENESIS: {}}

    def learn(self, log: list[Event]) -> None:
        """Take over the attempts that a log tells of, those that were written in parts too."""
        written: dict[int, bytes] = {}
        for event in log:
            if isinstance(event, OnFile) and event.kind == "write":
                written[event.descriptor] = written.get(event.descriptor, b"") + event.data
            elif isinstance(event, OnFile) and event.kind == "close":
                for line in written.pop(event.descriptor, b"").splitlines(keepends=True):
                    for record in decode_records(line) or []:
                        self._attempts.setdefault(record.checksum, record)

    def state(self, checksum: str) -> dict[str, Any]:
        """The state right after the change with this checksum."""
        if checksum not in self._states:
            record = self._attempts[checksum]
            self._states[checksum] = apply(self.state(record.previous), record.change.changes)
        return self._states[checksum]

    def chain(self, checksum: str) -> list[str]:
        """A change and those before it."""
        found = [checksum]
        while found[-1] != GENESIS:
            found.append(self._attempts[found[-1]].previous)
        return found

    def judge(self, root: Path, acknowledged: str) -> str:
        """Open the project as after a crash, and go on working with it.

        Returns:
            The checksum of the change that it stood at.
        """
        repository = FilesystemProjectRepository(UnsyncedOps(), lock_timeout_seconds=1.0)
        if acknowledged == GENESIS and not (root / ".cde").is_dir():
            return GENESIS
        found = self.opened(repository, root, acknowledged)
        assert repository.verify(root) == []
        with_change = change(repository, root)
        again = FilesystemProjectRepository(UnsyncedOps())
        assert again.state_at(root)[1] == with_change
        assert again.verify(root) == []
        return found

    def opened(self, repository: FilesystemProjectRepository, root: Path, acknowledged: str) -> str:
        """Read the state, and compare it with what it may be."""
        project = repository.get_or_create(root)
        assert not project.read_only, project.read_only_reason
        _, document = repository.state_at(root)
        checksum = standing(root)
        if acknowledged == GENESIS and checksum not in self._attempts:
            return checksum  # nothing was acknowledged: the project was made anew just now
        assert acknowledged in self.chain(checksum)
        assert document == self.state(checksum)
        return checksum


def standing(root: Path, ops: FileOps | None = None) -> str:
    """The checksum of the last change, as the files tell it."""
    return loader.load(StateFiles(root), ops or UnsyncedOps()).checksum


def change(repository: FilesystemProjectRepository, root: Path) -> dict[str, Any]:
    """Make a small change; the state after it."""
    with repository.transaction(root) as project:
        seen = int(project.metadata.get("seen", 0))
        project.metadata = {**project.metadata, "seen": seen + 1}
    return repository.state_at(root)[1]
