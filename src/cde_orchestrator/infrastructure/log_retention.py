"""What becomes of rotated log files: compressed, kept for some days, then removed.

Any process may do any of it at any time, and be killed while it does: a compressed file appears
whole or not at all, and the plain one is removed only after that.
"""

from __future__ import annotations

import gzip
import os
import re
import secrets
import shutil
import sys
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

COMPRESSED = ".gz"

_UNFINISHED = ".tmp"
_UNFINISHED_SECONDS = 3_600
_DAY_SECONDS = 86_400
_STAMP = "%Y%m%dT%H%M%S%f"
_ROTATED = re.compile(r"\.\d{8}T\d{12}(\.gz)?")


def rotated_name(path: Path, modified: datetime) -> Path:
    """A free name for a file that was last written at ``modified``; names sort by time."""
    while True:
        candidate = path.with_name(f"{path.name}.{modified.strftime(_STAMP)}")
        if not candidate.exists() and not _compressed(candidate).exists():
            return candidate
        modified += timedelta(microseconds=1)


def rotated_files(path: Path) -> list[Path]:
    """The rotated files of a log file, oldest first; each once, compressed or not."""
    try:
        names = {entry.name for entry in os.scandir(path.parent)}
    except OSError:
        return []
    found = sorted(
        name
        for name in names
        if name.startswith(path.name) and _ROTATED.fullmatch(name[len(path.name) :])
    )
    # While a file is being replaced by its compressed self, both are there.
    return [path.with_name(name) for name in found if name + COMPRESSED not in names]


def is_of_earlier_day(path: Path, now: float) -> bool:
    """Whether the file's last line was written on an earlier day (UTC) than ``now``."""
    return is_due(path, sys.maxsize, now)


def is_due(path: Path, max_bytes: int, now: float) -> bool:
    """Whether to put the file aside: it is too long, or its last line is of an earlier day."""
    try:
        stat = os.stat(path)
    except OSError:
        return False
    if stat.st_size >= max_bytes:
        return True
    return stat.st_size > 0 and stat.st_mtime // _DAY_SECONDS < now // _DAY_SECONDS


def tidy(path: Path, retention_days: int, now: float) -> None:
    """Remove rotated files that are too old, and compress the others; never fails."""
    for file in rotated_files(path):
        with suppress(OSError):
            if _is_old(file, retention_days, now):
                file.unlink()
                file.with_name(file.name.removesuffix(COMPRESSED)).unlink(missing_ok=True)
            elif file.suffix != COMPRESSED:
                _compress(file)
            else:
                file.with_name(file.name.removesuffix(COMPRESSED)).unlink(missing_ok=True)
    for file in path.parent.glob(f"{path.name}.*{_UNFINISHED}"):
        with suppress(OSError):
            if now - file.stat().st_mtime > _UNFINISHED_SECONDS:
                file.unlink()


def tidy_beside(path: Path, retention_days: int, now: float) -> None:
    """``tidy`` in a thread of its own, if there is anything to do."""
    if any(_must_go(file, retention_days, now) for file in rotated_files(path)):
        # No daemon: a short command that rotated compresses before it ends.
        threading.Thread(
            target=tidy, args=(path, retention_days, now), name="cde-log-keeper"
        ).start()


def _must_go(file: Path, retention_days: int, now: float) -> bool:
    return file.suffix != COMPRESSED or _is_old(file, retention_days, now)


def _is_old(file: Path, retention_days: int, now: float) -> bool:
    with suppress(OSError):
        return now - file.stat().st_mtime > retention_days * _DAY_SECONDS
    return False


def _compressed(path: Path) -> Path:
    return path.with_name(path.name + COMPRESSED)


def _compress(path: Path) -> None:
    stat = path.stat()
    unfinished = path.with_name(f"{path.name}{COMPRESSED}.{secrets.token_hex(4)}{_UNFINISHED}")
    try:
        with path.open("rb") as plain, gzip.open(unfinished, "wb", compresslevel=6) as packed:
            shutil.copyfileobj(plain, packed, 1024 * 1024)
        os.utime(unfinished, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        unfinished.replace(_compressed(path))
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)
