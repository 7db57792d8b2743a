"""What is taken out of files of which some are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.forks import Side, keep_side
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.salvage import Salvage, salvage
from cde_orchestrator.storage.store import StateStore
from tests.state_stores import change

OPS = OsFileOps()
PROJECT = "0f8fad5b-d9cb-469f-a165-70867728950e"


def put(store: StateStore, *features: str) -> None:
    for name in features:
        path = f"/features/{name}"
        change(store, [{"op": "add", "path": path, "value": {"id": name, "size": 0}}])


def grow(store: StateStore, name: str, size: int) -> None:
    change(store, [{"op": "add", "path": f"/features/{name}/size", "value": size}])


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    """Changes 1 to 4: the project, and the features a, b and c."""
    store = StateStore(tmp_path)
    document = {"id": PROJECT, "features": {}}
    change(store, [{"op": "add", "path": "", "value": document}])
    put(store, "a", "b", "c")
    return store


def lose(store: StateStore, *sequences: int) -> None:
    """Remove changes from both copies of the active segment."""
    files = store.files
    for path in (files.journal, list(files.segments().values())[-1]):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _has(line, sequences)]
        path.write_bytes(b"".join(kept))


def _has(line: bytes, sequences: tuple[int, ...]) -> bool:
    return any(line.startswith(b'{"sequence":%d,' % number) for number in sequences)


def salvaged(store: StateStore) -> Salvage:
    found = salvage(StateFiles(store.files.root), OPS)
    assert found is not None
    return found


def sizes(found: Salvage) -> dict[str, int]:
    return {key: each["size"] for key, each in found.document["features"].items()}


def test_of_whole_files_it_is_the_present_state(store: StateStore) -> None:
    found = salvaged(store)

    assert found.document == store.document
    assert (found.sequence, found.certain, found.missing, found.is_open) == (4, 4, (), False)
    assert found.before == {}


def test_after_a_gap_features_that_are_whole_again_are_certain(store: StateStore) -> None:
    grow(store, "a", 5)
    put(store, "d")
    grow(store, "d", 6)
    grow(store, "a", 7)
    lose(store, 5)

    found = salvaged(store)

    assert sizes(found) == {"a": 7, "b": 0, "c": 0, "d": 6}
    assert (found.sequence, found.certain, found.missing) == (8, 4, ((5, 5),))
    assert found.before == {"a": {"id": "a", "size": 0}}


def test_what_does_not_fit_after_a_gap_is_left_out(store: StateStore) -> None:
    put(store, "d")
    grow(store, "d", 5)
    lose(store, 5)

    found = salvaged(store)

    assert sizes(found) == {"a": 0, "b": 0, "c": 0}
    assert found.before == {"d": None}


def test_a_change_of_the_whole_state_after_a_gap_makes_it_certain_again(store: StateStore) -> None:
    whole = {"id": PROJECT, "features": {"z": {"id": "z", "size": 1}}}
    put(store, "d")
    change(store, [{"op": "add", "path": "", "value": whole}])
    grow(store, "z", 2)
    lose(store, 5)

    found = salvaged(store)

    assert sizes(found) == {"z": 2}
    assert (found.before, found.missing, found.certain) == ({}, (), 6)


def test_without_a_beginning_it_is_what_later_records_have_whole(store: StateStore) -> None:
    lose(store, 1, 2)
    store.files.state.unlink()

    found = salvaged(store)

    assert found.document == {"features": {key: {"id": key, "size": 0} for key in "bc"}}
    assert found.missing == ((1, 2),)
    assert list(found.used) == [store.files.journal]


def test_records_in_quarantine_continue_the_state_in_use(store: StateStore) -> None:
    put(store, "d")
    kept = store.files.journal.read_bytes()
    lose(store, 5)
    store.files.quarantine.mkdir(exist_ok=True)
    (store.files.quarantine / "20251110T120000000000-journal.jsonl").write_bytes(kept)

    found = salvaged(store)

    assert list(sizes(found)) == ["a", "b", "c", "d"]
    assert found.missing == ()


def test_a_state_in_quarantine_serves_only_where_none_is_in_use(store: StateStore) -> None:
    with store.exclusive():
        store.compact()
    put(store, "d")
    store.close()
    files = store.files
    newest = files.state.read_bytes()
    files.quarantine.mkdir(exist_ok=True)
    (files.quarantine / "20251110T120000000000-state.json").write_bytes(newest)
    files.state.unlink()
    lose(store, 5)
    assert list(sizes(salvaged(store))) == ["a", "b", "c"]

    for path in (*files.segments().values(), *files.checkpoints().values(), files.journal):
        path.write_bytes(b"damaged\n")
    assert list(sizes(salvaged(store))) == ["a", "b", "c", "d"]


def test_more_may_be_missing_where_no_copy_is_whole_to_its_end(store: StateStore) -> None:
    files = store.files
    for path in (files.journal, files.mirror(1)):
        path.write_bytes(path.read_bytes()[:-5])

    found = salvaged(store)

    assert list(sizes(found)) == ["a", "b"]
    assert found.is_open


def test_of_nothing_whole_nothing_is_made(store: StateStore) -> None:
    files = store.files
    for path in (files.journal, files.mirror(1), files.state):
        path.write_bytes(b"damaged\n")

    assert salvage(files, OPS) is None


def test_a_state_of_a_newer_release_is_left_alone(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cde_orchestrator.storage.format.checkpoint.SCHEMA_VERSION", 0)

    with pytest.raises(StateError) as refused:
        salvage(store.files, OPS)

    assert refused.value.code == "E202"


@pytest.mark.parametrize("is_alone", [False, True])
def test_another_side_of_a_fork_serves_where_nothing_else_does(
    store: StateStore, is_alone: bool
) -> None:
    files = store.files
    other = {"id": PROJECT, "features": {"there": {"id": "there", "size": 9}}}
    keep_side(files, OPS, Side(other, 9, "0" * 32), 4)
    if is_alone:
        for path in (files.state, files.journal, *files.everywhere()):
            path.unlink(missing_ok=True)

    found = salvaged(store)

    assert sizes(found) == ({"there": 9} if is_alone else {"a": 0, "b": 0, "c": 0})
    assert found.sequence == (9 if is_alone else 4)
    assert found.missing == ()


def test_a_file_that_claims_any_number_costs_no_memory(store: StateStore) -> None:
    lose(store, 3)
    segment = list(store.files.segments().values())[-1]
    segment.with_name("journal-000999999999.jsonl").write_text("x")

    assert salvaged(store).missing == ((3, 3), (5, 999_999_999))
