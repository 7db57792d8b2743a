"""Frees what a project can do without where its disk is full; nothing of its state or files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.domain.text import counted
from cde_orchestrator.infrastructure.monitoring.telemetry.store import FILE
from cde_orchestrator.infrastructure.observability.logs.retention import rotated_files
from cde_orchestrator.infrastructure.paths import LOG_FILE
from cde_orchestrator.infrastructure.reports.store import REPORTS
from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    unlink,
)
from cde_orchestrator.infrastructure.system.tree import (
    is_file,
    names_in,
    status_of,
)
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.read_only import SPARE_BYTES

REPORTS_KEPT = 20
"""The newest error reports, which somebody may be reading."""


def removable(stored: StateFiles) -> list[Path]:
    """What may go, the least missed first; nothing where the next changes have room."""
    if not _is_short(stored):
        return []
    return [path for path in _dispensable(stored.folder) if is_file(path)]


def freed(stored: StateFiles) -> list[str]:
    """Remove of it what is needed; what was removed, in words."""
    done: list[str] = []
    for path in removable(stored):
        if not _is_short(stored):
            break
        with suppress(OSError):
            size = status_of(path).st_size
            unlink(path)
            done.append(f"{stored.shown(path)} was removed ({counted(size, 'byte')})")
    return done


def _is_short(stored: StateFiles) -> bool:
    """Whether changes would be refused, or the next checkpoint."""
    with suppress(OSError):
        size = stored.state.lstat().st_size if stored.state.is_file() else 0
        return OsFileOps().free_bytes(stored.folder) < 2 * size + SPARE_BYTES
    return False


def _dispensable(folder: Path) -> Iterator[Path]:
    yield from rotated_files(folder.parent / LOG_FILE)
    reports = [name for name in names_in(folder / REPORTS) if name.endswith(".json")]
    yield from (folder / REPORTS / name for name in reports[:-REPORTS_KEPT])
    yield from (folder / f"{FILE}{end}" for end in ("-wal", "-shm", ""))
