"""What the files of a state hold, found out once for as long as none of them changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.history import Damage
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, in_the_way
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage.archive import StateArchive
from cde_orchestrator.storage.format.files import Marks, StateFiles

LOCK_SECONDS = 1.0
"""How long a change of another process may keep the doctor waiting."""

Found = TypeVar("Found")


@dataclass(slots=True)
class JudgedFiles:
    """Answers from the files of one state; a large one is read once for all who ask."""

    _marks: Marks = field(default_factory=list)
    _found: dict[str, Any] = field(default_factory=dict)

    def once(self, stored: StateFiles, what: str, work: Callable[[], Found]) -> Found:
        """What ``work`` finds; what it found before, where no file has changed since."""
        marks = stored.marks()
        if marks != self._marks:
            self._marks, self._found = marks, {}
        if what not in self._found:
            self._found[what] = work()
        found: Found = self._found[what]
        return found

    def damages(self, stored: StateFiles) -> list[Damage]:
        """What is wrong with the files."""
        return self._verified(stored)[0]

    def newest_at(self, stored: StateFiles) -> str | None:
        """When the newest change was made that can be read, in ISO 8601; None without one."""
        return self._verified(stored)[1]

    def _verified(self, stored: StateFiles) -> tuple[list[Damage], str | None]:
        def verified() -> tuple[list[Damage], str | None]:
            with _archive(stored) as archive:
                return archive.verify(), archive.newest_at

        return self.once(stored, "verified", verified)


@contextmanager
def _archive(stored: StateFiles) -> Iterator[StateArchive]:
    """Let nobody write meanwhile, as far as a lock can be had without making its file."""
    with ExitStack() as held:
        if in_the_way(stored.lock) is None and stored.lock.exists():
            with suppress(OSError, StateError):
                held.enter_context(ProcessLock(stored.lock, LOCK_SECONDS).shared())
        yield StateArchive(stored, OsFileOps())
