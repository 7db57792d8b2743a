"""The stored state of one project: the journal is the truth, ``state.json`` its picture."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from cde_orchestrator.domain.exceptions import LockTimeoutError, StateError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.file_ops import AppendNotUndoneError, FileOps, OsFileOps
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors
from cde_orchestrator.infrastructure.system.spans import JOURNAL, span
from cde_orchestrator.infrastructure.system.viewing import takes_byproducts
from cde_orchestrator.storage import loader, repair
from cde_orchestrator.storage.archive import StateArchive
from cde_orchestrator.storage.format import journal
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Change, Record
from cde_orchestrator.storage.format.json_patch import Document
from cde_orchestrator.storage.format.segment import Segment
from cde_orchestrator.storage.head import Head
from cde_orchestrator.storage.maintenance import SEAL_AFTER_BYTES, StateUpkeep
from cde_orchestrator.storage.memory import Listener, Migration, StateMemory
from cde_orchestrator.storage.project_lock import ProjectLock
from cde_orchestrator.storage.quarantine import Quarantine
from cde_orchestrator.storage.read_only import ReadOnly, WriteGuard
from cde_orchestrator.storage.retention import DEFAULT_RETENTION, Retention
from cde_orchestrator.storage.scrubber import StateScrubber

log = get_logger(__name__)

REPLACED_TRIES = 3
"""How often a change is written while somebody deletes or replaces the files."""
_REPLACED = frozenset({errno.ENOENT, errno.ESTALE})


class StateStore:
    """One project's state, shared with any number of processes and threads.

    Changes are made inside ``exclusive``, one after the other; a reader waits for none of them.

    Args:
        root: the project's folder.
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
        self._ops = ops or OsFileOps()
        self._segment = Segment(self.files, self._ops)
        self._lock = ProjectLock(self.files, lock_timeout_seconds)
        self._guard = WriteGuard(self.files.folder, self._ops)
        self._upkeep = StateUpkeep(self.files, self._ops, retention, self._guard.refused)
        self._memory = StateMemory(
            self.files, self._ops, self._lock, self._guard, migrate, on_change
        )
        self._scrubber = StateScrubber(self.files, self._ops)
        self._repaired_backups: list[str] = []
        self._judged_to = 0
        self._has_committed = False

    @property
    def document(self) -> Document:
        """The state as of the last refresh; empty when there is none. Not to be changed.

        Its features are those of the store, which its writers go on changing; whoever walks
        over them takes a ``snapshot``.
        """
        return self._memory.document

    @property
    def sequence(self) -> int:
        """The number of the last change that this process has seen."""
        return self._memory.sequence

    def snapshot(self) -> tuple[int, Document]:
        """The number of the last change seen, and the state after it, which stays as it is."""
        return self._memory.snapshot()

    @property
    def read_only(self) -> ReadOnly | None:
        """Why and since when changes are refused; None while they are not."""
        return self._memory.uncertain or self._memory.unrepaired or self._guard.mode

    def refresh(self) -> None:
        """Bring ``document`` up to date; nothing is read when nothing changed.

        A change under way is not waited for, neither this process's nor another's.

        Raises:
            StateError: E201 or E202, the state cannot be read.
        """
        self._memory.refresh()

    @contextmanager
    def exclusive(
        self, *, force: bool = False, uncertain: bool = False, full: bool = False
    ) -> Iterator[float]:
        """Hold the project alone, up to date, for one change; the seconds waited for the lock.

        Args:
            force: try the disk at once in read-only mode, not only every few seconds.
            full: go on where the disk has no room for a change.
            uncertain: go on where changes are lost or the state is from a newer release.

        Raises:
            ReadOnlyModeError: E206.
            StateError: E201, E202, E203, E204 or E205.
        """
        with self._memory.in_turn(), ExitStack() as held:
            exists = self.files.folder.is_dir()  # which may be a link, by the owner's choice
            if exists:
                self._guard.require(self._memory.needed_bytes(), force=force, full=full)
            with self._written(self.files.folder):
                if not exists:
                    repair.make_folder(self.files, self._ops)
                waited = held.enter_context(self._lock.exclusive())
                held.enter_context(self._memory.writing())
            if self._memory.uncertain is not None and not uncertain:
                raise self._memory.uncertain.error()
            self._check_backups()
            yield waited

    def commit(self, change: Change) -> Record:
        """Append a change; it is on disk when this returns. Only inside ``exclusive``.

        Raises:
            StateError: E203 or E204; the state is as it was.
        """
        head = self._memory.head or self._begin(change)
        record = journal.encode_record(head.sequence + 1, head.checksum, change)
        try:
            with span(JOURNAL), self._written(self.files.journal):
                head = self._append(record, head)
        except StateError:
            # What the files hold now is for the loader to find; a reload may have moved the head.
            if self._memory.head is not None:
                self._memory.head.forget_file()
            raise
        head.note_file(self.files.journal)
        if head.sequence < record.sequence:
            self._memory.advance(head, record)
        self._has_committed = True
        self._upkeep.tidy(head)
        return record

    @contextmanager
    def steady(self, *, wait: bool = False) -> Iterator[None]:
        """Let nobody change the files meanwhile, as far as the lock can be had.

        Whoever holds it is waited for up to the time-out, or else not at all.
        """
        with ExitStack() as held:
            with suppress(OSError, LockTimeoutError):
                if wait:
                    held.enter_context(self._memory.in_turn())
                    held.enter_context(self._lock.shared())
                else:
                    held.enter_context(self._memory.among_readers())
            yield

    def archive(self) -> StateArchive:
        """The project's past, read from its files."""
        return StateArchive(self.files, self._ops)

    def restart(self) -> None:
        """Build on what is certain although changes are lost. Only inside ``exclusive``.

        Raises:
            ReadOnlyModeError: E206, the state is from a newer release.
            StateError: E203 or E204, not written.
        """
        with self._written(self.files.folder):
            loaded = loader.load(self.files, self._ops)
            gap = loaded.gap
            repair.restart(self.files, self._ops, loaded)
            if gap is not None:
                repair.note_lost(self.files, self._ops, f"{gap.first} to {loaded.sequence}")
            self._memory.adopt(loaded)
        if self._memory.uncertain is not None:
            raise self._memory.uncertain.error()

    @contextmanager
    def started_over(self, document: Document) -> Iterator[None]:
        """Hold the project alone, on ``document``, where no state can be read any more.

        Raises:
            StateError: E203, E204 or E205; E211, the state can be read after all.
        """
        with self._memory.in_turn(), ExitStack() as held:
            with self._written(self.files.folder):
                repair.make_folder(self.files, self._ops)
                held.enter_context(self._lock.exclusive())
                try:
                    found = loader.load(self.files, self._ops)
                    if found.legacy is not None:
                        self._migrate(found.legacy)
                except StateError as error:
                    if error.code != "E201":
                        raise
                else:
                    if found.sequence or found.legacy is not None:
                        raise StateError.of("E211", expected="none", found=found.sequence)
                self.files.settle(self._ops, document.get("id"))
                self._memory.adopt(repair.start_over(self.files, self._ops, document))
                repair.note_lost(self.files, self._ops, "all that the restored state lacks")
                held.enter_context(self._memory.writing())
            yield

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Make room for a new project, and hold it alone, so that nobody restores the old one.

        The files go to quarantine, but for those outside, which stay as they are.

        Raises:
            StateError: E203, E204 or E205.
        """
        with self._memory.in_turn(), ExitStack() as held:
            with self._written(self.files.folder):
                repair.make_folder(self.files, self._ops)
                held.enter_context(self._lock.exclusive())
                local = self.files.backups_in_folder()
                self.files.forget(self._ops)
                present = (self.files.state, self.files.journal, *local)
                Quarantine(self.files, self._ops).move(*present)
                self._memory.adopt(loader.Loaded())
                held.enter_context(self._memory.writing())
            yield

    def keep_backup(self) -> None:
        """Keep a checkpoint of the present state in ``backups``. Only inside ``exclusive``.

        Raises:
            StateError: E203 or E204, not written.
        """
        head = self._memory.head
        if head is not None:
            with self._written(self.files.backups):
                repair.write_backup(self.files, self._ops, head)

    def scrub(self) -> list[str]:
        """Repair damaged backups from what survives; what was done. Inside ``exclusive``.

        Raises:
            StateError: E203 or E204, not written.
        """
        with self._written(self.files.backups):
            return [*self._repaired_backups, *self._scrubber.scrub()]

    def peek(self) -> Document:
        """The state as the files have it now; nothing is repaired and nothing remembered.

        Raises:
            StateError: E201 or E202.
        """
        with translate_os_errors(self.files.folder, "E201"):
            loaded = loader.load(self.files, self._ops)
        self._memory.note_uncertainty(loaded)
        self._guard.check(0)
        return self._migrate(loaded.legacy) if loaded.legacy is not None else loaded.document

    def compact(self) -> None:
        """Seal the active segment and drop what retention does not keep. Inside ``exclusive``.

        On a full disk the second comes first; without room even then, the segment stays as it is.

        Raises:
            StateError: E203 or E204, it was not sealed.
        """
        if self._memory.head is not None:
            with self._written(self.files.backups):
                if self._guard.mode is not None:  # the disk is full
                    self._upkeep.prune(self._memory.head)
                    self._guard.check(self._memory.needed_bytes(), force=True)
                if self._guard.mode is None:
                    self._upkeep.seal(self._memory.head)

    def close(self) -> None:
        """Renew ``state.json`` after own changes, where that is cheap; never fails."""
        head = self._memory.head if self._has_committed and self._memory.knows_more() else None
        is_cheap = head is not None and head.checkpoint_size <= SEAL_AFTER_BYTES
        if is_cheap and takes_byproducts(self.files.folder):
            with suppress(StateError), self.exclusive():
                head = self._memory.head
                if head is not None and head.checkpoint_sequence < head.sequence:
                    self._upkeep.renew_checkpoint(head)
            self._has_committed = False
        self._memory.release()

    # Writing

    def _append(self, record: Record, head: Head) -> Head:
        """Append to the files that exist, and were they replaced meanwhile, to the new ones.

        A try that failed was taken back, so that nothing is written twice; a copy of the files
        that was made before that, and took their place, has the change already: then the head
        that is returned is after the change.
        """
        for left in reversed(range(REPLACED_TRIES)):
            try:
                self._segment.append(record.line, head.first, head.size)
                break
            except OSError as error:
                replaced = error.errno in _REPLACED and not isinstance(error, AppendNotUndoneError)
                if not (replaced and left and self._lock.is_current()):
                    raise
                log.warning("state_files_replaced", path=str(self.files.root), reason=str(error))
                head.forget_file()
                self._memory.reload()
                found = self._memory.head
                if found is None or found.checksum not in {record.previous, record.checksum}:
                    raise
                head = found
                if head.checksum == record.checksum:
                    break
        return head

    def _begin(self, change: Change) -> Head:
        """The first segment of a project that has no state yet; the change makes the project."""
        header = journal.encode_header(1, journal.GENESIS)
        with self._written(self.files.journal):
            self.files.settle(self._ops, _id_in(change))
            self._segment.rewrite(header.line, 1)
            # Whoever made the folder, its entry has to outlive a power cut as well.
            self._ops.sync_folder(self.files.root)
        head = Head({}, sequence=0, checksum=journal.GENESIS, first=1, size=len(header.line))
        self._memory.head = head
        return head

    def _check_backups(self) -> None:
        """Judge the backups that nobody judged yet; a failure does not fail the change."""
        self._repaired_backups = []
        head = self._memory.head
        # What came or went since is of a segment that was sealed since.
        if self._memory.uncertain is None and head is not None and head.first != self._judged_to:
            self._judged_to = head.first
            try:
                self._repaired_backups = self._scrubber.check_new(self._memory.part_fork)
            except (OSError, StateError) as error:
                log.warning("backups_not_judged", path=str(self.files.root), reason=str(error))

    @contextmanager
    def _written(self, path: Path) -> Iterator[None]:
        """Translate what the system refuses, and remember a disk that takes no writes."""
        with translate_os_errors(path):
            try:
                yield
            except OSError as error:
                self._guard.refused(error)
                raise


def _id_in(change: Change) -> str | None:
    """The id of the project that the change makes."""
    made = change.changes[0].get("value") if change.changes else None
    found = made.get("id") if isinstance(made, dict) else None
    return found if isinstance(found, str) else None
