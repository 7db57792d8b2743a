"""A project as an earlier release wrote it goes on in this one.

The files in ``tests/fixtures/state-schema-1.zip`` were written by the first release with schema
version 1: onboarding, three features, submissions, progress, a failure, a roll-back, a sealed
segment and a cancellation. They are data, and are never written anew.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.storage.format.files import StateFiles

FIXTURE = Path(__file__).parents[3] / "fixtures" / "state-schema-1.zip"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with zipfile.ZipFile(FIXTURE) as files:
        files.extractall(tmp_path / ".cde")
    return tmp_path


def test_it_is_whole_and_loads_with_each_file_as_it_was(root: Path) -> None:
    repository = FilesystemProjectRepository()
    before = {path: path.read_bytes() for path in (root / ".cde").rglob("*.json*")}
    assert repository.verify(root) == []
    project = repository.get(root)
    assert {feature.name: feature.status for feature in project.features} == {
        "orders": "completed",
        "search": "designing",
        "payment": "cancelled",
    }
    orders = project.feature("orders")
    assert [record.status for record in orders.phases.values()] == [PhaseStatus.COMPLETED] * 3
    assert orders.prompt == "Add orders: für alle, 中文, 🛒"
    assert project.feature("payment").phases["define"].saved()[0].note == "Half of it."
    backups = StateFiles(root).backups
    places = {
        path: backups / path.name if path.parent.name == "backups" else path for path in before
    }
    assert {path: place.read_bytes() for path, place in places.items()} == before


def test_every_state_of_its_past_is_within_reach(root: Path) -> None:
    repository = FilesystemProjectRepository()
    numbers = [entry.sequence for entry in repository.history(root, 100)]
    assert numbers == list(range(max(numbers), 0, -1))
    for number in numbers:
        assert repository.state_at(root, number)[1]["id"] == repository.get(root).id


def test_it_can_be_changed_sealed_and_restored(root: Path) -> None:
    repository = FilesystemProjectRepository()
    present, document = repository.state_at(root)
    with repository.transaction(root) as project:
        project.start_feature("Go on", name="more")
    repository.compact(root)
    assert len(FilesystemProjectRepository().get(root).features) == 4
    repository.restore(root, document)
    again = FilesystemProjectRepository()
    assert again.state_at(root)[1] == again.state_at(root, present)[1]
    assert again.verify(root) == []


@pytest.mark.parametrize("file", ["state.json", "journal.jsonl"])
def test_it_is_mended_as_one_of_its_own(root: Path, file: str) -> None:
    before = FilesystemProjectRepository().state_at(root)
    (StateFiles(root).folder / file).write_bytes(b"")
    again = FilesystemProjectRepository()
    assert again.state_at(root) == before
    assert again.verify(root) == []
