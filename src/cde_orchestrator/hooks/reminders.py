"""How often a session was reminded of a phase: local state, a small file for each session."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.infrastructure.paths import RUNS
from cde_orchestrator.infrastructure.system.file_ops import (
    make_own_folder,
    read_bounded,
    replace_file,
    unlink,
)
from cde_orchestrator.infrastructure.system.project_home import local_folder
from cde_orchestrator.infrastructure.system.tree import names_in, status_of
from cde_orchestrator.infrastructure.system.unsynced import UnsyncedFileOps

MOST = 3
"""Reminders of one attempt at a phase, in one session."""

_LIMIT_BYTES = 64 * 1024
_KEPT_SECONDS = 7 * 24 * 3600
_BEGIN = "hook-"


def count_reminder(root: Path, session: str, subject: str) -> int | None:
    """Count one more reminder of a subject; None where it is one too many, or is not counted."""
    folder = local_folder(root) / RUNS
    path = folder / f"{_BEGIN}{hashlib.blake2b(session.encode(), digest_size=8).hexdigest()}.json"
    counts: dict[str, int] = {}
    with suppress(OSError, ValueError):
        counts = json.loads(read_bounded(path, _LIMIT_BYTES))
    number = counts.get(subject, 0) + 1
    if number > MOST:
        return None
    counts[subject] = number
    try:
        make_own_folder(folder)
        replace_file(UnsyncedFileOps(), path, json.dumps(counts).encode())
    except OSError:  # a reminder that cannot be counted would be repeated for ever
        return None
    if number == 1:
        _remove_old(folder)
    return number


def _remove_old(folder: Path) -> None:
    for name in names_in(folder):
        with suppress(OSError):
            if name.startswith(_BEGIN):
                path = folder / name
                if time.time() - status_of(path).st_mtime > _KEPT_SECONDS:
                    unlink(path)
