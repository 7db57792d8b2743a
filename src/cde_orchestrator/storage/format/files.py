"""Where the files of a project's state are, under its folder ``.cde``."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cde_orchestrator.infrastructure.paths import FOLDER, STATE

MISSING = ".missing"
"""Ends the name of a note in quarantine that a file was gone and was rewritten."""

Marks = list[tuple[str, int, int, int]]
_NUMBERED = re.compile(r"(state|journal)-(\d{12})\.jsonl?")


@dataclass(frozen=True)
class StateFiles:
    """The paths of one project's state."""

    root: Path

    @cached_property
    def folder(self) -> Path:
        """Everything of the product in the project."""
        return self.root / FOLDER

    @cached_property
    def state(self) -> Path:
        """The newest checkpoint."""
        return self.folder / STATE

    @cached_property
    def journal(self) -> Path:
        """The active segment of the journal."""
        return self.folder / "journal.jsonl"

    @cached_property
    def lock(self) -> Path:
        """The lock between processes."""
        return self.folder / "lock"

    @cached_property
    def backups(self) -> Path:
        """Older checkpoints, sealed segments and the active segment's second copy."""
        return self.folder / "backups"

    @cached_property
    def quarantine(self) -> Path:
        """Damaged files, moved aside."""
        return self.folder / "quarantine"

    @cached_property
    def judged(self) -> Path:
        """Which backups were judged as whole, to judge each once; it can be deleted."""
        return self.folder / "judged.json"

    @property
    def objects(self) -> Path:
        """Recorded outputs by content hash."""
        return self.folder / "objects"

    def mirror(self, first: int) -> Path:
        """The second copy of the segment that begins with the sequence ``first``."""
        return self.backups / f"journal-{first:012d}.jsonl"

    def backup(self, sequence: int) -> Path:
        """The checkpoint that was kept when the segment up to ``sequence`` was sealed."""
        return self.backups / f"state-{sequence:012d}.json"

    def segments(self) -> dict[int, Path]:
        """Copies of segments in ``backups``, oldest first, by the sequence they begin with."""
        return self._numbered("journal")

    def checkpoints(self) -> dict[int, Path]:
        """Checkpoints in ``backups``, oldest first, by sequence."""
        return self._numbered("state")

    def exist(self) -> bool:
        """Whether there is any file of a state, whole or not."""
        if any(os.path.lexists(path) for path in (self.state, self.journal)):
            return True
        return bool(self._backups())

    def marks(self) -> Marks:
        """What changes when any of the files was changed or exchanged meanwhile."""
        found: list[tuple[str, int, int, int]] = []
        for path in (self.state, self.journal, self.backups, *self._backups()):
            with suppress(FileNotFoundError):
                stat = path.stat()
                found.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return found

    def _backups(self) -> list[Path]:
        return [*self.segments().values(), *self.checkpoints().values()]

    def _numbered(self, kind: str) -> dict[int, Path]:
        try:
            names = sorted(path.name for path in self.backups.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        matches = (match for name in names if (match := _NUMBERED.fullmatch(name)))
        return {int(m[2]): self.backups / m[0] for m in matches if m[1] == kind}
