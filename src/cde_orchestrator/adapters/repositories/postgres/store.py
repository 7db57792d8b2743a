"""The state of one project in PostgreSQL, as far as this process has followed it.

Each read asks for the number of the newest change and fetches those that are new. A change
holds an advisory lock, which PostgreSQL hands on in the order of asking and lets go of with
the connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.adapters.repositories.gitignore import keep_from_git, write_gitignore
from cde_orchestrator.adapters.repositories.postgres import schema, tables
from cde_orchestrator.adapters.repositories.postgres import session as sessions
from cde_orchestrator.adapters.repositories.postgres.archive import PostgresArchive
from cde_orchestrator.adapters.repositories.postgres.session import (
    Connection,
    DisconnectedError,
    PostgresSession,
)
from cde_orchestrator.adapters.repositories.postgres.tables import ProjectHead
from cde_orchestrator.adapters.repositories.stored_projects import Found, StillFits, Work
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import LockTimeoutError, StateError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.process_lock import one_thread
from cde_orchestrator.infrastructure.system.spans import CHECKPOINT, JOURNAL, LOAD, LOCK_WAIT, span
from cde_orchestrator.storage.format.journal import Change, Record, encode_record
from cde_orchestrator.storage.format.json_patch import Document, apply
from cde_orchestrator.storage.loader import IN_PLACE
from cde_orchestrator.storage.read_only import PROBE_EVERY_SECONDS, ReadOnly
from cde_orchestrator.storage.retention import Retention

log = get_logger(__name__)

CHECKPOINT_AFTER_BYTES = 1024 * 1024
"""Journal bytes after which a whole state is kept, if the last one was smaller than that."""


class PostgresStore:
    """One project's state, shared with any number of processes on any number of machines.

    Reading may raise ``StateError`` E201, E202, E205 or E217, and a change E203, E204 and E206
    in addition.

    Args:
        session: the connection, which the stores of a process share.
        mutex: lets one thread at a time use the session.
        key: what names the project in the database; empty when nothing does yet.
        root: the project's folder here; it is in the document instead of the path that
            the project had where it was created.
        retention: how many checkpoints are kept.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        session: PostgresSession,
        mutex: threading.RLock,
        key: str,
        root: Path,
        retention: Retention,
        monotonic: Callable[[], float],
    ) -> None:
        self.key = key
        self.index = FeatureIndex()
        self.document: Document = {}
        self._session = session
        self._mutex = mutex
        self.root = root
        self._retention = retention
        self._monotonic = monotonic
        self._head = ProjectHead()
        self._stored_path = str(root)
        self._changing = False
        self._has_tables = False
        self._obstacle: ReadOnly | None = None
        self._refusal: ReadOnly | None = None
        self._next_probe = 0.0

    @property
    def sequence(self) -> int:
        """The number of the last change that this process has seen."""
        return self._head.sequence

    @property
    def read_only(self) -> ReadOnly | None:
        """Why and since when changes are refused; None while they are not."""
        return self._obstacle or self._refusal

    def snapshot(self) -> tuple[int, Document]:
        """The number of the last change seen, and the state after it."""
        return self.sequence, self.document

    @span(LOAD)
    def refresh(self) -> None:
        """Bring ``document`` up to date."""
        with self._alone():
            if self._changing:
                return  # inside a change it is as new as it gets
            with self._session.translate_errors("E201"):
                self._session.repeatable(self._follow, "follow_state")
                if self._refusal is not None and self._monotonic() >= self._next_probe:
                    self._probe()

    @contextmanager
    def exclusive(self, *, force: bool = False) -> Iterator[None]:
        """Hold the project alone, up to date, for one change.

        ``force``: ask the database at once in read-only mode, not only every few seconds.
        """
        with self._alone():
            with self._session.translate_errors("E203"):
                self._session.repeatable(self._prepare, "make_tables")
                if force and self._refusal is not None:
                    self._probe()
                if self._refusal is not None:
                    raise self._refusal.error()
                self._session.guarded(lambda: self._session.retried(self._begin, "begin_change"))
            self._changing = True
            try:
                yield
            finally:
                self._changing = False
                self._session.rollback()

    def keep_from_git(self) -> None:
        """Keep from git what is local to this machine."""
        write_gitignore(self.root)
        keep_from_git(self.root, self.root)

    @span(JOURNAL)
    def append(self, change: Change, still_fits: StillFits) -> Record:
        """Make a change; it is durable when this returns. Only inside ``exclusive``.

        Where the connection breaks, the journal shows whether the change was made; one that
        was not is made again, if it still fits.

        Raises:
            StateError: E203, E204 or E217, it was not made; E216, that is not known.
        """
        change = replace(change, actor=change.actor.replace("\0", ""))  # which no text may hold
        sent: list[Record] = []
        begun = True

        def is_made(connection: Connection) -> bool:
            checksums = [record.checksum for record in sent]
            return bool(sent) and tables.is_recorded(connection, self.key, checksums)

        def attempt() -> Record:
            nonlocal begun
            if not begun:
                self._begin()
                if self._session.once(is_made):
                    return sent[-1]
                still_fits()
            begun = False
            record = encode_record(self.sequence + 1, self._head.checksum, change)
            before = (self._stored(), self._head)
            self._session.once(lambda it: tables.append(it, self.key, record, *before))
            sent.append(record)
            self._session.once(tables.commit)
            self._advance(record)
            return record

        def repeated() -> Record:
            try:
                return self._session.retried(attempt, "commit_change")
            except (DisconnectedError, LockTimeoutError) as error:
                if sent:  # nor is it known while the broken connection still holds the lock
                    raise StateError.of("E216", path=self._session.where) from error
                raise

        with self._session.translate_errors("E203"):
            try:
                record = self._session.guarded(repeated)
            except psycopg.Error as error:
                self._note_refusal(error)
                raise
        self._tidy()
        return record

    def past(self, work: Work[Found], otherwise: Found) -> Found:
        """What ``work`` finds in the project's past; ``otherwise`` where there is none at all."""

        def found(connection: Connection) -> Found:
            if not self._find_tables(connection):
                return otherwise
            return work(PostgresArchive(connection, self.key))

        with self._alone(), self._session.translate_errors("E201"):
            return self._session.repeatable(found, "read_history")

    def keep_backup(self) -> None:
        """Keep the present state whole, and drop what retention does not keep."""

        def keep(connection: Connection) -> None:
            archive = PostgresArchive(connection, self.key)
            archive.keep(self._stored(), self.sequence, self._head.checksum)
            archive.prune(self._retention)

        with self._alone(), self._session.translate_errors("E203"):
            self._session.repeatable(keep, "keep_backup")

    def repair(self) -> list[str]:
        """Rewrite the present state where it is not what its history leads to; what was done."""

        def repaired(connection: Connection) -> list[str]:
            archive = PostgresArchive(connection, self.key)
            if tables.project_head(connection, self.key).obstacle is not None:
                return []
            damaged = archive.present_damage()
            with connection.transaction():
                tables.lock(connection, self.key, self._session.lock_timeout_seconds)
                if damaged and not archive.renew_present():
                    return []
            return [f"{each.file} was rewritten" for each in damaged]

        with self._alone(), self._session.translate_errors("E203"):
            done = self._session.repeatable(repaired, "repair_state")
            self._forget()
        return done

    def _find_tables(self, connection: Connection) -> bool:
        self._has_tables = self._has_tables or schema.has_tables(connection)
        return self._has_tables

    # Reading

    def _follow(self, connection: Connection) -> None:
        """Take over what is new."""
        if not self._find_tables(connection):
            self._forget()
            return
        try:
            self._take(connection, tables.project_head(connection, self.key))
        except psycopg.errors.ProgrammingError as error:
            version = schema.version_of(connection)
            if error.sqlstate in sessions.UNKNOWN_SHAPE and version > schema.SCHEMA_VERSION:
                where, known = self._session.where, schema.SCHEMA_VERSION
                raise StateError.of("E202", path=where, found=version, supported=known) from error
            raise

    def _take(self, connection: Connection, found: ProjectHead) -> None:
        self._note_obstacle(found.obstacle)
        present = self._head
        if found.sequence == 0:
            self._forget()
        elif (found.sequence, found.checksum) == (present.sequence, present.checksum):
            self._head = found
        elif not (0 < present.sequence < found.sequence and self._replay(connection, found)):
            try:
                self._head, document = tables.load(connection, self.key)
                self.index.follow(document, None)
                self._adopt(document)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                self._forget()
                reason = f"{type(error).__name__}: {error}"
                raise StateError.of("E201", path=self._session.where, reason=reason) from error
            log.info("project_loaded", project_id=document["id"], sequence=self.sequence)

    def _replay(self, connection: Connection, found: ProjectHead) -> bool:
        """Apply what others changed since; False when it does not follow what is known here."""
        present = self._head
        self._head = replace(found, sequence=present.sequence, checksum=present.checksum)
        for stored in tables.records_after(connection, self.key, present.sequence):
            if not stored.follows(self.sequence, self._head.checksum):
                return False
            try:
                self._advance(stored.record)
            except ValueError:
                self._forget()  # it may be half applied
                return False
        return self.sequence >= found.sequence

    def _advance(self, record: Record) -> None:
        changes = record.change.changes
        self.document["path"] = self._stored_path
        self._adopt(apply(self.document, changes, IN_PLACE))
        self._head = replace(
            self._head,
            sequence=record.sequence,
            checksum=record.checksum,
            pending_bytes=self._head.pending_bytes + len(record.line),
        )
        self.index.follow(self.document, changes)

    def _adopt(self, document: Document) -> None:
        self._stored_path = document["path"]
        document["path"] = str(self.root)
        self.document = document

    def _stored(self) -> Document:
        """The document as it is stored, with the path that it has there."""
        if not self.document:
            return {}
        return {**self.document, "path": self._stored_path}

    def _forget(self) -> None:
        self.document, self._head = {}, ProjectHead()
        self.index.follow({}, None)

    # Writing

    def _prepare(self, connection: Connection) -> None:
        if not self._find_tables(connection):
            tables.make_tables(connection, self._session.lock_timeout_seconds)

    @span(LOCK_WAIT)
    def _begin(self) -> None:
        seconds = self._session.lock_timeout_seconds
        self._session.rollback()

        def locked(connection: Connection) -> None:
            self._take(connection, tables.begin(connection, self.key, seconds))

        try:
            self._session.once(locked)
            if self._obstacle is not None:
                raise self._obstacle.error()
        except psycopg.errors.LockNotAvailable as error:
            holder = self._session.once(lambda it: tables.lock_holder(it, self.key))
            raise LockTimeoutError.of("E205", holder=holder, waited_seconds=seconds) from error
        except StateError:
            self._session.rollback()
            raise

    @span(CHECKPOINT)
    def _tidy(self) -> None:
        """Keep the state whole, in step with what was appended; a failure is only logged."""
        found = self._head
        if found.pending_bytes < max(CHECKPOINT_AFTER_BYTES, found.checkpoint_bytes):
            return
        try:
            self.keep_backup()
        except StateError as error:
            log.warning("checkpoint_not_written", server=self._session.where, reason=str(error))
        self._head = replace(found, pending_bytes=0)

    # Read-only mode

    def _note_obstacle(self, reason: str | None) -> None:
        if reason is None:
            self._obstacle = None
        elif self._obstacle is None or self._obstacle.reason != reason:
            log.error("read_only_entered", server=self._session.where, reason=reason)
            self._obstacle = ReadOnly(reason, utc_now())

    def _note_refusal(self, error: psycopg.Error) -> None:
        if error.sqlstate in sessions.REFUSALS:
            self._refusal = ReadOnly(sessions.words_of(error), utc_now())
            self._next_probe = self._monotonic() + PROBE_EVERY_SECONDS
            log.error("read_only_entered", server=self._session.where, reason=self._refusal.reason)

    def _probe(self) -> None:
        """Write something small; read-only mode ends when that works."""
        self._next_probe = self._monotonic() + PROBE_EVERY_SECONDS
        try:
            self._session.once(tables.probe)
        except (psycopg.Error, DisconnectedError) as error:
            log.debug("read_only_probe_failed", reason=str(error))
            return
        log.warning("read_only_left", server=self._session.where)
        self._refusal = None

    def _alone(self) -> AbstractContextManager[None]:
        return one_thread(self._mutex, self._session.lock_timeout_seconds)
