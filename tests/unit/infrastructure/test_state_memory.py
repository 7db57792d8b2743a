"""When a reader looks at the files again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.infrastructure import state_memory
from cde_orchestrator.infrastructure.journal import Change
from cde_orchestrator.infrastructure.process_lock import ProcessLock
from cde_orchestrator.infrastructure.state_store import StateStore


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    made = StateStore(tmp_path)
    with made.exclusive():
        document = {"id": "p", "features": {"a": {"id": "a"}}}
        made.commit(
            Change(
                at="now",
                operation="put",
                actor="t",
                correlation_id="c",
                changes=[{"op": "add", "path": "", "value": document}],
            )
        )
    return made


def read(store: StateStore) -> list[str]:
    store.refresh()
    return list(store.document["features"])


def is_mended(store: StateStore) -> bool:
    return store.files.journal.read_bytes() == store.files.mirror(1).read_bytes()


def test_a_reader_does_not_try_to_mend_again_at_each_look(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_memory, "PROBE_EVERY_SECONDS", 1e9)
    store.files.mirror(1).write_bytes(b"damaged\n")
    store.files.quarantine.write_text("in the way")
    reader = StateStore(store.files.root)
    assert read(reader) == ["a"]
    store.files.quarantine.unlink()

    assert read(reader) == ["a"]
    refused = reader.read_only
    assert refused is not None
    assert not is_mended(store)
    with reader.exclusive():
        taken = reader.read_only
    assert taken is None
    assert is_mended(store)


def test_what_was_read_without_the_lock_is_read_again_with_it(store: StateStore) -> None:
    store.files.mirror(1).write_bytes(b"damaged\n")
    reader = StateStore(store.files.root, lock_timeout_seconds=0.05)
    with ProcessLock(store.files.lock).exclusive():
        assert read(reader) == ["a"]
    assert not is_mended(store)

    assert read(reader) == ["a"]
    assert is_mended(store)
