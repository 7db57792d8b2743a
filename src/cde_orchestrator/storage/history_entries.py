"""Committed changes in a few words each, from whatever storage the records come."""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping
from typing import Any

from cde_orchestrator.domain.history import HistoryEntry
from cde_orchestrator.storage.format.journal import Record
from cde_orchestrator.storage.format.json_patch import Document, Patch, keys_of

_FIELDS_SHOWN = 6


def history_entries(
    records: Iterable[Record], document: Document, limit: int, feature_id: str | None = None
) -> list[HistoryEntry]:
    """The first of the records, newest first; those about one feature when its id is given.

    There are ``limit`` at the most; ``document``, the present state, has the features' names.
    """
    found: list[HistoryEntry] = []
    names = {key: feature["name"] for key, feature in document.get("features", {}).items()}
    for record in records:
        touched = touched_features(record.change.changes)
        if feature_id is None or touched is None or feature_id in touched:
            found.append(_entry(record, touched, names, feature_id))
        if len(found) >= limit:
            break
    return found


def touched_features(changes: Patch) -> KeysView[str] | None:
    """The ids of the features that a change is about, in its order; None for the whole state."""
    touched: dict[str, None] = {}
    for operation in changes:
        keys = keys_of(operation["path"])
        if keys in ([], ["features"]):
            return None
        if keys[0] == "features":
            touched[keys[1]] = None
    return touched.keys()


def _entry(
    record: Record, touched: KeysView[str] | None, names: Mapping[str, str], wanted: str | None
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
        field = ".".join(inner) or ("feature" if keys else "project")
        value = operation.get("value")
        verb = "removed" if operation["op"] == "remove" else "added" if not inner else "set"
        short = isinstance(value, str | int | bool) and len(str(value)) <= 32
        words.append(f"{field}: {value}" if short else f"{field} {verb}")
    more = f" and {len(words) - _FIELDS_SHOWN} more" if len(words) > _FIELDS_SHOWN else ""
    return ", ".join(words[:_FIELDS_SHOWN]) + more or "touched"
