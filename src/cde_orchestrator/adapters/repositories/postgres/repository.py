"""Projects in PostgreSQL, for teams whose agents run on many machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cde_orchestrator.adapters.repositories.postgres.session import PostgresSession
from cde_orchestrator.adapters.repositories.postgres.store import PostgresStore
from cde_orchestrator.adapters.repositories.project_key import ensure_key, key_of
from cde_orchestrator.adapters.repositories.stored_projects import StoredProjects
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.condition import PartCondition, StateCondition
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.project_path import folder_at
from cde_orchestrator.storage.retention import DEFAULT_RETENTION, Retention


class PostgresProjectRepository(StoredProjects[PostgresStore]):
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
    ) -> None:
        super().__init__(clock)
        breakers = breakers or BreakerRegistry()
        self._session = PostgresSession(url, breakers, lock_timeout_seconds, trusted)
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

    def close(self) -> None:
        """Let go of the connection; never fails."""
        self._session.close()

    def _store(self, root: Path) -> PostgresStore:
        """The project's store; a new one once it has a key."""
        with self._mutex:
            store = self._stores.get(root)
            if store is None or not store.key:
                store = self._stores[root] = PostgresStore(
                    self._session, self._mutex, key_of(root), root, self._retention, self._monotonic
                )
            return store

    def _prepared(self, root: Path, new: bool) -> PostgresStore:
        ensure_key(root)
        return self._store(root)
