"""A note of the check that runs for a feature, for everybody who asks about the feature."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cde_orchestrator.application.checks.running import RunningView
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.system.file_ops import read_bounded

NOTE_BYTES = 2_048
"""Of a note, which is written in place and always has this size."""

LINE_LIMIT = 250
SECONDS_BETWEEN = 0.5


@contextmanager
def noted(descriptor: int, offset: int, phase: str) -> Iterator[Watch]:
    """Keep a note in a file meanwhile; yields what takes the lines that are printed.

    Nobody depends on the note: where it cannot be written, the check runs all the same.

    Args:
        descriptor: the file, which stays open.
        offset: where in it the note begins.
        phase: the phase that is checked.
    """
    note = {
        "process": os.getpid(),
        "phase": phase,
        "since": utc_now().isoformat(timespec="seconds"),
        "by": call_context().doer,
        "line": "",
    }
    last = 0.0

    def write(text: str) -> None:
        with suppress(OSError):
            os.pwrite(descriptor, text.encode()[:NOTE_BYTES].ljust(NOTE_BYTES), offset)

    def watch(text: str) -> None:
        nonlocal last
        lines = [line for line in text.splitlines() if line.strip()]
        if lines and time.monotonic() - last >= SECONDS_BETWEEN:
            last = time.monotonic()
            note["line"] = plain(without_secrets(lines[-1]), LINE_LIMIT)
            write(json.dumps(note))

    write(json.dumps(note))
    try:
        yield watch
    finally:
        write("")


def running_by(path: Path, offset: int) -> RunningView | None:
    """What the note in a file says, if the process that keeps it lives."""
    try:
        note: Any = json.loads(read_bounded(path, NOTE_BYTES, offset))
        os.kill(int(note["process"]), 0)
        return {
            "phase": str(note["phase"]),
            "since": str(note["since"]),
            "by": str(note["by"]),
            "line": str(note["line"]),
        }
    except PermissionError:  # it lives, and is another user's
        return None
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return None
