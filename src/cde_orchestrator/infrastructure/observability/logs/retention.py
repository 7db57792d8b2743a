"""What becomes of rotated log files: compressed, kept for some days, then removed.

Any process may do any of it at any time, and be killed while it does: a compressed file appears
whole or not at all, and the plain one is removed only after that. Only ordinary files count, and
none in a folder that is a link.
"""

from __future__ import annotations

import gzip
import os
import re
import secrets
import shutil
import stat
import sys
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from cde_orchestrator.infrastructure.system.file_ops import open_in_own_folder, refuse_link

COMPRESSED = ".gz"

_UNFINISHED = ".tmp"
_UNFINISHED_SECONDS = 3_600
_DAY_SECONDS = 86_400
_STAMP = "%Y%m%dT%H%M%S%f"
_ROTATED = r"\.\d{8}T\d{12}(\.gz)?"


def rotated_name(path: Path, modified: datetime) -> Path:
    """A free name for a file that was last written at ``modified``; names sort by time."""
    while True:
        candidate = path.with_name(f"{path.name}.{modified.strftime(_STAMP)}")
        if not (os.path.lexists(candidate) or os.path.lexists(f"{candidate}{COMPRESSED}")):
            return candidate
        modified += timedelta(microseconds=1)


def rotated_files(path: Path) -> list[Path]:
    """The rotated files of a log file, oldest first; each once, compressed or not."""
    names = _names(path.parent)
    rotated = re.compile(re.escape(path.name) + _ROTATED)
    found = sorted(filter(rotated.fullmatch, names))
    # While a file is being replaced by its compressed self, both are there.
    return [path.with_name(name) for name in found if name + COMPRESSED not in names]


def is_due(path: Path, now: float, max_bytes: int = sys.maxsize) -> bool:
    """Whether to put it aside: its last line is of an earlier day (UTC), or it is too long."""
    try:
        status = path.lstat()
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode):
        return False
    if status.st_size >= max_bytes:
        return True
    return status.st_size > 0 and status.st_mtime // _DAY_SECONDS < now // _DAY_SECONDS


def tidy(path: Path, retention_days: int, now: float) -> None:
    """Remove rotated files that are too old, and compress the others; never fails."""
    for file in rotated_files(path):
        with suppress(OSError):
            if _is_old(file, retention_days, now):
                file.unlink()
            elif file.suffix != COMPRESSED:
                _compress(file)
            file.with_name(file.name.removesuffix(COMPRESSED)).unlink(missing_ok=True)
    for name in _names(path.parent):
        if name.startswith(f"{path.name}.") and name.endswith(_UNFINISHED):
            with suppress(OSError):
                file = path.with_name(name)
                if now - file.stat().st_mtime > _UNFINISHED_SECONDS:
                    file.unlink()


def tidy_beside(path: Path, retention_days: int, now: float) -> None:
    """``tidy`` in a thread of its own, if there is anything to do."""
    if any(
        file.suffix != COMPRESSED or _is_old(file, retention_days, now)
        for file in rotated_files(path)
    ):
        # No daemon: a short command that rotated compresses before it ends.
        threading.Thread(
            target=tidy, args=(path, retention_days, now), name="cde-log-keeper"
        ).start()


def _names(folder: Path) -> set[str]:
    """The names of the ordinary files in the folder; none where it is a link."""
    try:
        refuse_link(folder)
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError:
        return set()


def _is_old(file: Path, retention_days: int, now: float) -> bool:
    with suppress(OSError):
        return now - file.stat().st_mtime > retention_days * _DAY_SECONDS
    return False


def _compress(path: Path) -> None:
    status = path.lstat()
    unfinished = path.with_name(f"{path.name}{COMPRESSED}.{secrets.token_hex(4)}{_UNFINISHED}")
    try:
        with (
            open(path, "rb", opener=open_in_own_folder) as plain,
            gzip.open(unfinished, "xb", compresslevel=6) as packed,
        ):
            shutil.copyfileobj(plain, packed, 1024 * 1024)
        os.utime(unfinished, ns=(status.st_atime_ns, status.st_mtime_ns))
        unfinished.replace(f"{path}{COMPRESSED}")
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
