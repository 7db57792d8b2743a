"""The lock of one project in PostgreSQL, which ends with the transaction that took it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Literal

from cde_orchestrator.adapters.repositories.postgres.session import Connection

_LOCK_KEY = SQL("hashtextextended(current_schema() || '/' || {}, 7031)")


def lock(connection: Connection, key: str, timeout_seconds: float) -> None:
    """Let no other change be made until this transaction ends.

    Raises:
        psycopg.errors.LockNotAvailable: another one was under way for too long.
    """
    together(connection, *locking(key, timeout_seconds))


def lock_holder(connection: Connection, key: str) -> str:
    """Who is changing the project, as far as it is known."""
    query = SQL(
        "SELECT a.application_name, a.pid, coalesce(host(a.client_addr), 'the same machine')"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND ((l.classid::bigint << 32) | l.objid::bigint) = {}"
    )
    row = together(connection, query.format(_LOCK_KEY.format(Literal(key)))).fetchone()
    return f"{row[0]}, backend {row[1]}, from {row[2]}" if row else "unknown process"


def locking(key: str, timeout_seconds: float) -> Iterator[Composed]:
    """The statements that take the lock, inside a transaction."""
    milliseconds = max(round(timeout_seconds * 1_000), 1)
    yield SQL("SET LOCAL lock_timeout = {}").format(Literal(milliseconds))
    yield SQL("SET LOCAL statement_timeout = {}").format(Literal(milliseconds + 15_000))
    yield SQL("SELECT pg_advisory_xact_lock({})").format(_LOCK_KEY.format(Literal(key)))


def together(
    connection: Connection, *statements: SQL | Composed
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Send several statements at once: one way there and back, however far the server is."""
    return connection.execute(SQL("; ").join(statements))
