"""Every statement about the state in PostgreSQL; a change writes what it touched."""

from __future__ import annotations

import os
from collections.abc import Iterator, KeysView, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Literal

from cde_orchestrator.adapters.repositories.postgres import schema
from cde_orchestrator.adapters.repositories.postgres.session import Connection, DisconnectedError
from cde_orchestrator.storage.format.feature_texts import touched_features
from cde_orchestrator.storage.format.journal import Change, Record, encode_record
from cde_orchestrator.storage.format.json_patch import Document, apply, keys_of
from cde_orchestrator.storage.read_only import SPARE_BYTES

_HEAD = SQL(
    "SELECT s.version, coalesce(p.sequence, 0), coalesce(p.checksum, ''),"
    " coalesce(p.pending_bytes, 0), coalesce(p.checkpoint_bytes, 0), pg_is_in_recovery(),"
    " current_setting('transaction_read_only') = 'on',"
    " (SELECT bool_and(has_table_privilege(name, privilege))"
    " FROM unnest(ARRAY['cde_project', 'cde_feature', 'cde_journal', 'cde_checkpoint']) name,"
    " unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) privilege)"
    " FROM cde_schema s LEFT JOIN cde_project p ON p.key = {key}"
)
"""The state of a project, and whether this connection may change it."""
_RECORDS = (
    "SELECT sequence, previous, checksum, changes::text, at, operation, actor, correlation_id"
    " FROM cde_journal WHERE project = %s"
)
_LOCK_KEY = SQL("hashtextextended(current_schema() || '/' || {}, 7031)")
"""What the lock of a project, or of the tables where the key is empty, is known by."""


