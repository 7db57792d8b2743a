"""Projects in PostgreSQL, for teams whose agents run on many machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cde_orchestrator.adapters.repositories.filesystem import FolderStore
from cde_orchestrator.adapters.repositories.movable import MovableProjects, is_left, left
from cde_orchestrator.adapters.repositories.postgres.session import PostgresSession
from cde_orchestrator.adapters.repositories.postgres.store import PostgresStore
from cde_orchestrator.adapters.repositories.project_key import ensure_key, key_of, remove_key
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.condition import PartCondition, StateCondition
from cde_orchestrator.domain.exceptions import CDEError, StateError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.project_path import folder_at
from cde_orchestrator.storage.retention import DEFAULT_RETENTION, Retention


class PostgresProjectRepository(MovableProjects[PostgresStore]):
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
    unreadable = frozenset({"E201"})

    def __init__(
        self,
        url: str,
        breakers: BreakerRegistry | None = None,
        clock: Clock = utc_now,
        lock_timeout_seconds: float = 5.0,
        retention: Retention = DEFAULT_RETENTION,
        monotonic: Callable[[], float] = time.monotonic,
        trusted: Callable[[], bool] = lambda: True,
        *,
        of_file: bool = False,
    ) -> None:
        super().__init__(clock)
        breakers = breakers or BreakerRegistry()
        self._session = PostgresSession(
            url, breakers, lock_timeout_seconds, trusted, of_file=of_file
        )
        self._retention = retention
        self._monotonic = monotonic
        self._stores: dict[Path, PostgresStore] = {}
        self._mutex = threading.RLock()

    def repair(self, path: Path | str) -> list[str]:
        """Rewrite the present state where it is not what its history leads to; what was done."""
        return self._store(folder_at(path)).repair()

    def condition(self, path: Path | str) -> StateCondition:
        """What is known without asking the database, whose own tools watch what it keeps."""
        return StateCondition(
            f"The state is kept in {self.backend}.",
            journal=PartCondition(f"Changes are kept in {self.backend}."),
            backups=PartCondition(f"Backups are those of {self.backend}."),
            is_in_database=True,
        )

    def backup(self, path: Path | str, name: str) -> dict[str, Any]:
        """The state in a backup; E004 where the database has no such project."""
        self._existing(path)
        return super().backup(path, name)

    def place(self, root: Path) -> str:
        """The server and the database."""
        return self._session.where

    def name_of(self, root: Path) -> str:
        """The name in the project's settings."""
        return key_of(root)

    def named(self, root: Path, name: str) -> PostgresStore:
        """The store of the project with this name, whatever the settings say."""
        return self._new_store(root, name) if name != key_of(root) else self._store(root)

    @contextmanager
    def receiving(self, root: Path, name: str) -> Iterator[PostgresStore]:
        """The project's store; the settings name it, unless an error comes first."""
        before = key_of(root)
        ensure_key(root, name)
        try:
            yield self._store(root)
        except CDEError as error:
            if not before and error.code != "E216":
                remove_key(root)
            raise

    def let_go(self, root: Path, *, dry_run: bool = False) -> None:
        """Remove the name and the URL from the settings."""
        remove_key(root, dry_run=dry_run)

    def close(self) -> None:
        """Let go of the connection; never fails."""
        self._session.close()

    def _store(self, root: Path) -> PostgresStore:
        """The project's store; a new one once it has a key."""
        with self._mutex:
            store = self._stores.get(root)
            if store is None or not store.key:
                store = self._stores[root] = self._new_store(root, key_of(root))
            return store

    def _new_store(self, root: Path, key: str) -> PostgresStore:
        return PostgresStore(
            self._session, self._mutex, key, root, self._retention, self._monotonic
        )

    def _prepared(self, root: Path, new: bool) -> PostgresStore:
        in_files = self._in_files(root)
        if in_files is not None and not new:
            raise in_files
        if in_files is not None:
            with FolderStore(root).set_aside():
                pass  # the new one is not in files
        ensure_key(root)
        return self._store(root)

    def _missing(self, root: Path) -> CDEError:
        return self._in_files(root) or super()._missing(root)

    def _in_files(self, root: Path) -> StateError | None:
        """What is wrong where the database has no such project: its state is in files.

        E227; E228, the files say that it went to another database.
        """
        store = FolderStore(root)
        if not store.files.exist():
            return None
        features = "unknown"
        with suppress(CDEError):
            document = store.peek()
            if is_left(document) and document["moved"]["to"] != self.place(root):
                return left(root, document)
            features = str(len(document.get("features", {})))
        facts = {"where": self.place(root), "place": str(store.files.folder)}
        return StateError.of("E227", path=str(root), features=features, **facts)
