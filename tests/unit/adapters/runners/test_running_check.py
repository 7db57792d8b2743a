"""The note of a check that runs says who runs it."""

from __future__ import annotations

import os
from pathlib import Path

from cde_orchestrator.adapters.runners.running_check import noted, running_by
from cde_orchestrator.domain.lease import COMMAND_LINE
from cde_orchestrator.infrastructure.observability.correlation import calling


def test_it_names_the_caller_as_the_journal_does(tmp_path: Path) -> None:
    path = tmp_path / "note"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        with calling(COMMAND_LINE, agent="ann"), noted(descriptor, 0, "build"):
            running = running_by(path, 0)
    finally:
        os.close(descriptor)
    assert running is not None
    assert (running["phase"], running["by"]) == ("build", "cli (ann)")
