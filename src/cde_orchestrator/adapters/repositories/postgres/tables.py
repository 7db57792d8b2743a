"""Every statement about the state in PostgreSQL; a change writes what it touched."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from psycopg.sql import SQL, Composed, Literal

from cde_orchestrator.adapters.repositories.postgres.locks import locking, together
from cde_orchestrator.adapters.repositories.postgres.schema import SCHEMA_VERSION
from cde_orchestrator.adapters.repositories.postgres.session import Connection, DisconnectedError
from cde_orchestrator.storage.format.journal import Change, Record, encode_record
from cde_orchestrator.storage.format.json_patch import Document, apply, keys_of
from cde_orchestrator.storage.history_entries import touched_features
from cde_orchestrator.storage.read_only import SPARE_BYTES

_HEAD = SQL(
    "SELECT s.version, p.sequence, p.checksum, p.pending_bytes, p.checkpoint_bytes,"
    " pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',"
    " has_table_privilege('cde_project', 'INSERT')"
    " AND has_table_privilege('cde_project', 'UPDATE')"
    " AND has_table_privilege('cde_project', 'DELETE')"
    " AND has_table_privilege('cde_feature', 'INSERT')"
    " AND has_table_privilege('cde_feature', 'UPDATE')"
    " AND has_table_privilege('cde_feature', 'DELETE')"
    " AND has_table_privilege('cde_journal', 'INSERT')"
    " AND has_table_privilege('cde_journal', 'UPDATE')"
    " AND has_table_privilege('cde_journal', 'DELETE')"
    " AND has_table_privilege('cde_checkpoint', 'INSERT')"
    " AND has_table_privilege('cde_checkpoint', 'UPDATE')"
    " AND has_table_privilege('cde_checkpoint', 'DELETE')"
    " FROM cde_schema s LEFT JOIN cde_project p ON p.key = {key}"
)
"""The state of a project, and whether this connection may change it."""


@dataclass(frozen=True, slots=True)
class ProjectHead:
    """How far a project is in the database.

    Attributes:
        version: of the tables.
        sequence: of the newest change; 0 when there is no project.
        pending_bytes: bytes of the journal since the newest checkpoint.
        checkpoint_bytes: bytes of that.
        obstacle: why this connection can change nothing; None when it can.
    """

    version: int = 0
    sequence: int = 0
    checksum: str = ""
    pending_bytes: int = 0
    checkpoint_bytes: int = 0
    obstacle: str | None = None


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


def project_head(connection: Connection, key: str) -> ProjectHead:
    """How far the project is; the tables must exist."""
    return _decode_head(together(connection, _HEAD.format(key=Literal(key))))


def begin(connection: Connection, key: str, lock_timeout_seconds: float) -> ProjectHead:
    """Begin a change: wait until no other one is under way, and read how far the project is.

    Raises:
        psycopg.errors.LockNotAvailable: another one was for too long.
    """
    cursor = together(
        connection,
        SQL("BEGIN ISOLATION LEVEL READ COMMITTED"),
        *locking(key, lock_timeout_seconds),
        _HEAD.format(key=Literal(key)),
    )
    while cursor.nextset():
        pass
    return _decode_head(cursor)


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
    """Write a change; nobody sees it before the commit.

    Args:
        connection: with a transaction under way.
        key: names the project.
        record: the change.
        document: the state before it.
        found: how far the project was before it.
    """
    require_transaction(connection)
    changes = record.change.changes
    touched = touched_features(changes)
    after = _after(document, record, touched)
    own = {name: value for name, value in after.items() if name != "features"}
    size = len(record.line)
    if found.sequence == 0:
        project = SQL("INSERT INTO cde_project VALUES ({}, {}, {}, {}, {}, 0)").format(
            *map(Literal, (key, record.sequence, record.checksum, _json(own), size))
        )
    else:
        alters_own = any(keys_of(each["path"])[:1] != ["features"] for each in changes)
        project = SQL(
            "UPDATE cde_project SET sequence = {}, checksum = {},"
            " document = coalesce({}::json, document), pending_bytes = pending_bytes + {}"
            " WHERE key = {}"
        ).format(
            *map(
                Literal,
                (record.sequence, record.checksum, _json(own) if alters_own else None, size, key),
            )
        )
    together(
        connection,
        project,
        _inserting_record(key, record, touched),
        *_writing_features(key, after["features"], touched),
    )


def rewrite(connection: Connection, key: str, document: Document) -> None:
    """Rewrite the present state."""
    own = {name: value for name, value in document.items() if name != "features"}
    together(
        connection,
        SQL("UPDATE cde_project SET document = {} WHERE key = {}").format(
            Literal(_json(own)), Literal(key)
        ),
        *_writing_features(key, document["features"], None),
    )


def records_after(connection: Connection, key: str, sequence: int) -> list[StoredRecord]:
    """The changes after one, oldest first."""
    rows = connection.execute(
        "SELECT sequence, previous, at, operation, actor, correlation_id, changes::text, checksum"
        " FROM cde_journal WHERE project = %s AND sequence > %s ORDER BY sequence",
        [key, sequence],
    )
    return [_record(row) for row in rows]


def newest_records(
    connection: Connection, key: str, limit: int, feature_id: str | None
) -> Iterator[Record]:
    """The newest changes first; those that may be about a feature when its id is given."""
    rows = connection.execute(
        "SELECT sequence, previous, at, operation, actor, correlation_id, changes::text, checksum"
        " FROM cde_journal WHERE project = %s"
        " AND (%s::text IS NULL OR features IS NULL OR %s::text = ANY (features))"
        " ORDER BY sequence DESC LIMIT %s",
        [key, feature_id, feature_id, limit],
    )
    return (_record(row).record for row in rows.fetchall())


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


def _decode_head(cursor: psycopg.Cursor[tuple[Any, ...]]) -> ProjectHead:
    row = cursor.fetchone()
    if row is None:
        return ProjectHead()
    version, sequence, checksum, pending, checkpoint, standby, read_only, privileged = row
    obstacle = None
    if version > SCHEMA_VERSION:
        obstacle = f"the state is from a newer release (schema version {version})"
    elif standby:
        obstacle = "the database is a standby"
    elif read_only:
        obstacle = "the database accepts no changes (default_transaction_read_only)"
    elif not privileged:
        obstacle = "the user may not write the tables"
    return ProjectHead(
        version, sequence or 0, checksum or "", pending or 0, checkpoint or 0, obstacle
    )


def _after(document: Document, record: Record, touched: set[str] | None) -> Document:
    """What a change makes of the parts that it touches; the state itself stays as it is."""
    if touched is not None:
        features = document["features"]
        part = {key: features[key] for key in touched if key in features}
        document = {**document, "features": part}
    return apply(document, record.change.changes)


def _inserting_record(key: str, record: Record, touched: set[str] | None) -> Composed:
    change = record.change
    return SQL(
        "INSERT INTO cde_journal VALUES ({}, {}, {}, {}, {}, {}, {}::text[], {}, {}, {}, {})"
    ).format(
        *map(
            Literal,
            (
                key,
                record.sequence,
                change.at,
                change.operation,
                change.actor,
                change.correlation_id,
                None if touched is None else sorted(touched),
                _json(change.changes),
                record.previous,
                record.checksum,
                len(record.line),
            ),
        )
    )


def _writing_features(key: str, features: Document, touched: set[str] | None) -> Iterator[Composed]:
    if touched is None:
        yield SQL("DELETE FROM cde_feature WHERE project = {}").format(Literal(key))
    gone = [] if touched is None else sorted(touched - set(features))
    if gone:
        yield SQL("DELETE FROM cde_feature WHERE project = {} AND id = ANY ({})").format(
            Literal(key), Literal(gone)
        )
    if features:
        rows = SQL(", ").join(
            SQL("({}, {}, {})").format(Literal(key), Literal(feature_id), Literal(_json(feature)))
            for feature_id, feature in features.items()
        )
        yield SQL(
            "INSERT INTO cde_feature (project, id, document) VALUES {}"
            " ON CONFLICT (project, id) DO UPDATE SET document = EXCLUDED.document"
        ).format(rows)


def _record(row: Sequence[Any]) -> StoredRecord:
    sequence, previous, at, operation, actor, correlation_id, changes, checksum = row
    change = Change(
        at=at,
        operation=operation,
        actor=actor,
        correlation_id=correlation_id,
        changes=orjson.loads(changes),
    )
    record = encode_record(sequence, previous, change)
    return StoredRecord(record, checksum)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
