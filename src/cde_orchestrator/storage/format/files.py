"""Where the files of a project's state are, under its folder ``.cde``."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.infrastructure.paths import FOLDER, STATE
from cde_orchestrator.infrastructure.system.file_ops import in_the_way

Marks = list[tuple[str, int, int, int]]
_NUMBERED = re.compile(r"(state|journal)-(\d{12})\.jsonl?")


class StateFiles:
    """The paths of one project's state.

    Attributes:
        folder: everything of the product in the project.
        state: the newest checkpoint.
        journal: the active segment of the journal.
        lock: the lock between processes.
        backups: older checkpoints, sealed segments and the active segment's second copy.
        quarantine: damaged files, moved aside.
        judged: which backups were judged as whole, to judge each once; it can be deleted.
        objects: recorded outputs by content hash.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / FOLDER
        self.state = self.folder / STATE
        self.journal = self.folder / "journal.jsonl"
        self.lock = self.folder / "lock"
        self.backups = self.folder / "backups"
        self.quarantine = self.folder / "quarantine"
        self.judged = self.folder / "judged.json"
        self.objects = self.folder / "objects"

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
        return any(map(os.path.lexists, (self.state, self.journal))) or bool(self._backups())

    def marks(self) -> Marks:
        """What changes when any of the files was changed or exchanged meanwhile."""
        found: Marks = []
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


def reason_at(path: Path, reason: str) -> str:
    """What is wrong with a file; anything else that is in its place says more than ``reason``."""
    thing = in_the_way(path)
    return f"{thing} is in its place" if thing else reason
