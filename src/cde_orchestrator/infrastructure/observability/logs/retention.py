"""When a log file is put aside, and what becomes of it: compressed, kept for a while, then removed.

All of it goes by the times of the lines, which the names of rotated files repeat: the clock of
the disk may be on another day. Any process may do any of it at any time, and be killed while it
does: a compressed file appears whole or not at all, and the plain one is removed only after that.
Only ordinary files count, and none in a folder that is a link.
"""

from __future__ import annotations

import gzip
import os
import re
import secrets
import stat
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.system.file_ops import (
    open_new,
    open_regular,
    open_to_read,
    rename,
    set_times,
    unlink,
)
from cde_orchestrator.infrastructure.system.tree import (
    entries_of,
    kind_of,
    status_of,
)

COMPRESSED = ".gz"

_UNFINISHED = ".tmp"
_UNFINISHED_SECONDS = 3_600
_STAMP = "%Y%m%dT%H%M%S%f"
_LISTED_AGAIN = 5
_ROTATED = r"\.\d{8}T\d{12}(\.gz)?"
_TIME = re.compile(rb'\{"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})Z"')
_TIME_BYTES = 64
_END_BYTES = 256 * 1024
"""The end of a file in which its last lines are."""


_NO_LOG_BYTES = 1_010_000_000
"""More than the longest file that the settings allow, with its last line."""


class LogRetention(Value):
    """For how many days rotated files are kept, how many, and with how many bytes together.

    The newest one is kept however large it is.
    """

    days: int = 7
    files: int = 100
    total_bytes: int = 256 * 1024 * 1024


def rotated_name(path: Path, last: datetime) -> Path:
    """A free name for a file whose last line is of that time; names sort by time."""
    while True:
        candidate = path.with_name(f"{path.name}.{name_stamp(last)}")
        if not (kind_of(candidate) or kind_of(f"{candidate}{COMPRESSED}")):
            return candidate
        last += timedelta(microseconds=1)


def rotated_files(path: Path) -> list[Path]:
    """The rotated files of a log file, oldest first; each once, compressed or not.

    The folder is listed until two lists agree: what takes another name while it is listed may be
    in the list under neither.
    """
    found = _rotated(path)
    for _ in range(_LISTED_AGAIN):
        before, found = found, _rotated(path)
        if found == before:
            break
    return found


def _rotated(path: Path) -> list[Path]:
    """The same, as one list has them; whoever tidies finds the others the next time."""
    names = _names(path.parent)
    rotated = re.compile(re.escape(path.name) + _ROTATED)
    found = sorted(filter(rotated.fullmatch, names))
    # While a file is being replaced by its compressed self, both are there.
    return [path.with_name(name) for name in found if name + COMPRESSED not in names]


def day_of(lines: bytes) -> bytes:
    """The day (UTC) of the first of some lines, as ``2025-11-10``; empty where it is no line."""
    found = _TIME.match(lines)
    return found[1][:10] if found else b""


def is_due(path: Path, day: bytes, max_bytes: int = sys.maxsize) -> bool:
    """Whether to put it aside before a line of that day: its own is earlier, or it is too long.

    A file is of the day of its first line. Whatever the clocks of those who write it say, no
    file follows one of a later day, so that there is at most one for a day.
    """
    try:
        descriptor = open_regular(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return is_over(descriptor, day, max_bytes)
    finally:
        os.close(descriptor)


def is_over(descriptor: int, day: bytes, max_bytes: int) -> bool:
    """``is_due`` of a file that was opened and not read yet."""
    size = os.fstat(descriptor).st_size
    return size >= max_bytes or (size > 0 and day_of(os.read(descriptor, _TIME_BYTES)) < day)


def last_time(path: Path) -> datetime:
    """The time of the newest of a file's last lines; now where it has none."""
    with open_to_read(path) as file:
        file.seek(max(os.fstat(file.fileno()).st_size - _END_BYTES, 0))
        found = max(_TIME.findall(file.read()), default=None)
    with suppress(ValueError):
        if found is not None:
            return datetime.fromisoformat(f"{found.decode()}+00:00")
    return datetime.now(UTC)


def name_stamp(moment: datetime) -> str:
    """The time as the names of rotated files end with it."""
    return moment.astimezone(UTC).strftime(_STAMP)


def is_before(file: Path, stamp: str) -> bool:
    """Whether all lines of a rotated file are from before the time of that stamp."""
    return file.name.removesuffix(COMPRESSED).rpartition(".")[2] < stamp


def tidy(path: Path, kept: LogRetention, now: float) -> None:
    """Compress rotated files, and remove what is not kept; never fails."""
    for file in _rotated(path):
        with suppress(OSError):
            if status_of(file).st_size > _NO_LOG_BYTES:
                unlink(file)  # no log of ours, and compressing it would take long
                continue
            if file.suffix != COMPRESSED:
                _compress(file)
            unlink(file.with_name(file.name.removesuffix(COMPRESSED)), missing_ok=True)
    for file in _surplus(_rotated(path), kept, now):
        with suppress(OSError):
            unlink(file)
    for name in _names(path.parent):
        if name.startswith(f"{path.name}.") and name.endswith(_UNFINISHED):
            with suppress(OSError):  # both times are of the disk's clock
                file = path.with_name(name)
                if status_of(path).st_mtime - status_of(file).st_mtime > _UNFINISHED_SECONDS:
                    unlink(file)


def tidy_beside(path: Path, kept: LogRetention, now: float) -> None:
    """``tidy`` in a thread of its own, if there is anything to do."""
    rotated = _rotated(path)
    if any(file.suffix != COMPRESSED for file in rotated) or _surplus(rotated, kept, now):
        # No daemon: a short command that rotated compresses before it ends.
        threading.Thread(target=tidy, args=(path, kept, now), name="cde-log-keeper").start()


def _names(folder: Path) -> set[str]:
    """The names of the ordinary files in the folder; none where it is a link."""
    try:
        found = entries_of(folder)
    except OSError:
        return set()
    return {name for name, status in found.items() if stat.S_ISREG(status.st_mode)}


def _surplus(rotated: list[Path], kept: LogRetention, now: float) -> list[Path]:
    """The rotated files that are too old, too many or too much together."""
    oldest = name_stamp(datetime.fromtimestamp(now, UTC) - timedelta(days=kept.days))
    surplus, total = [], 0
    for number, file in enumerate(reversed(rotated)):
        with suppress(OSError):
            total += status_of(file).st_size
        too_much = number >= kept.files or (number and total > kept.total_bytes)
        if too_much or is_before(file, oldest):
            surplus.append(file)
    return surplus


def _compress(path: Path) -> None:
    status = status_of(path)
    unfinished = path.with_name(f"{path.name}{COMPRESSED}.{secrets.token_hex(4)}{_UNFINISHED}")
    try:
        with (
            open_to_read(path) as plain,
            open_new(unfinished) as new,
            gzip.open(new, "wb", compresslevel=6) as packed,
        ):
            while piece := plain.read(1024 * 1024):
                packed.write(piece)
        set_times(unfinished, (status.st_atime_ns, status.st_mtime_ns))
        rename(unfinished, f"{path}{COMPRESSED}")
    except OSError:
        unlink(unfinished, missing_ok=True)
        raise
