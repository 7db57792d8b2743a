"""The tables of the state in PostgreSQL, and how they come to be.

``cde_project`` has a project's own members, ``cde_feature`` a row a feature, ``cde_journal``
a row a change, as the journal's lines are, and ``cde_checkpoint`` whole older states. Documents
are of the type ``json``, which keeps order and numbers as they were written.
"""

from __future__ import annotations

from cde_orchestrator.adapters.repositories.postgres.session import Connection

SCHEMA_VERSION = 1

STEPS = (
    """
    CREATE TABLE cde_schema (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        version integer NOT NULL,
        probe bytea
    );
    INSERT INTO cde_schema (version) VALUES (1);
    CREATE TABLE cde_project (
        key text PRIMARY KEY,
        sequence bigint NOT NULL,
        checksum text NOT NULL,
        document json NOT NULL,
        pending_bytes bigint NOT NULL,
        checkpoint_bytes bigint NOT NULL
    );
    CREATE TABLE cde_feature (
        project text NOT NULL REFERENCES cde_project (key) ON DELETE CASCADE,
        id text NOT NULL,
        position bigint GENERATED ALWAYS AS IDENTITY,
        document json NOT NULL,
        PRIMARY KEY (project, id)
    );
    CREATE TABLE cde_journal (
        project text NOT NULL REFERENCES cde_project (key) ON DELETE CASCADE,
        sequence bigint NOT NULL,
        at text NOT NULL,
        operation text NOT NULL,
        actor text NOT NULL,
        correlation_id text NOT NULL,
        features text[],
        changes json NOT NULL,
        previous text NOT NULL,
        checksum text NOT NULL,
        bytes integer NOT NULL,
        PRIMARY KEY (project, sequence)
    );
    CREATE TABLE cde_checkpoint (
        project text NOT NULL REFERENCES cde_project (key) ON DELETE CASCADE,
        sequence bigint NOT NULL,
        made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        content bytea NOT NULL,
        PRIMARY KEY (project, sequence)
    );
    """,
)
"""What brings a database from the version before to each version, 1 first."""


def has_tables(connection: Connection) -> bool:
    """Whether the tables were ever made."""
    # The catalogue's own rows: to_regclass may answer from before the wait for a lock.
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relname = 'cde_schema' AND n.nspname = ANY (current_schemas(false)))"
    ).fetchone()
    return bool(row and row[0])


def version_of(connection: Connection) -> int:
    """The version of the tables."""
    row = connection.execute("SELECT version FROM cde_schema").fetchone()
    return int(row[0]) if row else 0
