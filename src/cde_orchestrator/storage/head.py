"""How far one process has followed a project's history."""

from __future__ import annotations

import errno
import os
import stat
from enum import Enum, auto
from pathlib import Path

from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.system.file_ops import FileOps
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Record, decode_records
from cde_orchestrator.storage.format.json_patch import Document
from cde_orchestrator.storage.format.segment import sealed_records
from cde_orchestrator.storage.loader import Loaded

_BEHIND_A_WRITER = -2


class Files(Enum):
    """What the files on disk are to a process that knows where the history was.

    Attributes:
        FOLLOW: its own history, as far as it knows it or further.
        LACK: its own history, and damage took changes that it knows.
        DIFFER: another history, or a whole copy of an older state: somebody put it there.
    """

    FOLLOW = auto()
    LACK = auto()
    DIFFER = auto()


class Head(Value, frozen=False):
    """The last change that a process has seen, and the place of it in the files.

    Attributes:
        checksum: of the record with ``sequence``; the next record names it.
        first: the sequence that the active segment begins with.
        size: bytes of the active segment up to that record.
        inode: of the active segment's file, -1 when it must be checked again.
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
            return _marks(journal) == (self.inode, self.size, self.modified_ns)
        except FileNotFoundError:
            return False

    def note_file(self, journal: Path) -> None:
        """Remember the active segment's file as this process left it.

        What is on disk is on disk: where the file cannot be checked, the loader does it.
        """
        try:
            self.inode, _, self.modified_ns = _marks(journal)
        except OSError:
            self.forget_file()

    def forget_file(self) -> None:
        """Have the files checked again, whatever they were."""
        self.inode = -1

    def appended(self, journal: Path, ops: FileOps) -> list[Record] | None:
        """The records that others appended; None when the files must be loaded again."""
        try:
            inode, size, modified_ns = _marks(journal)
        except FileNotFoundError:
            return None
        seen = self.modified_ns if self.modified_ns != _BEHIND_A_WRITER else modified_ns
        if (inode, size, modified_ns) == (self.inode, self.size, seen):
            self.modified_ns = modified_ns
            return []
        if inode != self.inode or size < self.size:
            return None
        records = self._following(ops.read(journal, self.size))
        if not records:
            return None
        self.modified_ns = modified_ns
        return records

    def committed(self, files: StateFiles, ops: FileOps) -> list[Record] | None:
        """The records that others surely committed, without the lock; None when unknown.

        The second copy of a segment gets a record only once the first is on disk, and then the
        change is made: what is there whole is never taken back.
        """
        try:
            records = self._following(ops.read(files.mirror(self.first), self.size))
        except FileNotFoundError:
            return None
        if records is not None:
            # The journal has grown by these as well; its time is taken at the next check.
            self.modified_ns = _BEHIND_A_WRITER
        return records

    def compare(self, loaded: Loaded | None, files: StateFiles, ops: FileOps) -> Files:
        """What the files are to this process; ``loaded`` is None where they have no state."""
        if loaded is not None and (loaded.newer is not None or not self.sequence):
            return Files.FOLLOW
        if loaded is None or not (loaded.sequence or loaded.legacy):
            return Files.LACK
        if loaded.legacy is not None or loaded.document.get("id") != self.document.get("id"):
            return Files.DIFFER
        if loaded.sequence >= self.sequence:
            checksums = {record.sequence: record.checksum for record in loaded.active}
            checksums[loaded.sequence] = loaded.checksum
            same = checksums.get(self.sequence, self.checksum) == self.checksum
            return Files.FOLLOW if same else Files.DIFFER
        damaged = any(finding.path == files.journal for finding in loaded.findings)
        if damaged or loaded.gap is not None or _is_restored(loaded, files, ops):
            return Files.LACK
        return Files.DIFFER

    def is_sealed(self, files: StateFiles) -> bool:
        """Whether the segment that follows was begun, so that more may be there."""
        following = self.sequence + 1
        return following != self.first and files.mirror(following).exists()

    def _following(self, data: bytes) -> list[Record] | None:
        """The records in ``data``; None where they do not continue this history."""
        records, checksum = decode_records(data), self.checksum
        for sequence, record in enumerate(records or (), self.sequence + 1):
            if record.previous != checksum or record.sequence != sequence:
                return None
            checksum = record.checksum
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


def _is_restored(loaded: Loaded, files: StateFiles, ops: FileOps) -> bool:
    """Whether another process restored what it knew, and no change was made since.

    Its checkpoint is there without the record that led to it, which sealing would have kept.
    """
    last = loaded.sequence
    return not loaded.active and last not in sealed_records(files, ops, last - 1)


def _marks(journal: Path) -> tuple[int, int, int]:
    """Of the file; something else in its place is as good as none: FileNotFoundError."""
    found = journal.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), journal)
    return found.st_ino, found.st_size, found.st_mtime_ns
