"""Processes that change one project while somebody deletes the lock's file again and again."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.storage.format.files import StateFiles
from tests.simulation.workload import onboard
from tests.simulation.writers import write
from tests.soak import SOAK

WRITERS = 8
CHANGES_EACH = 1_000 if SOAK else 60


def test_no_acknowledged_change_is_lost_when_the_lock_is_deleted(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    onboard(FilesystemProjectRepository(), root)
    lock = StateFiles(root).lock

    def delete() -> bool:
        if is_there := lock.exists():
            lock.unlink()
        return is_there

    said = write(root, WRITERS, CHANGES_EACH, delete)
    assert sorted(said) == sorted(
        f"lane-{lane}-{number}" for lane in range(WRITERS) for number in range(CHANGES_EACH)
    )
    fresh = FilesystemProjectRepository()
    assert sorted(feature.name for feature in fresh.get(root).features) == sorted(said)
    assert fresh.verify(root) == []
