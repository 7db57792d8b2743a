"""Processes that change one project at the same time, while somebody is in their way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


def write(root: Path, writers: int, changes: int, meanwhile: Callable[[], bool]) -> list[str]:
    """A line for each change: the feature's name, or that it was refused and why.

    Args:
        root: the project's folder.
        writers: how many processes there are.
        changes: how many each of them makes.
        meanwhile: is called again and again; whether it got in their way. It has to more often
            than there are processes.
    """
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), str(lane), str(changes)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for lane in range(writers)
    ]
    hindered = 0
    while any(each.poll() is None for each in running):
        hindered += meanwhile()
    said = [line for each in running for line in each.communicate()[0].splitlines()]
    assert [each.returncode for each in running] == [0] * writers
    assert hindered > writers
    assert len(said) == writers * changes
    return said
