"""History, verification, backups and restoring of one stored state."""

from __future__ import annotations

from pathlib import Path

import orjson

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry
from cde_orchestrator.infrastructure.system.file_ops import FileOps
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.checkpoint import Checkpoint
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.json_patch import Document, pointer
from cde_orchestrator.storage.history import StateHistory
from cde_orchestrator.storage.history_entries import history_entries


class StateArchive:
    """The past of a project, from its files; nothing here changes them."""

    def __init__(self, files: StateFiles, ops: FileOps) -> None:
        self._files = files
        self._ops = ops
        self._history = StateHistory(files, ops)

    def history(
        self, document: Document, limit: int, feature_id: str | None = None
    ) -> list[HistoryEntry]:
        """The newest changes first; those about one feature when ``feature_id`` is given.

        Args:
            document: the present state, for the names of features.
            limit: how many at the most.
            feature_id: a feature's id.
        """
        records = self._history.records(mentioning=_mentions(feature_id))
        return history_entries(records, document, limit, feature_id)

    def state_at(self, sequence: int) -> Document:
        """The state right after a change.

        Raises:
            StateError: E208, it cannot be reached.
        """
        return self._history.document_at(sequence)

    def verify(self) -> list[Damage]:
        """Every file that is not as it should be."""
        return [
            Damage(str(finding.path.relative_to(self._files.root)), finding.reason)
            for finding in self._history.verify()
        ]

    def backups(self) -> list[Backup]:
        """The checkpoints that are kept, oldest first."""
        return [
            backup_of(path.name, path.stat().st_size if path.exists() else 0, found)
            for path, found in self._history.checkpoints().items()
        ]

    def backup(self, name: str) -> Document:
        """The state in a backup, by the file's name as ``backups`` gives it.

        Raises:
            StateError: E209, there is no such backup or it is damaged.
        """
        for path, found in self._history.checkpoints().items():
            if path.name == Path(name).name and isinstance(found, Checkpoint):
                return found.document
        kept = ", ".join(backup.file for backup in self.backups() if not backup.problem)
        raise StateError.of("E209", backup=name, backups=kept or "none")


def _mentions(feature_id: str | None) -> list[bytes]:
    """What a change's line may have for ``history_entries`` to list it; nothing for any line.

    The journal's JSON has no spaces, and a quote within a text is escaped.
    """
    if feature_id is None:
        return []
    own = orjson.dumps(pointer("features", feature_id))
    return [b'"path":' + own[:-1], b'"path":"/features"', b'"path":""']


def backup_of(name: str, size: int, found: Checkpoint | checkpoints.NotACheckpoint) -> Backup:
    """What is listed of a checkpoint: its name, its size in bytes, and what it holds."""
    if isinstance(found, Checkpoint):
        return Backup(name, found.sequence, size, len(found.document["features"]), None)
    return Backup(name, 0, size, 0, found.reason)
