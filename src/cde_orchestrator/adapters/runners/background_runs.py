"""Runs of features as processes of their own: started here, and ended from here."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from cde_orchestrator.adapters.runners.callers import is_own
from cde_orchestrator.adapters.runners.run_notes import RunNotes, run_lock
from cde_orchestrator.application.ports.runs import KeptRun
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.infrastructure.observability.correlation import child_environment
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT

log = get_logger(__name__)

BEGIN_SECONDS = 30.0
END_SECONDS = 5.0
_LOOK_SECONDS = 0.02
_SAID_BYTES = 64 * 1024
_REASON_CHARACTERS = 500


class BackgroundRuns(RunNotes):
    """The runs of a project's features; those that begin here have a session of their own."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._root = root

    def start(self, feature_id: str, words: Sequence[str]) -> str:
        """Begin ``cde run``, and wait until it works; why it did not, or empty."""
        before = self.kept(feature_id)
        called = ["run", feature_id, *words, "--json", "--project", str(self._root)]
        # Files without a name, which nobody has to read to the end for the run to go on.
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
            try:
                process = programs.start(
                    programs.python_words("-m", "cde_orchestrator", *called),
                    folder=programs.TOP,
                    stdin=programs.NOTHING,
                    stdout=said,
                    stderr=errors,
                    env={**child_environment(), **programs.python_path()},
                )
            except OSError as error:
                return str(error.strerror or error)
            log.info("run_started", feature_id=feature_id)
            COMPUTE_SLOT.leave()
            deadline = time.monotonic() + BEGIN_SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                kept = self.kept(feature_id)
                if kept is not None and kept != before and kept.process.pid == process.pid:
                    # Somebody has to ask how it ended, or it stays in the list of processes.
                    threading.Thread(
                        target=process.wait, name="cde-run-waiter", daemon=True
                    ).start()
                    return ""
                time.sleep(_LOOK_SECONDS)
            if process.poll() is None:
                process.kill()
                process.wait()
                return f"it did nothing for {BEGIN_SECONDS:.0f} seconds"
            return "" if process.returncode == 0 else _reason(said, errors, process.returncode)

    def stop(self, feature_id: str, run: KeptRun) -> str:
        """End the run as Ctrl-C does; why it did not end, or empty."""
        pid, lock = run.process.pid, run_lock(self._root, feature_id)
        if not is_own(run.process) or not _has_open(pid, lock):
            return f"process {pid} is no run of this user on this machine"
        COMPUTE_SLOT.leave()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while is_own(run.process) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        if is_own(run.process):
            return f"process {pid} was asked to end, and has not ended yet"
        return ""


def _has_open(pid: int, lock: Path) -> bool:
    """Whether the process is the run that holds the lock: a file in the project may name any."""
    import psutil

    try:
        files = psutil.Process(pid).open_files()
        return any(Path(each.path).samefile(lock) for each in files)
    except (psutil.Error, OSError):
        return False


def _reason(said: IO[bytes], errors: IO[bytes], code: int) -> str:
    """Why it ended: the error that it answered with, or else what it wrote last."""
    with suppress(ValueError, LookupError, TypeError):
        error = json.loads(_end_of(said))["error"]
        return f"{error['code']} {error['message']}".rstrip(".")
    lines = _end_of(errors).decode("utf-8", "replace").strip().splitlines() or [f"exit code {code}"]
    return without_secrets(lines[-1].strip(), strict=True)[-_REASON_CHARACTERS:]


def _end_of(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _SAID_BYTES, 0))
    return file.read()
