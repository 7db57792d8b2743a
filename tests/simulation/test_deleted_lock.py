"""Processes that change one project while somebody deletes the lock's file again and again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.storage.format.files import StateFiles
from tests.soak import SOAK

WRITERS = 6
CHANGES_EACH = 1_000 if SOAK else 60

WRITER = """
import logging, sys
import structlog
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import CDEError
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
root, lane, changes = sys.argv[1], sys.argv[2], int(sys.argv[3])
repository = FilesystemProjectRepository(lock_timeout_seconds=60.0)
for number in range(changes):
    try:
        with repository.transaction(root) as project:
            project.start_feature("Do it", name=f"lane-{lane}-{number}")
    except CDEError as error:
        print(f"refused {error.code}")
    else:
        print(f"lane-{lane}-{number}")
"""


def test_no_acknowledged_change_is_lost_when_the_lock_is_deleted(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
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
    lock = StateFiles(root).lock
    while any(writer.poll() is None for writer in writers):
        if lock.exists():
            lock.unlink()
            deleted += 1
    said = [line for writer in writers for line in writer.communicate()[0].splitlines()]
    assert deleted > WRITERS
    assert sorted(said) == sorted(
        f"lane-{lane}-{number}" for lane in range(WRITERS) for number in range(CHANGES_EACH)
    )
    fresh = FilesystemProjectRepository()
    assert sorted(feature.name for feature in fresh.get(root).features) == sorted(said)
    assert fresh.verify(root) == []
