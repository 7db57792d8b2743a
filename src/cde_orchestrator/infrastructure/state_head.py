"""Where one process stands in a project's history."""

from __future__ import annotations

from dataclasses import dataclass

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
