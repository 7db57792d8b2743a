"""Processes that change one project while somebody deletes its folder again and again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from tests.simulation.test_deleted_lock import WRITER
from tests.soak import SOAK

WRITERS = 4
CHANGES_EACH = 300 if SOAK else 40


@pytest.mark.parametrize("is_in_repository", [True, False])
def test_no_acknowledged_change_is_lost_when_the_folder_is_deleted(
    tmp_path: Path, is_in_repository: bool
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    if is_in_repository:
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    repository = FilesystemProjectRepository()
    repository.get_or_create(root)
    with repository.transaction(root) as project:
        project.activate()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), str(lane), str(CHANGES_EACH)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for lane in range(WRITERS)
    ]
    deleted = 0
    journal = root / ".cde" / "journal.jsonl"
    while any(writer.poll() is None for writer in writers):
        if journal.exists():
            shutil.rmtree(root / ".cde", ignore_errors=True)
            deleted += 1
    said = [line for writer in writers for line in writer.communicate()[0].splitlines()]
    made = {line for line in said if not line.startswith("refused")}
    assert deleted > WRITERS
    assert len(said) == WRITERS * CHANGES_EACH
    fresh = FilesystemProjectRepository()
    found = {feature.name for feature in fresh.get(root).features}
    assert made <= found
    assert fresh.verify(root) == []
