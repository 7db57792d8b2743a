"""How far back a project's history is kept."""

from __future__ import annotations

import stat
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.system.file_ops import FileOps
from cde_orchestrator.infrastructure.system.tree import (
    list_folder,
    status_of,
)
from cde_orchestrator.storage.format.files import StateFiles

log = get_logger(__name__)


class Retention(Value, kw_only=True):
    """What is kept in ``backups``; the newest checkpoint always is.

    Attributes:
        count: checkpoints.
        days: age of a checkpoint.
        total_bytes: checkpoints and segments together.
    """

    count: int = 10
    days: float = 30.0
    total_bytes: int = 256 * 1024 * 1024

    def lets_go(self, times: list[float], total_bytes: int, *, removed: int = 0) -> bool:
        """Whether the oldest of the checkpoints goes, which were made at ``times``.

        All of them take up ``total_bytes``, with the segments. By its age only the first one
        goes, with none ``removed`` before it. The longest time in which none was made does not
        count: it may be none at all, where the clock was wrong.
        """
        pauses = [later - earlier for earlier, later in pairwise([*times, time.time()])]
        too_old = not removed and sum(pauses) - max(pauses) > self.days * 86_400
        count = len(times)
        return count > 1 and (count > self.count or too_old or total_bytes > self.total_bytes)


DEFAULT_RETENTION = Retention()


def prune(files: StateFiles, ops: FileOps, retention: Retention) -> list[Path]:
    """Remove the oldest backups, and the segments that only they would need.

    The newest checkpoint, every segment after it and files of other names are never touched.
    What was removed is returned.
    """
    checkpoints = list(files.checkpoints().items())
    removed: list[Path] = []
    for path, side in files.sides().items():  # one that somebody decided about is a backup
        if not side.is_open and _stat(path)[1] < time.time() - retention.days * 86_400:
            with suppress(OSError):
                ops.unlink(path)
            removed.append(path)
    while checkpoints:
        sequence, path = checkpoints[0]
        total_bytes = sum(_stat(files.backups / name)[0] for name in list_folder(files.backups))
        times = [_stat(each)[1] for _, each in checkpoints]
        if not retention.lets_go(times, total_bytes, removed=len(removed)):
            break
        checkpoints = checkpoints[1:]
        gone = [path, *_segments_before(files, checkpoints[0][0])]
        for each in gone:
            with suppress(OSError):
                ops.unlink(each)
        removed += gone
        log.info("backup_removed", sequence=sequence)
    return removed


def _segments_before(files: StateFiles, sequence: int) -> list[Path]:
    """Segments that end with the checkpoint at ``sequence``, or before it."""
    segments = files.segments().items()
    return [path for (_, path), (following, _) in pairwise(segments) if following <= sequence + 1]


def _stat(path: Path) -> tuple[int, float]:
    """Size and time of a file; nothing, and made just now, where it is gone or is none."""
    try:
        found = status_of(path)
    except OSError:
        return 0, time.time()
    return (found.st_size, found.st_mtime) if stat.S_ISREG(found.st_mode) else (0, time.time())
