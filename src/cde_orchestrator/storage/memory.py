"""What one process holds in memory of a project's state, and how it catches up with the files."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from copy import copy
from pathlib import Path
from typing import Any

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import LockTimeoutError, StateError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.file_ops import FileOps
from cde_orchestrator.infrastructure.system.os_errors import error_words, translate_os_errors
from cde_orchestrator.infrastructure.system.process_lock import one_thread
from cde_orchestrator.infrastructure.system.spans import LOAD, span
from cde_orchestrator.infrastructure.system.viewing import is_only_viewed
from cde_orchestrator.storage import loader, repair
from cde_orchestrator.storage.forks import find_fork
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Record
from cde_orchestrator.storage.format.json_patch import Document, Patch, apply
from cde_orchestrator.storage.format.segment import Segment
from cde_orchestrator.storage.head import Files, Head
from cde_orchestrator.storage.held_folder import HeldFolder
from cde_orchestrator.storage.loader import IN_PLACE, Loaded
from cde_orchestrator.storage.project_lock import ProjectLock
from cde_orchestrator.storage.read_only import PROBE_EVERY_SECONDS, ReadOnly, WriteGuard
from cde_orchestrator.storage.scrubber import StateScrubber

log = get_logger(__name__)

UNDISTURBED_TRIES = 5
"""Reads of files that somebody else may be changing, before a reader waits for the lock."""
Migration = Callable[[dict[str, Any]], Document]
"""Turns the content of a version-less state file into a document."""
Listener = Callable[[Document, Patch | None], None]
"""Called after each change with the document, and what changed; None where all of it may have."""


class StateMemory:
    """The state as one process knows it; safe to be used by any of its threads.

    Its mutex is kept for moments only: a writer takes its turn, then waits for the other
    processes, and only then touches the memory. A reader waits for neither.

    Attributes:
        head: how far this process is; None when there is no state.
        uncertain: why no change may be built on the state; None when one may.
        unrepaired: why damaged files are still as they were found; None when none are. Each
            change tries to repair them first, and a reader every few seconds.
    """

    def __init__(
        self,
        files: StateFiles,
        ops: FileOps,
        lock: ProjectLock,
        guard: WriteGuard,
        migrate: Migration,
        on_change: Listener,
    ) -> None:
        self.head: Head | None = None
        self.uncertain: ReadOnly | None = None
        self.unrepaired: ReadOnly | None = None
        self._repair_again_at = 0.0
        self._files = files
        self._ops = ops
        self._lock = lock
        self._guard = guard
        self._migrate = migrate
        self._on_change = on_change
        self._segment = Segment(files, ops)
        self._turn = threading.RLock()
        self._mutex = threading.RLock()
        self._writing = False
        self._root = HeldFolder(files.root)

    @property
    def document(self) -> Document:
        """The state as of the last refresh; see ``StateStore.document``."""
        head = self.head
        return dict(head.document) if head else {}

    @property
    def sequence(self) -> int:
        """The number of the last change that this process has seen."""
        head = self.head
        return head.sequence if head else 0

    def snapshot(self) -> tuple[int, Document]:
        """The number of the last change seen, and the state after it, which stays as it is."""
        with self._memory():
            own = {name: copy(value) for name, value in self.document.items()}
            return self.sequence, own

    @span(LOAD)
    def refresh(self) -> None:
        """Bring ``document`` up to date; see ``StateStore.refresh``."""
        with translate_os_errors(self._files.folder, "E201"):
            with self._memory():
                settled = self._writing or self._view() or self._is_settled()
            if not settled:
                self._settle_in_turn()
        self._guard.check(self.needed_bytes())

    def _view(self) -> bool:
        """Take over what the files have where they are only viewed; whether that is so."""
        if not is_only_viewed(self._files.folder):
            return False
        if self.head is None or not self.head.is_of(self._files.journal):
            self._files.resolve()
            self.adopt(loader.load(self._files, self._ops))
        return True

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be up to date for one change, as ``reload``; E205 where another thread reads for long.

        Nobody else can be ahead meanwhile, so that the readers of this process need not check.
        """
        with self._memory():
            self.reload()
            self._writing = True
        try:
            yield
        finally:
            with self._mutex:
                self._writing = False

    @span(LOAD)
    def reload(self, loaded: Loaded | None = None) -> None:
        """Load, unless that was just done, and repair. Only in turn and under the lock.

        Raises:
            OSError: the state cannot be read, or not be repaired.
            StateError: E201 or E202.
        """
        with self._mutex:
            head = self.head
            followed = self.unrepaired is None and head and self._follow(head, locked=True)
            if head and followed and self._segment.agrees(head.first, head.size):
                return
            known = head.document.get("id") if head and self.knows_more() else None
            if self._files.settle(self._ops, known if self._files.stated_id() is None else None):
                loaded = None
            loaded = self._reconciled(self._parted(loaded or self._loaded()))
            if loaded.legacy is not None:
                document = self._migrate(loaded.legacy)
                self._files.settle(self._ops, document["id"])
                repair.migrate(self._files, self._ops, loaded, document)
            elif loaded.needs_repair:
                repair.repair(self._files, self._ops, loaded)
            if head and self._compare(loaded) is Files.DIFFER:
                repair.rejoin(self._files, self._ops, loaded, head)
            self.adopt(loaded)

    def adopt(self, loaded: Loaded, *, certain: bool = True) -> None:
        """Take over what was loaded; where it is not certain, the files are checked again."""
        with self._mutex:
            self.note_uncertainty(loaded)
            if not loaded.needs_repair:
                self.unrepaired = None
            if loaded.legacy is not None:
                loaded.document, loaded.sequence = self._migrate(loaded.legacy), 1
            if loaded.sequence == 0:
                self.head = None
                self._root.release()
                return
            self.head = Head.of(loaded)
            self._root.release()
            self._root.hold()
            if certain:
                self.head.note_file(self._files.journal)
            self._on_change(loaded.document, None)
        log.info("project_loaded", project_id=loaded.document.get("id"), sequence=loaded.sequence)

    def advance(self, head: Head, record: Record) -> None:
        """Take over a change once it is on disk."""
        with self._mutex:
            head.document = apply(head.document, record.change.changes, IN_PLACE)
            head.sequence, head.checksum = record.sequence, record.checksum
            head.size += len(record.line)
            self._root.hold()
            self._on_change(head.document, record.change.changes)

    def release(self) -> None:
        """Keep the project's folder open no longer; what is at its path is followed then."""
        with self._mutex:
            self._root.release()

    def needed_bytes(self) -> int:
        """Room for the next checkpoint and its backup."""
        head = self.head
        return 2 * head.checkpoint_size if head else 0

    def note_uncertainty(self, loaded: Loaded) -> None:
        """Remember why no change may be built on the state, and log it once."""
        if (reason := loaded.uncertainty) is None:
            self.uncertain = None
        elif self.uncertain is None or self.uncertain.reason != reason:
            path = str(self._files.root)
            log.critical("state_uncertain", error_code="E206", path=path, reason=reason)
            self.uncertain = ReadOnly(reason, utc_now(), loaded.ways_out)

    def in_turn(self) -> AbstractContextManager[None]:
        """One writer of this process at a time, waiting no longer than for a process."""
        return one_thread(self._turn, self._lock.timeout_seconds)

    def _follow(self, head: Head, *, locked: bool) -> bool:
        """Apply what others appended since; False when the files must be loaded again."""
        if locked:
            appended = head.appended(self._files.journal, self._ops)
        else:
            appended = head.committed(self._files, self._ops)
        if appended is None:
            return False
        for record in appended:
            try:
                self.advance(head, record)
            except ValueError:
                return False
        return locked or not head.is_sealed(self._files)

    def _is_settled(self) -> bool:
        """Check without waiting; False where the lock must be had to go on."""
        if not self._files.folder.is_dir():
            self._files.resolve()  # another folder at the path has nothing to do with the vault
            if self.knows_more() or self._files.exist():
                return False
            self.head = None
            self._root.release()
            return True
        try:
            if not self._is_to_repair() and self.head and self.head.is_of(self._files.journal):
                return True
            return self._load_for_reading()
        except OSError as error:
            if self.head is None:
                raise
            self._guard.refused(error)
            log.warning("state_read_from_memory", reason=str(error))
            return True

    def _load_for_reading(self) -> bool:
        """Load among other readers, or behind a writer what is surely committed.

        What is to be repaired is repaired at once, if nobody else has the lock.
        """
        with self.among_readers() as locked:
            if not self._is_to_repair() and self.head and self._follow(self.head, locked=locked):
                return True
            self._files.resolve()
            marks = self._files.marks()
            loaded = self._loaded() if locked else self._undisturbed()
        if loaded is None or self._compare(loaded) is not Files.FOLLOW:
            return False
        if not loaded.needs_repair:
            self.adopt(loaded)
            self._settle()
            return True
        try:
            held = self._lock.attempt()
            if held is None:
                return False
            with held:
                self.reload(loaded if marks == self._files.marks() else None)
        except OSError as error:
            self._guard.refused(error)
            self.adopt(loaded)
            self._postpone_repair(error)
        return True

    def _settle(self) -> None:
        """Move backups to where they belong, if nobody else has the lock and it can be done."""
        if self._files.is_unsettled and os.access(self._files.folder, os.W_OK):
            with suppress(OSError), self._lock.attempt() or nullcontext() as held:
                if held is not None:
                    self._files.settle(self._ops)

    def _is_to_repair(self) -> bool:
        """Whether damage that could not be repaired is to be tried again by a reader."""
        return self.unrepaired is not None and time.monotonic() >= self._repair_again_at

    def _postpone_repair(self, error: OSError) -> None:
        """Go on reading what was put together, but build no change on damaged files."""
        where = Path(str(error.filename or self._files.folder))
        if where.suffix == ".tmp":  # its name is another one each time
            where = where.parent
        reason = f"damaged files cannot be repaired: {error_words(error)} ({where})"
        self._repair_again_at = time.monotonic() + PROBE_EVERY_SECONDS
        if self.unrepaired is None or self.unrepaired.reason != reason:
            log.error("state_not_repaired", path=str(self._files.root), reason=str(error))
            self.unrepaired = ReadOnly(reason, utc_now())

    def _undisturbed(self) -> Loaded | None:
        """What is in whole files that nobody changed meanwhile, though somebody might."""
        for _ in range(UNDISTURBED_TRIES):
            marks = self._files.marks()
            with suppress(StateError):
                loaded = loader.load(self._files, self._ops)
                if marks == self._files.marks() and not loaded.needs_repair:
                    return loaded
        return None

    @contextmanager
    def among_readers(self) -> Iterator[bool]:
        """Share the lock, if no writer has it; whether that is so."""
        try:
            held = self._lock.attempt(shared=True)
        except OSError as error:
            # Nobody can write where the lock cannot be opened, but for its missing file.
            self._guard.refused(error)
            log.info("read_without_lock", reason=str(error))
            yield True
            return
        with held or nullcontext():
            yield held is not None

    def _settle_in_turn(self) -> None:
        """Load and repair under the lock, waiting for it; without it when it cannot be had."""
        try:
            with self.in_turn():
                if not self._files.folder.is_dir():
                    repair.make_folder(self._files, self._ops)
                with self._lock.exclusive(), self._memory():
                    self.reload()
            return
        except (OSError, LockTimeoutError) as error:
            if isinstance(error, OSError):
                self._guard.refused(error)
            log.warning("read_without_lock", reason=str(error))
        with self._memory():
            if not self._writing and self.head is None:
                self.adopt(loader.load(self._files, self._ops), certain=False)

    def _loaded(self) -> Loaded | None:
        """What is in the files; None where they have no state and this process knows one."""
        try:
            return loader.load(self._files, self._ops)
        except StateError as error:
            if error.code != "E201" or not self.knows_more():
                raise
            return None

    def knows_more(self) -> bool:
        """Whether this process knows a state of the very folder that is there."""
        return self.sequence > 0 and self._root.is_in_place()

    def _compare(self, loaded: Loaded | None) -> Files:
        """What the files are to this process; another folder at the same path is followed."""
        if self.head is None or not self.knows_more():
            return Files.FOLLOW
        return self.head.compare(loaded, self._files, self._ops)

    def part_fork(self) -> None:
        """Keep another history elsewhere that only older files have. In turn, under the lock."""
        fork = find_fork(self._files, self._ops)
        if fork is not None:
            with self._mutex:
                repair.part_fork(self._files, self._ops, fork)
                if self.head is not None:
                    self.head.forget_file()
                self.reload()

    def _parted(self, loaded: Loaded | None) -> Loaded | None:
        """What is in the files, once they have one history; of the others each is kept whole."""
        if loaded is None or loaded.fork is None:
            return loaded
        repair.part_fork(self._files, self._ops, loaded.fork)
        StateScrubber(self._files, self._ops).scrub()  # what the other side's past leaves open
        found = loader.load(self._files, self._ops)
        found.is_parted = True
        return found

    def _reconciled(self, loaded: Loaded | None) -> Loaded:
        """What is in the files, once nothing that this process knows can be lost by it.

        Changes that damage took are restored from memory. Another history, or an older copy that
        is whole, was put there by somebody and is followed; what it replaced is kept.
        """
        head, files = self.head, self._compare(loaded)
        if loaded is not None and (files is not Files.LACK or loaded.is_parted):
            if head is not None and files is not Files.FOLLOW:
                repair.keep_replaced(self._files, self._ops, head, loaded)
            return loaded
        if head is not None:
            repair.restore_files(self._files, self._ops, head)
        found = loader.load(self._files, self._ops)
        found.is_from_memory = head is not None
        return found

    def _memory(self) -> AbstractContextManager[None]:
        """One thread of this process at a time in what is held in memory."""
        return one_thread(self._mutex, self._lock.timeout_seconds)
