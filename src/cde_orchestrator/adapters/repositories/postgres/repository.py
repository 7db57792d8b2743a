"""Projects in PostgreSQL, for teams whose agents run on many machines."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from cde_orchestrator.adapters.repositories.changes import change_made, loaded_project, new_project
from cde_orchestrator.adapters.repositories.codec import project_changes, stored_features
from cde_orchestrator.adapters.repositories.conflicts import require_no_conflict
from cde_orchestrator.adapters.repositories.gitignore import keep_from_git, write_gitignore
from cde_orchestrator.adapters.repositories.postgres.session import PostgresSession
from cde_orchestrator.adapters.repositories.postgres.store import PostgresStore
from cde_orchestrator.adapters.repositories.project_key import ensure_key, key_of
from cde_orchestrator.adapters.repositories.validation import checked_document
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.condition import PartCondition, StateCondition
from cde_orchestrator.domain.exceptions import (
    ConcurrentChangeError,
    ProjectError,
    StateError,
)
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.system.project_path import folder_at
from cde_orchestrator.infrastructure.system.spans import DOMAIN, span
from cde_orchestrator.storage.format.json_patch import Patch, diff
from cde_orchestrator.storage.history_entries import history_entries
from cde_orchestrator.storage.retention import DEFAULT_RETENTION, Retention

log = structlog.get_logger(__name__)


class PostgresProjectRepository:
    """Keeps the state of projects in one database, each under the key in its settings.

    Args:
        url: ``postgresql://...``, as libpq takes it.
        breakers: where the circuit breaker of the database is.
        clock: where the time comes from.
        lock_timeout_seconds: how long a change waits for another one.
        retention: how many backups are kept.
        monotonic: seconds of a clock that never goes back.
        trusted: whether the database may be asked; E218 while it may not.

    Raises:
        ValidationError: E314, the URL is none.
    """

    backend = "postgresql"

    def __init__(
        self,
        url: str,
        breakers: BreakerRegistry | None = None,
        clock: Clock = utc_now,
        lock_timeout_seconds: float = 5.0,
        retention: Retention = DEFAULT_RETENTION,
        monotonic: Callable[[], float] = time.monotonic,
        trusted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._session = PostgresSession(
            url, breakers or BreakerRegistry(), lock_timeout_seconds, trusted
        )
        self._clock = clock
        self._retention = retention
        self._monotonic = monotonic
        self._stores: dict[Path, PostgresStore] = {}
        self._mutex = threading.RLock()

    def get_or_create(
        self, path: Path | str, name: str | None = None, *, new: bool = False
    ) -> Project:
        """The project at ``path``; a new one, in status onboarding, when there is none.

        Args:
            path: the project's folder.
            name: its name; the folder's when None.
            new: of no effect; the database tells whether there is one.

        Raises:
            ProjectError: E001, E002 or E003, the path is no usable folder.
            StateError: E201 to E206, E217.
        """
        root = folder_at(path)
        store = self._store(root)
        store.refresh()
        if not store.document:
            ensure_key(root)
            store = self._store(root)
            with store.exclusive():
                if not store.document:
                    project, whole = new_project(root, name, self._clock)
                    self._commit(store, whole, "create_project", lambda: _require_absent(store))
                    log.info("project_created", project_id=project.id, path=str(root))
        write_gitignore(root)
        keep_from_git(root)
        return self._project(store, root)

    def get(self, path: Path | str) -> Project:
        """The project at ``path``.

        Raises:
            ProjectError: E001, E002, E003, or E004 when there is no project.
            StateError: E201, E202, E205 or E217.
        """
        root = folder_at(path)
        return self._project(self._existing(root), root)

    def save(self, project: Project, force: bool = False) -> None:
        """Keep what was changed in ``project`` since it was loaded.

        Args:
            project: a project that this repository gave.
            force: ask the database at once, even in read-only mode.

        Raises:
            ConcurrentChangeError: E207, somebody else changed the same thing.
            FeatureError: E104, a new feature's name was taken meanwhile.
            StateError: E201 to E206, E216 or E217.
        """
        if not force:
            project.require_writable()
        store = self._store(folder_at(project.path))
        with store.exclusive(force=force):
            _require_present(store, project.path)
            project.read_only_reason = project.read_only_since = None
            changes = project_changes(project)
            require_no_conflict(project, changes, store.document, store.index)
            if changes:
                self._commit_of(project, changes, store, "save_project")
            stored_features(project).rebase(store.document)

    @contextmanager
    def transaction(self, path: Path | str) -> Iterator[Project]:
        """The project, alone and up to date; committed on success, as it was on an error.

        Raises:
            ConcurrentChangeError: E207, the connection broke, and somebody else changed the
                same thing before it stood again.
            ProjectError: E001, E002, E003, or E004 when there is no project.
            StateError: E201 to E206, E216 or E217.
        """
        root = folder_at(path)
        store = self._existing(root)
        with store.exclusive():
            with span(DOMAIN):
                project = self._project(store, root)
                yield project
                changes = project_changes(project)
            if changes:
                operation = call_context().operation or "transaction"
                self._commit_of(project, changes, store, operation)

    def history(
        self, path: Path | str, limit: int, feature: str | None = None
    ) -> list[HistoryEntry]:
        """The newest changes first; those about one feature when its reference is given.

        Raises:
            FeatureError: E102 or E103, no such feature.
        """
        root = folder_at(path)
        store = self._store(root)
        document: dict[str, Any] = {}
        try:
            store.refresh()
            document = store.document
        except StateError as error:
            if feature is not None or error.code != "E201":
                raise
        found = self.get(root).feature(feature).id if feature is not None else None
        return store.archive(
            lambda archive: history_entries(
                archive.newest_records(limit, found), document, limit, found
            ),
            [],
        )

    def state_at(self, path: Path | str, sequence: int | None = None) -> tuple[int, dict[str, Any]]:
        """A sequence, the present one when None, and the state right after it.

        Raises:
            ProjectError: E004, there is no project.
            StateError: E208, the history does not reach there.
        """
        store = self._existing(folder_at(path))
        if sequence is None:
            return store.sequence, copy.deepcopy(store.document)
        return sequence, store.archive(lambda archive: archive.state_at(sequence), {})

    def verify(self, path: Path | str) -> list[Damage]:
        """Judge everything that is stored; works on any state, however broken."""
        store = self._store(folder_at(path))
        return store.archive(lambda archive: archive.verify(), [])

    def peek(self, path: Path | str) -> Project:
        """The project as the database tells it.

        Raises:
            ProjectError: E001 to E004.
            StateError: E201, E202, E205 or E217.
        """
        return self.get(path)

    def repair(self, path: Path | str) -> list[str]:
        """Write the present state anew where it is not what its history leads to.

        Raises:
            StateError: E203 to E206, or E217.
        """
        return self._store(folder_at(path)).repair()

    def condition(self, path: Path | str) -> StateCondition:
        """What is known without asking the database, whose own tools watch what it keeps."""
        return StateCondition(
            f"The state is kept in {self.backend}.",
            journal=PartCondition(f"Changes are kept in {self.backend}."),
            backups=PartCondition(f"Backups are those of {self.backend}."),
            is_in_database=True,
        )

    def backups(self, path: Path | str) -> list[Backup]:
        """The states that were kept whole, oldest first."""
        store = self._store(folder_at(path))
        return store.archive(lambda archive: archive.backups(), [])

    def backup(self, path: Path | str, name: str) -> dict[str, Any]:
        """The state in a backup.

        Raises:
            ProjectError: E004, there is no project.
            StateError: E209, there is no such backup, or it is damaged.
        """
        store = self._existing(folder_at(path))
        return store.archive(lambda archive: archive.backup(name), {})

    def checked_state(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document, if it is a whole and valid state.

        Raises:
            StateError: E210, it is not.
        """
        return checked_document(document)

    def restore(
        self, path: Path | str, document: dict[str, Any], expected_sequence: int | None = None
    ) -> int:
        """Make ``document`` the present state, as one change that can itself be undone.

        Raises:
            ProjectError: E004, there is no project.
            StateError: E203, E204, E206, E210, E216, E217, or E211 when the state is another
                by now.
        """
        root = folder_at(path)
        wanted = {**checked_document(document), "path": str(root)}
        store = self._existing(root)
        with store.exclusive(force=True):
            present = store.sequence
            if expected_sequence not in (None, present):
                raise StateError.of("E211", expected=expected_sequence, found=present)
            store.keep_backup()
            changes = diff(store.document, wanted)
            if changes:
                self._commit(store, changes, "restore_state", lambda: _require_at(store, present))
            return store.sequence

    def compact(self, path: Path | str) -> list[str]:
        """Keep the present state whole and drop what retention does not keep.

        Raises:
            ProjectError: E004, there is no project.
            StateError: E203, E204, E206 or E217.
        """
        store = self._existing(folder_at(path))
        if store.read_only is not None:
            raise store.read_only.error()
        store.keep_backup()
        return [backup.file for backup in self.backups(path)]

    def close(self) -> None:
        """Let go of the connection; never fails."""
        self._session.close()

    def _store(self, root: Path) -> PostgresStore:
        """The project's store; a new one once it has a key."""
        with self._mutex:
            store = self._stores.get(root)
            if store is None or not store.key:
                store = self._stores[root] = PostgresStore(
                    self._session,
                    self._mutex,
                    key_of(root),
                    str(root),
                    self._retention,
                    self._monotonic,
                )
            return store

    def _existing(self, root: Path) -> PostgresStore:
        store = self._store(root)
        store.refresh()
        _require_present(store, str(root))
        return store

    def _project(self, store: PostgresStore, root: Path) -> Project:
        _require_present(store, str(root))
        return loaded_project(store.document, store.index, root, self._clock, store.read_only)

    def _commit_of(
        self, project: Project, changes: Patch, store: PostgresStore, operation: str
    ) -> None:
        def still_fits() -> None:
            _require_present(store, project.path)
            require_no_conflict(project, changes, store.document, store.index)

        self._commit(store, changes, operation, still_fits)

    def _commit(
        self,
        store: PostgresStore,
        changes: Patch,
        operation: str,
        still_fits: Callable[[], None],
    ) -> None:
        change = change_made(changes, operation, self._clock)
        storable = replace(change, actor=change.actor.replace("\0", ""))  # which no text may hold
        record = store.commit(storable, still_fits)
        log.info("project_saved", sequence=record.sequence, bytes=len(record.line))


def _require_present(store: PostgresStore, path: str) -> None:
    """Let nothing be done to a project that is not in the database, or not any more.

    Raises:
        ProjectError: E004.
    """
    if not store.document:
        raise ProjectError.of("E004", path=path)


def _require_absent(store: PostgresStore) -> None:
    """Let nobody make a project over another one.

    Raises:
        ConcurrentChangeError: E207.
    """
    if store.document:
        raise ConcurrentChangeError.of("E207", subject="The project")


def _require_at(store: PostgresStore, sequence: int) -> None:
    """Let nobody restore over a change that was made meanwhile.

    Raises:
        StateError: E211.
    """
    if store.sequence != sequence:
        raise StateError.of("E211", expected=sequence, found=store.sequence)
