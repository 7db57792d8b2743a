"""History, verification, backups and restoring of one stored state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry
from cde_orchestrator.infrastructure import checkpoint as checkpoints
from cde_orchestrator.infrastructure.checkpoint import Checkpoint
from cde_orchestrator.infrastructure.file_ops import FileOps
from cde_orchestrator.infrastructure.journal import Record
from cde_orchestrator.infrastructure.patch import Document, keys_of
from cde_orchestrator.infrastructure.state_files import StateFiles
from cde_orchestrator.infrastructure.state_history import StateHistory

_FIELDS_SHOWN = 6


class StateArchive:
    """What the files of a project tell about its past; nothing here changes them."""

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
        found: list[HistoryEntry] = []
        names = {key: feature["name"] for key, feature in document.get("features", {}).items()}
        for record in self._history.records():
            touched = touched_features(record)
            if feature_id is None or touched is None or feature_id in touched:
                found.append(_entry(record, touched, names, feature_id))
            if len(found) >= limit:
                break
        return found

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
        return [_backup(path, found) for path, found in self._history.checkpoints().items()]

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


def touched_features(record: Record) -> set[str] | None:
    """The ids of the features that a change is about; None when it is the whole state."""
    touched: set[str] = set()
    for operation in record.change.changes:
        keys = keys_of(operation["path"])
        if keys in ([], ["features"]):
            return None
        if keys[0] == "features":
            touched.add(keys[1])
    return touched


def _entry(
    record: Record, touched: set[str] | None, names: Mapping[str, str], wanted: str | None
) -> HistoryEntry:
    added = {
        keys[1]: str(operation["value"].get("name", ""))
        for operation in record.change.changes
        if len(keys := keys_of(operation["path"])) == 2
        and operation["op"] == "add"
        and isinstance(operation["value"], dict)
    }
    named = sorted(names.get(key) or added.get(key, key) for key in touched or ())
    own = names.get(wanted, wanted) if wanted else None
    change = record.change
    return HistoryEntry(
        sequence=record.sequence,
        at=change.at,
        operation=change.operation,
        actor=change.actor,
        correlation_id=change.correlation_id,
        feature=own or (", ".join(named[:3]) or None),
        summary=_summary(change.changes),
    )


def _summary(changes: list[dict[str, Any]]) -> str:
    """The fields that a change set, the short values among them with what they became."""
    words: list[str] = []
    for operation in changes:
        keys = keys_of(operation["path"])
        inner = keys[2:] if keys[:1] == ["features"] else keys
        if inner == ["updated_at"]:
            continue
        field = ".".join(inner) or ("feature" if keys else "whole state")
        value = operation.get("value")
        verb = "removed" if operation["op"] == "remove" else "added" if not inner else "set"
        short = isinstance(value, str | int | bool) and len(str(value)) <= 32
        words.append(f"{field}: {value}" if short else f"{field} {verb}")
    more = f" and {len(words) - _FIELDS_SHOWN} more" if len(words) > _FIELDS_SHOWN else ""
    return ", ".join(words[:_FIELDS_SHOWN]) + more or "touched"


def _backup(path: Path, found: Checkpoint | checkpoints.NotACheckpoint) -> Backup:
    size = path.stat().st_size if path.exists() else 0
    if isinstance(found, Checkpoint):
        return Backup(path.name, found.sequence, size, len(found.document["features"]), None)
    return Backup(path.name, 0, size, 0, found.reason)
