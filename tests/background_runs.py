"""Runs that a test began in the background end with it, however it ends."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.adapters.runners.callers import is_own
from cde_orchestrator.adapters.runners.run_notes import RunNotes, notes_folder
from cde_orchestrator.domain.lease import Process
from tests.waiting import until


def end_runs(root: Path) -> None:
    """Kill every run of the project's features, and wait for its end.

    What a run started ends with it, which its guard sees to.
    """
    for file in notes_folder(root).glob("*.jsonl"):
        if run := RunNotes(root).kept(file.stem):
            _end(run.process)


def _end(process: Process) -> None:
    if is_own(process):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        until(lambda: not is_own(process))
