"""Committed changes in a few words each, from whatever storage the records come."""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping
from itertools import islice
from typing import Any

from cde_orchestrator.domain.change_sentences import Changed, Member, sentence
from cde_orchestrator.domain.history import HistoryEntry
from cde_orchestrator.domain.text import counted
from cde_orchestrator.storage.format.feature_texts import touched_features
from cde_orchestrator.storage.format.journal import Change, Record
from cde_orchestrator.storage.format.json_patch import Document, Patch, keys_of

_FIELDS_SHOWN = 6
_FEATURES_TOLD = 3


def history_entries(
    records: Iterable[Record], document: Document, limit: int, feature_id: str | None = None
) -> list[HistoryEntry]:
    """The first of the records, newest first; those about one feature when its id is given.

    There are ``limit`` at the most; ``document``, the present state, has the features' names.
    """
    found: list[tuple[Record, KeysView[str] | None]] = []
    features = document.get("features", {})
    for record in records:
        touched = touched_features(record.change.changes)
        if feature_id is None or touched is None or feature_id in touched:
            found.append((record, touched))
        if len(found) >= limit:
            break
    ids = {key for _, touched in found for key in touched or ()} | {feature_id or ""}
    names = {key: features[key]["name"] for key in ids if key in features}
    entries, attempts = [], _Attempts()
    for record, touched in reversed(found):  # oldest first: attempts are counted on the way
        attempts.follow(record.change.changes)
        entries.append(_entry(record, touched, names, feature_id, attempts))
    return entries[::-1]


class _Attempts:
    """How many attempts at each phase count, as far as the changes that were followed say."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, int]] = {}
        self._before: dict[str, dict[str, int]] = {}

    def follow(self, changes: Patch) -> None:
        """Take over what a change says of attempts, in the order of the changes."""
        for operation in changes:
            value = operation.get("value")
            match keys_of(operation["path"]):
                case ["features", feature]:
                    self._made[feature], self._before[feature] = {}, {}
                    phases = value.get("phases", {}) if isinstance(value, dict) else {}
                    for phase, record in phases.items():
                        self._begin(feature, phase, record)
                case ["features", feature, "phases", phase]:
                    self._begin(feature, phase, value)
                case ["features", feature, "phases", phase, "attempts"]:
                    self._made.setdefault(feature, {})[phase] = value or 0
                case ["features", feature, "phases", phase, "work", "attempts_before"]:
                    self._before.setdefault(feature, {})[phase] = value or 0

    def _begin(self, feature: str, phase: str, record: Any) -> None:
        known = record if isinstance(record, dict) else {}
        self._made.setdefault(feature, {})[phase] = known.get("attempts", 0)
        before = (known.get("work") or {}).get("attempts_before", 0)
        self._before.setdefault(feature, {})[phase] = before

    def of(self, feature: str) -> dict[str, int]:
        """The attempts by phase; without those of which it is not known how many count."""
        before = self._before.get(feature, {})
        made = self._made.get(feature, {}).items()
        return {phase: number - before[phase] for phase, number in made if phase in before}


def _entry(
    record: Record,
    touched: KeysView[str] | None,
    names: dict[str, str],
    wanted: str | None,
    attempts: _Attempts,
) -> HistoryEntry:
    for operation in record.change.changes:
        keys, value = keys_of(operation["path"]), operation.get("value")
        if keys[:1] == ["features"] and len(keys) == 2 and isinstance(value, dict):
            names.setdefault(keys[1], str(value.get("name", "")))  # it may be gone by now
    named = sorted(names.get(key) or key for key in touched or ())
    own = names.get(wanted, wanted) if wanted else None
    change = record.change
    summary = _summary(change.changes)
    return HistoryEntry(
        sequence=record.sequence,
        at=change.at,
        operation=change.operation,
        actor=change.actor,
        correlation_id=change.correlation_id,
        feature=own or (", ".join(named[:3]) or None),
        summary=summary,
        event=_event(record.change, touched, names, attempts, wanted) or summary,
    )


def _event(
    change: Change,
    touched: KeysView[str] | None,
    names: Mapping[str, str],
    attempts: _Attempts,
    wanted: str | None,
) -> str | None:
    """What a change was, as a sentence; None where there are no words for it."""
    paths = [(keys_of(each["path"]), each.get("value")) for each in change.changes]
    if not touched:
        own = [Member(tuple(keys), value) for keys, value in paths if keys[:1] != ["features"]]
        return sentence(Changed(change.operation, own))
    told = [wanted] if wanted in touched else islice(touched, _FEATURES_TOLD)
    own_of: dict[str, list[Member]] = {each: [] for each in told}
    for keys, value in paths:
        if keys[:1] == ["features"] and keys[1] in own_of:
            own_of[keys[1]].append(Member(tuple(keys[2:]), value))
    said = [
        sentence(Changed(change.operation, own, names.get(each) or each, attempts.of(each)))
        for each, own in own_of.items()
    ]
    words = ", ".join(dict.fromkeys(filter(None, said)))
    more = 0 if wanted in own_of else len(touched) - len(own_of)
    return f"{words}; and {counted(more, 'feature')} more" if words and more else words or None


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
