"""What killed writers left, and what was put into quarantine."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.domain.exceptions import CDEError, StateError
from cde_orchestrator.infrastructure.system.file_ops import read_bounded
from cde_orchestrator.infrastructure.system.tree import entries_of, names_in
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.quarantine import LOST

STALE_SECONDS = 60.0
"""Age of a temporary file that no writer can still be at work on."""
LARGEST_NOTE_BYTES = 4_096
_TEMPORARY = re.compile(r"\..*\.tmp|\.probe-.*", re.DOTALL)


def leftovers(stored: StateFiles) -> Iterator[CDEError]:
    """Each temporary file that was left (E213)."""
    for path in temporary(stored):
        yield StateError.of("E213", file=stored.shown(path))


def quarantined(stored: StateFiles) -> Iterator[CDEError]:
    """That something is in quarantine (E215), and each note of lost changes (E225)."""
    kept = [name for name in names_in(stored.quarantine) if not name.startswith(".")]
    if kept:
        yield StateError.of("E215", count=len(kept), newest=kept[-1])
    for name in kept:
        if name.endswith(LOST):
            changes = read_bounded(stored.quarantine / name, LARGEST_NOTE_BYTES).decode()
            at = f"{name[:4]}-{name[4:6]}-{name[6:8]}"
            yield StateError.of("E225", at=at, changes=changes, note=name)


def temporary(stored: StateFiles) -> list[Path]:
    """Files that a writer left when it was killed."""
    oldest_in_use = time.time() - STALE_SECONDS
    left: list[Path] = []
    for folder in (stored.folder, stored.backups):
        with suppress(OSError):  # in a folder that is a link is what is somebody else's
            for name, found in entries_of(folder).items():
                if _TEMPORARY.fullmatch(name) and found.st_mtime < oldest_in_use:
                    left.append(folder / name)
    return sorted(left)
