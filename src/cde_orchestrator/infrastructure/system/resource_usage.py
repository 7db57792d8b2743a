"""What this process and the project take up of the machine."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.infrastructure.system.tree import entries_of, status_of

MB = 2**20
"""Bytes, as figures are shown."""
WALK_EVERY_SECONDS = 30.0
WALK_ENTRIES = 20_000
"""Files that are counted at most for a folder's size; it costs about 0.1 s."""

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def process_memory_bytes() -> int:
    """Bytes of memory that this process occupies."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def memory_percent() -> float:
    """What is in use of the memory, 0 to 100: the machine's, or the control group's if less."""
    import psutil

    machine = psutil.virtual_memory()
    limited = [(used, limit) for used, limit in _group_memory() if 0 < limit < machine.total]
    return max([float(machine.percent), *(100.0 * used / limit for used, limit in limited)])


def _group_memory() -> list[tuple[int, int]]:
    """Bytes in use and allowed, of the control group that this process is in and those above."""
    found = []
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:  # there are none on this system
        return []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            root, limit, used = _CONTROL_GROUPS, "memory.max", "memory.current"
        elif controllers == "memory":
            root = _CONTROL_GROUPS / "memory"
            limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        folder = root / path.strip("/")
        # A container may see its own group as the root, whatever the path says.
        for each in dict.fromkeys((folder, *folder.parents, root)):
            if each.is_relative_to(root):
                found += _memory_of(each, limit, used)
    return found


def _memory_of(group: Path, limit: str, used: str) -> list[tuple[int, int]]:
    try:
        allowed = (group / limit).read_text().strip()
        if allowed == "max":
            return []
        # What the kernel only keeps because there is room is not in use.
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        kept = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
        return [(int((group / used).read_text()) - kept, int(allowed))]
    except (OSError, ValueError):
        return []


class FolderSize:
    """What a folder takes up on the disk; looked up at most every half minute."""

    def __init__(self, folder: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._mutex = threading.Lock()
        self._bytes = 0
        self._next = float("-inf")

    def bytes(self) -> int:
        """Bytes of the blocks of its files; a file with several names counts once."""
        with self._mutex:
            if self._monotonic() >= self._next:
                self._bytes = _occupied(self._folder)
                self._next = self._monotonic() + WALK_EVERY_SECONDS
            return self._bytes


def _occupied(folder: Path) -> int:
    total, left = 0, WALK_ENTRIES
    seen: set[tuple[int, int]] = set()
    folders = [str(folder)]
    while folders and left > 0:
        with suppress(OSError):  # it went meanwhile, or may not be seen
            here = folders.pop()
            total += _blocks(status_of(here))
            for name, found in entries_of(here, left).items():
                left -= 1
                if stat.S_ISDIR(found.st_mode):
                    folders.append(os.path.join(here, name))  # noqa: PTH118 - of many
                else:
                    total += _own_blocks(found, seen)
    return total


def _own_blocks(found: os.stat_result, seen: set[tuple[int, int]]) -> int:
    if found.st_nlink > 1:
        if (found.st_dev, found.st_ino) in seen:
            return 0
        seen.add((found.st_dev, found.st_ino))
    return _blocks(found)


def _blocks(found: os.stat_result) -> int:
    # Windows reports no blocks; the unit of the others is 512 bytes whatever the disk's is.
    return found.st_blocks * 512 if hasattr(found, "st_blocks") else found.st_size
