"""Runs that a test began in the background end with it, however it ends."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.adapters.runners.callers import is_own
from cde_orchestrator.adapters.runners.run_notes import RunNotes, notes_folder


def end_runs(root: Path) -> None:
    """Kill every run of the project's features, and wait for its end.

    What a run started ends with it, which its guard sees to.
    """
    for file in notes_folder(root).glob("*.jsonl"):
        run = RunNotes(root).kept(file.stem)
        while run is not None and is_own(run.process):
            with suppress(ProcessLookupError):
                os.kill(run.process.pid, signal.SIGKILL)
            time.sleep(0.02)
