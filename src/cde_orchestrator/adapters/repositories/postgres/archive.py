"""The past of one project in PostgreSQL: whole older states, and the changes between them.

A checkpoint has the content of the file ``state.json``, and is judged as such.
"""

from __future__ import annotations

from cde_orchestrator.adapters.repositories.postgres import tables
from cde_orchestrator.adapters.repositories.postgres.session import Connection
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry
from cde_orchestrator.storage.archive import backup_of
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.checkpoint import Checkpoint
from cde_orchestrator.storage.format.journal import GENESIS
from cde_orchestrator.storage.format.json_patch import Document, apply
from cde_orchestrator.storage.history_entries import history_entries
from cde_orchestrator.storage.loader import IN_PLACE
from cde_orchestrator.storage.retention import Retention


class PostgresArchive:
    """The past of a project, from the tables."""

    def __init__(self, connection: Connection, key: str) -> None:
        self._connection = connection
        self._key = key

    def history(
        self, document: Document, limit: int, feature_id: str | None = None, after: int = 0
    ) -> list[HistoryEntry]:
        """The changes after one, newest first; those about one feature when its id is given."""
        records = tables.newest_records(self._connection, self._key, limit, feature_id, after)
        return history_entries(records, document, limit, feature_id)

    def state_at(self, sequence: int) -> Document:
        """The state right after a change.

        Raises:
            StateError: E208, the history does not reach there.
        """
        base = self._checkpoint_before(sequence)
        number, document, checksum = base.sequence, base.document, base.record_checksum
        for stored in tables.records_after(self._connection, self._key, number):
            record = stored.record
            if record.sequence > sequence or not stored.follows(number, checksum):
                break
            document = apply(document, record.change.changes, IN_PLACE)
            number, checksum = record.sequence, record.checksum
        if number != sequence or not document:
            oldest, newest = self._reach()
            raise StateError.of("E208", sequence=sequence, oldest=oldest, newest=newest)
        return document

    def verify(self) -> list[Damage]:
        """Judge every checkpoint and every record, and the present state by what they lead to."""
        judged = {each: checkpoints.decode(content) for each, content in self._contents().items()}
        findings = [
            Damage(_name(sequence), reason)
            for sequence, found in judged.items()
            if (reason := checkpoints.problem_in(found)) is not None
        ]
        known = [sequence for sequence, found in judged.items() if isinstance(found, Checkpoint)]
        previous: str | None = None
        number = 0
        for stored in tables.records_after(self._connection, self._key, 0):
            record = stored.record
            if not stored.whole:
                reason = "its checksum does not match its content"
                findings.append(Damage(f"change {record.sequence}", reason))
            elif previous is None:
                if record.sequence > 1 and record.sequence - 1 not in known:
                    reason = f"changes 1 to {record.sequence - 1} are missing before it"
                    findings.append(Damage(f"change {record.sequence}", reason))
            elif record.sequence != number + 1 or record.previous != previous:
                reason = f"it does not follow change {number}"
                findings.append(Damage(f"change {record.sequence}", reason))
            number, previous = record.sequence, stored.checksum
        return findings or self.present_damage()

    def backups(self) -> list[Backup]:
        """The checkpoints that are kept, oldest first."""
        return [
            backup_of(_name(sequence), len(content), checkpoints.decode(content))
            for sequence, content in self._contents().items()
        ]

    def backup(self, name: str) -> Document:
        """The state in a checkpoint, by the name that ``backups`` gives it.

        Raises:
            StateError: E209, there is no such backup or it is damaged.
        """
        for sequence, content in self._contents().items():
            found = checkpoints.decode(content) if _name(sequence) == name else None
            if isinstance(found, Checkpoint):
                return found.document
        kept = ", ".join(each.file for each in self.backups() if not each.problem)
        raise StateError.of("E209", backup=name, backups=kept or "none")

    def keep(self, document: Document, sequence: int, checksum: str) -> None:
        """Keep a state whole; one that is kept already is rewritten."""
        content = checkpoints.encode(document, sequence, checksum)
        self._connection.execute(
            "INSERT INTO cde_checkpoint (project, sequence, content) VALUES (%s, %s, %s)"
            " ON CONFLICT (project, sequence) DO UPDATE SET content = EXCLUDED.content",
            [self._key, sequence, content],
        )
        self._connection.execute(
            "UPDATE cde_project SET pending_bytes = 0, checkpoint_bytes = %s WHERE key = %s",
            [len(content), self._key],
        )

    def prune(self, retention: Retention) -> None:
        """Remove the oldest checkpoints, and the changes that only they would need."""
        rows = self._connection.execute(
            "SELECT sequence, extract(epoch FROM made_at)::float8, length(content)"
            " FROM cde_checkpoint WHERE project = %s ORDER BY sequence",
            [self._key],
        ).fetchall()
        journal = self._connection.execute(
            "SELECT sequence, bytes FROM cde_journal WHERE project = %s", [self._key]
        ).fetchall()
        total = sum(row[2] for row in rows) + sum(row[1] for row in journal)
        kept = list(rows)
        while kept and retention.lets_go(
            [row[1] for row in kept], total, removed=len(rows) - len(kept)
        ):
            total -= kept.pop(0)[2]
            total -= sum(row[1] for row in journal if row[0] <= kept[0][0])
            journal = [row for row in journal if row[0] > kept[0][0]]
        if len(kept) < len(rows):
            for statement in (
                "DELETE FROM cde_checkpoint WHERE project = %s AND sequence < %s",
                "DELETE FROM cde_journal WHERE project = %s AND sequence <= %s",
            ):
                self._connection.execute(statement, [self._key, kept[0][0]])

    def present_damage(self) -> list[Damage]:
        """Whether the tables of the present hold what the history leads to."""
        found = tables.project_head(self._connection, self._key)
        if not found.sequence:
            return []
        try:
            wanted = self.state_at(found.sequence)
        except StateError:
            reason = f"the history does not reach to change {found.sequence}"
            return [Damage("the present state", reason)]
        stored = tables.stored_document(self._connection, self._key)
        differing = [
            f"feature {key}"
            for key in {**wanted["features"], **stored["features"]}
            if wanted["features"].get(key) != stored["features"].get(key)
        ]
        own = {**wanted, "features": None} != {**stored, "features": None}
        parts = ["the project itself"] if own else []
        return [Damage(part, "it does not match its history") for part in [*parts, *differing]]

    def renew_present(self) -> bool:
        """Write the tables of the present from the history; False where that does not reach."""
        try:
            document = self.state_at(tables.project_head(self._connection, self._key).sequence)
        except StateError:
            return False
        tables.rewrite(self._connection, self._key, document)
        return True

    def _checkpoint_before(self, sequence: int) -> Checkpoint:
        for number, content in reversed(self._contents(sequence).items()):
            found = checkpoints.decode(content)
            if isinstance(found, Checkpoint) and found.sequence == number:
                return found
        return Checkpoint(0, GENESIS, {}, 0)

    def _contents(self, last: int = 2**62) -> dict[int, bytes]:
        """The checkpoints up to a change as they are stored, by their sequences."""
        rows = self._connection.execute(
            "SELECT sequence, content FROM cde_checkpoint WHERE project = %s AND sequence <= %s"
            " ORDER BY sequence",
            [self._key, last],
        )
        return dict(rows)

    def _reach(self) -> tuple[int, int]:
        row = self._connection.execute(
            "SELECT min(s), max(s) FROM (SELECT sequence FROM cde_journal WHERE project = %s"
            " UNION ALL SELECT sequence FROM cde_checkpoint WHERE project = %s) AS numbers (s)",
            [self._key, self._key],
        ).fetchone()
        return (row[0] or 0, row[1] or 0) if row else (0, 0)


def _name(sequence: int) -> str:
    return f"state-{sequence:012d}.json"
