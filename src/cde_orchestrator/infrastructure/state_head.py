"""Where one process stands in a project's history."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.infrastructure.file_ops import FileOps
from cde_orchestrator.infrastructure.journal import Record, decode_records
from cde_orchestrator.infrastructure.patch import Document
from cde_orchestrator.infrastructure.state_loader import Loaded


@dataclass(slots=True)
class Head:
    """The last change that a process has seen, and the place of it in the files.

    Attributes:
        checksum: of the record with ``sequence``; the next record names it.
        first: the sequence that the active segment begins with.
        size: bytes of the active segment up to that record.
        inode: of the active segment's file, -1 when it must be looked at anew.
        modified_ns: when that file was changed last, as far as this process knows.
        size_at_checkpoint: what ``size`` was when ``state.json`` was written.
    """

    document: Document
    sequence: int
    checksum: str
    first: int
    size: int
    inode: int = -1
    modified_ns: int = -1
    checkpoint_sequence: int = 0
    checkpoint_size: int = 0
    size_at_checkpoint: int = 0

    def is_of(self, journal: Path) -> bool:
        """Whether the active segment's file is as this process saw it last."""
        try:
            return _marks(journal.stat()) == (self.inode, self.size, self.modified_ns)
        except FileNotFoundError:
            return False

    def appended(self, journal: Path, ops: FileOps) -> list[Record] | None:
        """The records that others appended; None when the files must be loaded anew.

        Raises:
            OSError: the journal cannot be read.
        """
        try:
            inode, size, modified_ns = _marks(journal.stat())
        except FileNotFoundError:
            return None
        if (inode, size, modified_ns) == (self.inode, self.size, self.modified_ns):
            return []
        if inode != self.inode or size < self.size:
            return None
        records = decode_records(ops.read(journal, self.size))
        if not records:
            return None
        checksum = self.checksum
        for sequence, record in enumerate(records, self.sequence + 1):
            if record.previous != checksum or record.sequence != sequence:
                return None
            checksum = record.checksum
        self.modified_ns = modified_ns
        return records

    @classmethod
    def of(cls, loaded: Loaded) -> Head:
        """The place that was just loaded."""
        size = len(loaded.active_bytes)
        return cls(
            document=loaded.document,
            sequence=loaded.sequence,
            checksum=loaded.checksum,
            first=loaded.header.first if loaded.header else loaded.sequence + 1,
            size=size,
            checkpoint_sequence=loaded.checkpoint_sequence,
            checkpoint_size=loaded.checkpoint_size,
            size_at_checkpoint=size - loaded.pending_bytes,
        )


def _marks(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
