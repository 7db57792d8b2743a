"""Stores of a state on its own, for tests of the files that they write."""

from __future__ import annotations

import pytest

from cde_orchestrator.storage.format import checkpoint, feature_texts
from cde_orchestrator.storage.format.journal import Change
from cde_orchestrator.storage.format.json_patch import Document, Patch
from cde_orchestrator.storage.store import StateStore


def change(store: StateStore, changes: Patch) -> None:
    """Make one change of these operations."""
    with store.exclusive():
        _commit(store, changes)


def put(store: StateStore, *names: str, force: bool = False) -> None:
    """Add a feature of each name, one change each; the first change also makes the project."""
    for name in names:
        changes: Patch = [{"op": "add", "path": f"/features/{name}", "value": {"id": name}}]
        with store.exclusive(force=force):
            if not store.sequence:
                whole: Patch = [{"op": "add", "path": "", "value": {"id": "p", "features": {}}}]
                changes = [*whole, *changes]
            _commit(store, changes)


def seal(store: StateStore) -> None:
    """Seal the journal's active segment."""
    with store.exclusive():
        store.compact()


def sealed(data: bytes) -> bytes:
    """A state file with the checksum that fits, which anybody can compute."""
    checksum, place = checkpoint._digest(data)
    return data[:place] + checksum + data[place + len(checksum) :]


def decoded_from_now_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the features whose texts are decoded, in order and as often as they are."""
    decode, found = feature_texts.decode_text, []

    def noted(text: bytes) -> Document:
        feature = decode(text)
        found.append(feature["id"])
        return feature

    monkeypatch.setattr(feature_texts, "decode_text", noted)
    return found


def _commit(store: StateStore, changes: Patch) -> None:
    store.commit(
        Change(
            at="2026-01-02T03:04:05+00:00",
            operation="put",
            actor="t",
            correlation_id="c",
            changes=changes,
        )
    )
