"""Test doubles for programs that embed the package: a clock, a repository, a disk that fails."""

from __future__ import annotations

import copy
import errno
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.adapters.repositories.stored_projects import (
    Found,
    StillFits,
    StoredProjects,
    Work,
)
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.condition import StateCondition
from cde_orchestrator.domain.exceptions import LockTimeoutError, StateError
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    read_bounded,
    replace_file,
)
from cde_orchestrator.infrastructure.system.project_path import folder_at
from cde_orchestrator.infrastructure.system.tree import kind_of
from cde_orchestrator.storage.format.journal import (
    GENESIS,
    Change,
    Record,
    decode_records,
    encode_record,
)
from cde_orchestrator.storage.format.json_patch import Document, apply
from cde_orchestrator.storage.history_entries import history_entries

__all__ = ["FaultyFileOps", "InMemoryProjectRepository", "InMemoryStorage", "ManualClock"]


_KEY_FILE = Path(FOLDER) / "memory-key"


class ManualClock:
    """Shows the same time until it is moved.

    Args:
        now: the first time that it shows; noon of 10 November 2025, UTC, by default.
    """

    def __init__(self, now: datetime = datetime(2025, 11, 10, 12, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time that it shows, where a ``clock`` is wanted."""
        return self.now

    def monotonic(self) -> float:
        """The same in seconds, where a clock that never goes back is wanted."""
        return self.now.timestamp()

    def advance(self, seconds: float = 60) -> datetime:
        """Let time pass; the time that it shows then."""
        self.now += timedelta(seconds=seconds)
        return self.now


class FaultyFileOps(OsFileOps):
    """The operating system's file operations, on a disk that can be filled up.

    Give it to ``FilesystemProjectRepository(ops=...)``.
    """

    def __init__(self) -> None:
        self._is_full = False

    @contextmanager
    def simulate_disk_full(self) -> Iterator[None]:
        """Let every write fail with ENOSPC, for a while; reading and removing go on."""
        self._is_full = True
        try:
            yield
        finally:
            self._is_full = False

    def write(self, descriptor: int, data: bytes) -> int:
        """Append bytes, unless the disk is full."""
        self._require_space()
        return super().write(descriptor, data)

    def create(self, path: Path) -> int:
        """Open a new file, unless the disk is full."""
        self._require_space()
        return super().create(path)

    def make_folder(self, path: Path) -> None:
        """Make a folder, unless the disk is full."""
        self._require_space()
        super().make_folder(path)

    def free_bytes(self, path: Path) -> int:
        """Bytes that are free; none on a full disk."""
        return 0 if self._is_full else super().free_bytes(path)

    def _require_space(self) -> None:
        if self._is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass(slots=True)
class _Kept:
    """What is kept of one project."""

    lines: list[bytes] = field(default_factory=list)
    backups: dict[int, Document] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def records(self) -> list[Record]:
        """Every change, oldest first."""
        return decode_records(b"".join(self.lines)) or []


class InMemoryStorage:
    """Where in-memory repositories keep projects, which end with it."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def kept(self, key: str) -> _Kept:
        """What is kept of the project with a key; nothing is where it has none."""
        return self._kept.setdefault(key, _Kept()) if key else _Kept()


class _InMemoryArchive:
    def __init__(self, kept: _Kept) -> None:
        self._kept = kept

    def history(
        self, document: Document, limit: int, feature_id: str | None = None, after: int = 0
    ) -> list[HistoryEntry]:
        records = reversed(self._kept.records()[after:])
        return history_entries(records, document, limit, feature_id)

    def state_at(self, sequence: int) -> Document:
        records = self._kept.records()
        if not 0 < sequence <= len(records):
            raise StateError.of("E208", sequence=sequence, oldest=1, newest=len(records))
        document: Document = {}
        for record in records[:sequence]:
            document = apply(document, record.change.changes)
        return document

    def verify(self) -> list[Damage]:
        return []

    def backups(self) -> list[Backup]:
        kept = self._kept.backups.items()
        return [Backup(f"state-{at}.json", at, 0, len(each["features"]), None) for at, each in kept]

    def backup(self, name: str) -> Document:
        files = [each.file for each in self.backups()]
        if name not in files:
            raise StateError.of("E209", backup=name, backups=", ".join(files) or "none")
        return copy.deepcopy([*self._kept.backups.values()][files.index(name)])


class _InMemoryStore:
    """One project's state, as one process knows it."""

    read_only = None

    def __init__(self, root: Path, kept: _Kept, lock_timeout_seconds: float) -> None:
        self.root = root
        self.index = FeatureIndex()
        self.document: Document = {}
        self.sequence = 0
        self._kept = kept
        self._seconds = lock_timeout_seconds
        self._checksum = GENESIS
        self._following = threading.Lock()

    def snapshot(self) -> tuple[int, Document]:
        return self.sequence, self.document

    def refresh(self) -> None:
        with self._following:
            for record in decode_records(b"".join(self._kept.lines[self.sequence :])) or []:
                self.document = apply(self.document, record.change.changes)
                self.sequence, self._checksum = record.sequence, record.checksum
                self.index.follow(self.document, record.change.changes)

    @contextmanager
    def exclusive(self, *, force: bool = False) -> Iterator[None]:
        if not self._kept.lock.acquire(timeout=self._seconds):
            raise LockTimeoutError.of("E205", holder="this process", waited_seconds=self._seconds)
        try:
            self.refresh()
            yield
        finally:
            self._kept.lock.release()

    def append(self, change: Change, still_fits: StillFits) -> Record:
        record = encode_record(self.sequence + 1, self._checksum, change)
        self._kept.lines.append(record.line)
        self.refresh()
        return record

    def past(self, work: Work[Found], otherwise: Found) -> Found:
        return work(_InMemoryArchive(self._kept))

    def keep_backup(self) -> None:
        self._kept.backups[self.sequence] = copy.deepcopy(self.document)

    def keep_from_git(self) -> None:
        """Nothing of it is in the folder."""


class InMemoryProjectRepository(StoredProjects[_InMemoryStore]):
    """Keeps projects in memory; in its folder, a project has only the key that names it.

    Args:
        storage: where; repositories with the same one see each other's changes, as processes do.
        clock: where the time comes from.
        lock_timeout_seconds: how long a change waits for another one.
    """

    backend = "memory"
    unreadable = frozenset()

    def __init__(
        self,
        storage: InMemoryStorage | None = None,
        clock: Clock = utc_now,
        lock_timeout_seconds: float = 5.0,
    ) -> None:
        super().__init__(clock)
        self._storage = storage or InMemoryStorage()
        self._seconds = lock_timeout_seconds
        self._stores: dict[tuple[Path, str], _InMemoryStore] = {}

    def repair(self, path: Path | str) -> list[str]:
        """Nothing, as nothing is ever damaged."""
        self._existing(path)
        return []

    def condition(self, path: Path | str) -> StateCondition:
        """A state in memory is sound."""
        folder_at(path)
        return StateCondition("The state is kept in memory.")

    def close(self) -> None:
        """What it kept stays in its storage."""

    def _store(self, root: Path) -> _InMemoryStore:
        file = root / _KEY_FILE
        key = read_bounded(file, 64).decode() if kind_of(file) else ""
        store = _InMemoryStore(root, self._storage.kept(key), self._seconds)
        return self._stores.setdefault((root, key), store) if key else store

    def _prepared(self, root: Path, new: bool) -> _InMemoryStore:
        file = root / _KEY_FILE
        OsFileOps().make_folder(file.parent)
        if not kind_of(file):
            replace_file(OsFileOps(), file, uuid.uuid4().hex.encode())
        return self._store(root)