@dataclass(frozen=True, slots=True)
class ProjectHead:
    """How far a project is in the database.

    Attributes:
        version: of the tables.
        sequence: of the newest change; 0 when there is no project.
        pending_bytes: bytes of the journal since the newest checkpoint.
        checkpoint_bytes: bytes of that.
    """

    version: int = 0
    sequence: int = 0
    checksum: str = ""
    pending_bytes: int = 0
    checkpoint_bytes: int = 0
    is_standby: bool = False
    is_read_only: bool = False
    is_privileged: bool = True

    @property
    def obstacle(self) -> str | None:
        """Why this connection can change nothing; None when it can."""
        if self.version > schema.SCHEMA_VERSION:
            return f"the state is from a newer release (schema version {self.version})"
        if self.is_standby:
            return "the database is a standby"
        if self.is_read_only:
            return "the database accepts no changes (default_transaction_read_only)"
        return None if self.is_privileged else "the user may not write the tables"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A row of the journal.

    Attributes:
        record: what it says, with the checksum of that.
        checksum: the one that it bears.
    """

    record: Record
    checksum: str

    @property
    def whole(self) -> bool:
        """Whether it says what was written."""
        return self.record.checksum == self.checksum

    def follows(self, sequence: int, checksum: str) -> bool:
        """Whether it says what was written, right after the change with these."""
        record = self.record
        return self.whole and (record.sequence, record.previous) == (sequence + 1, checksum)


def project_head(connection: Connection, key: str) -> ProjectHead:
    """How far the project is; the tables must exist."""
    return _decode_head(_together(connection, _HEAD.format(key=Literal(key))))


def begin(connection: Connection, key: str, lock_timeout_seconds: float) -> ProjectHead:
    """Begin a change: wait until no other one is under way, and read how far the project is.

    Raises:
        psycopg.errors.LockNotAvailable: another one was for too long.
    """
    cursor = _together(
        connection,
        SQL("BEGIN ISOLATION LEVEL READ COMMITTED"),
        *_locking(key, lock_timeout_seconds),
        _HEAD.format(key=Literal(key)),
    )
    while cursor.nextset():
        pass
    return _decode_head(cursor)


def lock(connection: Connection, key: str, timeout_seconds: float) -> None:
    """Let no other change be made until this transaction ends; raises what ``begin`` does."""
    _together(connection, *_locking(key, timeout_seconds))


def lock_holder(connection: Connection, key: str) -> str:
    """Who is changing the project, as far as it is known."""
    holders = SQL(
        "SELECT a.application_name, a.pid, coalesce(host(a.client_addr), 'the same machine')"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND ((l.classid::bigint << 32) | l.objid::bigint) = {}"
    )
    row = connection.execute(holders.format(_LOCK_KEY.format(Literal(key)))).fetchone()
    return f"{row[0]}, backend {row[1]}, from {row[2]}" if row else "unknown process"


def make_tables(connection: Connection, timeout_seconds: float) -> None:
    """Make what is missing of the tables; many may try at once."""
    with connection.transaction():
        lock(connection, "", timeout_seconds)
        version = schema.version_of(connection) if schema.has_tables(connection) else 0
        for step in schema.STEPS[version:]:
            connection.execute(step)


def commit(connection: Connection) -> None:
    """Make the change that was appended.

    Raises:
        psycopg.OperationalError: the transaction is gone.
    """
    require_transaction(connection)
    if connection.execute("COMMIT").statusmessage != "COMMIT":
        raise psycopg.OperationalError("the transaction was rolled back")


def require_transaction(connection: Connection) -> None:
    """Make sure that the connection is the one that holds the lock.

    Raises:
        DisconnectedError: it is another one; that one broke.
    """
    if connection.info.transaction_status != psycopg.pq.TransactionStatus.INTRANS:
        raise DisconnectedError("the connection broke during a change", passing=True)


def load(connection: Connection, key: str) -> tuple[ProjectHead, Document]:
    """The project whole, at one moment; an empty document when there is none."""
    own_moment = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    if own_moment:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        return project_head(connection, key), stored_document(connection, key)
    finally:
        if own_moment and not connection.closed:
            connection.execute("ROLLBACK")


def stored_document(connection: Connection, key: str) -> Document:
    """The state as the tables of the present hold it."""
    own = connection.execute("SELECT document::text FROM cde_project WHERE key = %s", [key])
    row = own.fetchone()
    if row is None:
        return {}
    features = connection.execute(
        "SELECT id, document::text FROM cde_feature WHERE project = %s ORDER BY position", [key]
    )
    loaded = {feature_id: orjson.loads(text) for feature_id, text in features}
    return {**orjson.loads(row[0]), "features": loaded}


def append(
    connection: Connection, key: str, record: Record, document: Document, found: ProjectHead
) -> None:
    """Write a change inside a transaction; nobody sees it before the commit.

    ``document`` is the state before it, and ``found`` how far the project was then.
    """
    require_transaction(connection)
    changes = record.change.changes
    touched = touched_features(changes)
    after = _after(document, record, touched)
    head = (record.sequence, record.checksum)
    size = len(record.line)
    if found.sequence == 0:
        insert = "INSERT INTO cde_project VALUES ({}, {}, {}, {}, {}, 0)"
        project = _sql(insert, key, *head, _own(after), size)
    else:
        alters_own = any(keys_of(each["path"])[:1] != ["features"] for each in changes)
        update = (
            "UPDATE cde_project SET sequence = {}, checksum = {},"
            " document = coalesce({}::json, document), pending_bytes = pending_bytes + {}"
            " WHERE key = {}"
        )
        project = _sql(update, *head, _own(after) if alters_own else None, size, key)
    _together(
        connection,
        project,
        _inserting_record(key, record, touched),
        *_writing_features(key, after["features"], touched),
    )


def rewrite(connection: Connection, key: str, document: Document) -> None:
    """Rewrite the present state."""
    _together(
        connection,
        _sql("UPDATE cde_project SET document = {} WHERE key = {}", _own(document), key),
        *_writing_features(key, document["features"], None),
    )


def records_after(connection: Connection, key: str, sequence: int) -> list[StoredRecord]:
    """The changes after one, oldest first."""
    rows = connection.cursor(row_factory=dict_row)
    rows.execute(_RECORDS + " AND sequence > %s ORDER BY sequence", [key, sequence])
    return [_record(**row) for row in rows]


def newest_records(
    connection: Connection, key: str, limit: int, feature_id: str | None, after: int
) -> Iterator[Record]:
    """The changes after one, newest first; those that may be about a feature if its id is given."""
    rows = connection.cursor(row_factory=dict_row)
    rows.execute(
        _RECORDS + " AND (%s::text IS NULL OR features IS NULL OR %s::text = ANY (features))"
        " AND sequence > %s ORDER BY sequence DESC LIMIT %s",
        [key, feature_id, feature_id, after, limit],
    )
    return (_record(**row).record for row in rows.fetchall())


def is_recorded(connection: Connection, key: str, checksums: Sequence[str]) -> bool:
    """Whether one of these changes was made."""
    row = connection.execute(
        "SELECT 1 FROM cde_journal WHERE project = %s AND checksum = ANY (%s)",
        [key, list(checksums)],
    ).fetchone()
    return row is not None


def probe(connection: Connection) -> None:
    """Write durably what takes up new space, and nothing that matters."""
    connection.execute("UPDATE cde_schema SET probe = %s", [os.urandom(SPARE_BYTES)])


def _locking(key: str, timeout_seconds: float) -> Iterator[Composed]:
    """The statements that take the lock, inside a transaction."""
    milliseconds = max(round(timeout_seconds * 1_000), 1)
    yield _sql("SET LOCAL lock_timeout = {}", milliseconds)
    yield _sql("SET LOCAL statement_timeout = {}", milliseconds + 15_000)
    yield SQL("SELECT pg_advisory_xact_lock({})").format(_LOCK_KEY.format(Literal(key)))


def _decode_head(cursor: psycopg.Cursor[tuple[Any, ...]]) -> ProjectHead:
    row = cursor.fetchone()
    return ProjectHead(*row) if row else ProjectHead()


def _after(document: Document, record: Record, touched: KeysView[str] | None) -> Document:
    """What a change makes of the parts that it touches; the state itself stays as it is."""
    if touched is not None:
        features = document["features"]
        part = {key: features[key] for key in touched if key in features}
        document = {**document, "features": part}
    return apply(document, record.change.changes)


def _inserting_record(key: str, record: Record, touched: KeysView[str] | None) -> Composed:
    change = record.change
    return _sql(
        "INSERT INTO cde_journal VALUES ({}, {}, {}, {}, {}, {}, {}::text[], {}, {}, {}, {})",
        *(key, record.sequence, change.at, change.operation, change.actor, change.correlation_id),
        *(None if touched is None else sorted(touched), change.json().decode()),
        *(record.previous, record.checksum, len(record.line)),
    )


def _writing_features(
    key: str, features: Document, touched: KeysView[str] | None
) -> Iterator[Composed]:
    if touched is None:
        yield _sql("DELETE FROM cde_feature WHERE project = {}", key)
    gone = [] if touched is None else sorted(touched - set(features))
    if gone:
        yield _sql("DELETE FROM cde_feature WHERE project = {} AND id = ANY ({})", key, gone)
    if features:
        rows = SQL(", ").join(
            _sql("({}, {}, {})", key, feature_id, _json(feature))
            for feature_id, feature in features.items()
        )
        yield SQL(
            "INSERT INTO cde_feature (project, id, document) VALUES {}"
            " ON CONFLICT (project, id) DO UPDATE SET document = EXCLUDED.document"
        ).format(rows)


def _record(
    sequence: int, previous: str, checksum: str, changes: str, **others: Any
) -> StoredRecord:
    change = Change(**others, changes=orjson.loads(changes))
    return StoredRecord(encode_record(sequence, previous, change), checksum)


def _own(document: Document) -> str:
    """The project's own members."""
    return _json({name: value for name, value in document.items() if name != "features"})


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _sql(statement: LiteralString, *values: object) -> Composed:
    return SQL(statement).format(*map(Literal, values))


def _together(
    connection: Connection, *statements: SQL | Composed
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Send several statements at once: one way there and back, however far the server is."""
    return connection.execute(SQL("; ").join(statements))
