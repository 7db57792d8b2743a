"""The stored state of one project: the journal is the truth, ``state.json`` its picture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import LockTimeoutError, StateError
from cde_orchestrator.infrastructure import checkpoint as checkpoints
from cde_orchestrator.infrastructure import state_loader, state_mender
from cde_orchestrator.infrastructure.file_ops import FileOps, OsFileOps, replace_file
from cde_orchestrator.infrastructure.journal import (
    GENESIS,
    Change,
    Record,
    encode_header,
    encode_record,
)
from cde_orchestrator.infrastructure.patch import Document, Patch, apply
from cde_orchestrator.infrastructure.process_lock import ProcessLock, one_thread
from cde_orchestrator.infrastructure.refusals import told
from cde_orchestrator.infrastructure.retention import DEFAULT_RETENTION, Retention, prune
from cde_orchestrator.infrastructure.segment import Segment
from cde_orchestrator.infrastructure.spans import CHECKPOINT, JOURNAL, LOAD, span
from cde_orchestrator.infrastructure.state_archive import StateArchive
from cde_orchestrator.infrastructure.state_files import Marks, StateFiles
from cde_orchestrator.infrastructure.state_head import Head
from cde_orchestrator.infrastructure.state_loader import IN_PLACE, Loaded
from cde_orchestrator.infrastructure.write_guard import ReadOnly, WriteGuard

log = structlog.get_logger(__name__)

CHECKPOINT_AFTER_BYTES = 64 * 1024
"""Journal bytes after which ``state.json`` is renewed, if it is smaller than that."""
SEAL_AFTER_BYTES = 1024 * 1024
"""Bytes at which a segment is sealed, if the checkpoint is smaller than that."""
Migration = Callable[[dict[str, Any]], Document]
Listener = Callable[[Document, Patch | None], None]


class StateStore:
    """One project's state, shared with any number of processes.

    Args:
        root: the project's folder.
        migrate: turns the content of a version-less state file into a document.
        on_change: told the document after each change, with what changed in it; None when
            all of it may have changed.
        ops: the file operations.
        retention: how many backups are kept.
        lock_timeout_seconds: how long a change waits for another process.
    """

    def __init__(
        self,
        root: Path,
        migrate: Migration = dict,
        on_change: Listener = lambda document, changes: None,
        ops: FileOps | None = None,
        retention: Retention = DEFAULT_RETENTION,
        lock_timeout_seconds: float = 5.0,
    ) -> None:
        self.files = StateFiles(root)
        self._migrate = migrate
        self._on_change = on_change
        self._ops = ops or OsFileOps()
        self._retention = retention
        self._segment = Segment(self.files, self._ops)
        self._lock = ProcessLock(self.files.lock, lock_timeout_seconds)
        self._guard = WriteGuard(self.files.folder, self._ops)
        self._mutex = threading.RLock()
        self._head: Head | None = None
        self._uncertain: ReadOnly | None = None
        self._has_committed = False

    @property
    def document(self) -> Document:
        """The state as of the last refresh; empty when there is none. Not to be changed."""
        return self._head.document if self._head else {}

    @property
    def sequence(self) -> int:
        """The number of the last change that this process has seen."""
        return self._head.sequence if self._head else 0

    @property
    def read_only(self) -> ReadOnly | None:
        """Why and since when changes are refused; None while they are not."""
        return self._uncertain or self._guard.mode

    @span(LOAD)
    def refresh(self) -> None:
        """Bring ``document`` up to date; nothing is read when nothing changed.

        Raises:
            StateError: E201 or E202, the state cannot be read.
        """
        with self._alone(), told(self.files.folder, "E201"):
            if not self.files.folder.is_dir():
                self._head = None
                return
            try:
                if self._head is None or not self._head.is_of(self.files.journal):
                    self._load_for_reading()
            except OSError as error:
                if self._head is None:
                    raise
                self._guard.refused(error)
                log.warning("state_read_from_memory", reason=str(error))
            self._guard.look(self._needed_bytes())

    @contextmanager
    def exclusive(self, *, force: bool = False, uncertain: bool = False) -> Iterator[float]:
        """Hold the project alone, up to date, for one change.

        Args:
            force: try the disk at once in read-only mode, not only every few seconds.
            uncertain: go on where changes are lost or the state is from a newer release.

        Yields:
            Seconds waited for the lock.

        Raises:
            ReadOnlyModeError: E206.
            StateError: E201, E202, E203, E204 or E205.
        """
        with self._alone(), ExitStack() as held:
            if self.files.folder.is_dir():
                self._guard.require(self._needed_bytes(), force=force)
            with self._written(self.files.folder):
                self._ops.make_folder(self.files.folder)
                waited = held.enter_context(self._lock.exclusive())
                self._load_for_writing()
            if self._uncertain is not None and not uncertain:
                raise self._uncertain.error()
            yield waited

    def commit(self, change: Change) -> Record:
        """Append a change; it is on disk when this returns. Only inside ``exclusive``.

        Raises:
            StateError: E203 or E204; the state is as it was.
        """
        head = self._head or self._begin()
        record = encode_record(head.sequence + 1, head.checksum, change)
        try:
            with span(JOURNAL), self._written(self.files.journal):
                self._segment.append(record.line, head.first, head.size)
                self._note_file(head)
        except StateError:
            head.inode = -1  # what the files hold now is for the loader to tell
            raise
        self._advance(head, record)
        self._has_committed = True
        self._tidy(head)
        return record

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Let no other process change the files meanwhile, as far as a lock can be had."""
        with self._alone(), ExitStack() as held:
            with suppress(OSError, LockTimeoutError):
                held.enter_context(self._lock.shared())
            yield

    def archive(self) -> StateArchive:
        """The project's past, as its files tell it."""
        return StateArchive(self.files, self._ops)

    def restart(self) -> None:
        """Build on what is certain although changes are lost. Only inside ``exclusive``.

        Raises:
            ReadOnlyModeError: E206, the state is from a newer release.
            StateError: E203 or E204, not written.
        """
        with self._written(self.files.folder):
            loaded = state_loader.load(self.files, self._ops)
            state_mender.restart(self.files, self._ops, loaded)
            self._adopt(loaded)
        if self._uncertain is not None:
            raise self._uncertain.error()

    def keep_backup(self) -> None:
        """Keep a checkpoint of the present state in ``backups``. Only inside ``exclusive``.

        Raises:
            StateError: E203 or E204, not written.
        """
        head = self._head
        if head is not None:
            data = checkpoints.encode(head.document, head.sequence, head.checksum)
            with self._written(self.files.backups):
                replace_file(self._ops, self.files.backup(head.sequence), data)

    def scrub(self) -> list[str]:
        """Mend damaged backups from what survives, and tell it. Inside ``exclusive``."""
        return state_mender.mend_backups(self.files, self._ops)

    def peek(self) -> Document:
        """The state as the files tell it now; nothing is mended and nothing remembered.

        Raises:
            StateError: E201 or E202.
        """
        with told(self.files.folder, "E201"):
            loaded = state_loader.load(self.files, self._ops)
        self._note_uncertainty(loaded.uncertainty)
        self._guard.look(0)
        return self._migrate(loaded.legacy) if loaded.legacy is not None else loaded.document

    def compact(self) -> None:
        """Seal the active segment and drop what retention does not keep. Inside ``exclusive``."""
        if self._head is not None:
            self._seal(self._head)

    def close(self) -> None:
        """Renew ``state.json`` after own changes, where that is cheap; never fails."""
        head = self._head
        if head is None or not self._has_committed or head.checkpoint_size > SEAL_AFTER_BYTES:
            return
        with suppress(StateError), self.exclusive():
            if self._head is not None and self._head.checkpoint_sequence < self._head.sequence:
                self._renew_checkpoint(self._head)
        self._has_committed = False

    # Reading

    def _follow(self, head: Head) -> bool:
        """Apply what others appended since; False when the files must be loaded anew."""
        appended = head.appended(self.files.journal, self._ops)
        if appended is None:
            return False
        for record in appended:
            try:
                self._advance(head, record)
            except ValueError:
                return False
        return True

    def _advance(self, head: Head, record: Record) -> None:
        head.document = apply(head.document, record.change.changes, IN_PLACE)
        head.sequence, head.checksum = record.sequence, record.checksum
        head.size += len(record.line)
        self._on_change(head.document, record.change.changes)

    def _load_for_reading(self) -> None:
        """Look beside other readers; where something is to be mended, alone, if possible.

        Without the lock a change could be seen that its writer takes back.
        """
        marks: Marks | None = None
        try:
            with self._lock.shared():
                if self._head is not None and self._follow(self._head):
                    return
                marks = self.files.marks()
                loaded = state_loader.load(self.files, self._ops)
        except LockTimeoutError as error:
            log.info("read_without_lock", reason=str(error))
            if self._head is not None:
                return
            loaded = state_loader.load(self.files, self._ops)
        except OSError as error:
            self._guard.refused(error)
            log.info("read_without_lock", reason=str(error))
            loaded = state_loader.load(self.files, self._ops)
        if loaded.needs_mending:
            try:
                with self._lock.exclusive():
                    self._load_for_writing(loaded if marks == self.files.marks() else None)
                return
            except (OSError, LockTimeoutError) as error:
                self._note_refusal(error)
                log.warning("state_not_mended", reason=str(error))
        self._adopt(loaded)

    @span(LOAD)
    def _load_for_writing(self, loaded: Loaded | None = None) -> None:
        """Load, unless that was just done, and mend. Only under the lock."""
        self._ops.make_folder(self.files.backups)
        head = self._head
        if head is not None and self._follow(head) and self._segment.agrees(head.first, head.size):
            return
        loaded = loaded or state_loader.load(self.files, self._ops)
        if loaded.legacy is not None:
            document = self._migrate(loaded.legacy)
            state_mender.migrate(self.files, self._ops, loaded, document)
        elif loaded.needs_mending:
            state_mender.mend(self.files, self._ops, loaded)
        self._adopt(loaded)

    def _adopt(self, loaded: Loaded) -> None:
        self._note_uncertainty(loaded.uncertainty)
        if loaded.legacy is not None:
            loaded.document, loaded.sequence = self._migrate(loaded.legacy), 1
        if loaded.sequence == 0:
            self._head = None
            return
        self._head = Head.of(loaded)
        with suppress(FileNotFoundError):
            self._note_file(self._head)
        self._on_change(loaded.document, None)
        log.info("project_loaded", project_id=loaded.document.get("id"), sequence=loaded.sequence)

    # Writing

    def _begin(self) -> Head:
        """The first segment of a project that has no state yet."""
        header = encode_header(1, GENESIS)
        with self._written(self.files.journal):
            self._segment.rewrite(header.line, 1)
            # Whoever made the folder, its entry has to outlive a power cut as well.
            self._ops.sync_folder(self.files.root)
        self._head = Head({}, sequence=0, checksum=GENESIS, first=1, size=len(header.line))
        return self._head

    @span(CHECKPOINT)
    def _tidy(self, head: Head) -> None:
        """Renew the checkpoint, or seal the segment, in step with what was appended."""
        pending = head.size - head.size_at_checkpoint
        if head.size >= max(SEAL_AFTER_BYTES, head.checkpoint_size):
            self._seal(head)
        elif head.sequence == 1 or pending >= max(CHECKPOINT_AFTER_BYTES, head.checkpoint_size):
            self._renew_checkpoint(head)

    def _renew_checkpoint(self, head: Head) -> None:
        """Write ``state.json``; a failure is told, and does not fail the change."""
        data = checkpoints.encode(head.document, head.sequence, head.checksum)
        head.size_at_checkpoint = head.size
        try:
            replace_file(self._ops, self.files.state, data)
        except OSError as error:
            self._guard.refused(error)
            log.warning("checkpoint_not_written", path=str(self.files.state), reason=str(error))
            return
        head.checkpoint_sequence, head.checkpoint_size = head.sequence, len(data)
        log.debug("checkpoint_written", sequence=head.sequence, bytes=len(data))

    def _seal(self, head: Head) -> None:
        """Close the segment: keep a checkpoint beside it and begin the next one."""
        data = checkpoints.encode(head.document, head.sequence, head.checksum)
        header = encode_header(head.sequence + 1, head.checksum)
        try:
            self._segment.complete_mirror(head.first)
            replace_file(self._ops, self.files.backup(head.sequence), data)
            replace_file(self._ops, self.files.state, data)
            self._segment.rewrite(header.line, header.first)
        except OSError as error:
            self._guard.refused(error)
            log.warning("segment_not_sealed", sequence=head.sequence, reason=str(error))
            head.inode = -1  # which step failed is for the loader to tell
            return
        head.first, head.size = header.first, len(header.line)
        head.checkpoint_sequence, head.checkpoint_size = head.sequence, len(data)
        head.size_at_checkpoint = head.size
        self._note_file(head)
        log.info("segment_sealed", sequence=head.sequence, bytes=len(data))
        prune(self.files, self._ops, self._retention)

    def _note_uncertainty(self, reason: str | None) -> None:
        if reason is None:
            self._uncertain = None
        elif self._uncertain is None or self._uncertain.reason != reason:
            log.critical("state_uncertain", path=str(self.files.root), reason=reason)
            self._uncertain = ReadOnly(reason, utc_now())

    def _needed_bytes(self) -> int:
        """Room for the next checkpoint and its backup."""
        return 2 * self._head.checkpoint_size if self._head else 0

    def _note_refusal(self, error: Exception) -> None:
        if isinstance(error, OSError):
            self._guard.refused(error)

    @contextmanager
    def _written(self, path: Path) -> Iterator[None]:
        """Translate what the system refuses, and remember a disk that takes no writes."""
        with told(path):
            try:
                yield
            except OSError as error:
                self._guard.refused(error)
                raise

    def _note_file(self, head: Head) -> None:
        stat = self.files.journal.stat()
        head.inode, head.modified_ns = stat.st_ino, stat.st_mtime_ns

    def _alone(self) -> AbstractContextManager[None]:
        """One thread of this process at a time, waiting no longer than for a process."""
        return one_thread(self._mutex, self._lock.timeout_seconds)
