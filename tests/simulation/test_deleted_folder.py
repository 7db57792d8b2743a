"""Processes that change one project while somebody deletes its folder again and again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from tests.repository import git
from tests.simulation.workload import onboard
from tests.simulation.writers import write
from tests.soak import SOAK

WRITERS = 4
CHANGES_EACH = 300 if SOAK else 40
MAY_COME = {"E203"}
"""What a change is refused with whose files went while it was being made."""


@pytest.mark.parametrize("is_in_repository", [True, False])
def test_no_acknowledged_change_is_lost_when_the_folder_is_deleted(
    tmp_path: Path, is_in_repository: bool
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    if is_in_repository:
        git(root, "init", "--quiet")
    onboard(FilesystemProjectRepository(), root)
    journal = root / ".cde" / "journal.jsonl"

    def delete() -> bool:
        if is_there := journal.exists():
            shutil.rmtree(root / ".cde", ignore_errors=True)
        return is_there

    said = write(root, WRITERS, CHANGES_EACH, delete)
    made = {line for line in said if not line.startswith("refused")}
    assert made
    assert {line.removeprefix("refused ") for line in said if line not in made} <= MAY_COME
    fresh = FilesystemProjectRepository()
    found = {feature.name for feature in fresh.get(root).features}
    assert made <= found
    assert fresh.verify(root) == []
