"""What processes that live for a moment leave for the history: a line each, appended.

To open the history's file costs a command more than all the rest of its end: SQLite has to be
loaded. Whoever opens it next takes the lines into it. A line may be lost, where the process
that takes the lines dies, or one is appended at the very moment in which they are taken.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample, Tally
from cde_orchestrator.infrastructure.system.file_ops import (
    open_regular,
    read_regular_file,
    rename,
    unlink,
)

FILE = "telemetry.db-pending"
MOST_BYTES = 262_144
"""Length at which nothing more is left: somebody has to take it first."""

_WRITING = os.O_WRONLY | os.O_APPEND | os.O_CREAT


def leave(folder: Path, at: float, operations: Mapping[str, Tally]) -> bool:
    """Leave the operations of a process; False where too much waits to be taken already.

    Where nothing can be written they are lost, and nothing is raised. The folder is the
    project's ``.cde``, the time seconds since the epoch.
    """
    stored = {name: each.stored() for name, each in operations.items()}
    try:
        descriptor = open_regular(folder / FILE, _WRITING)
    except OSError:
        return True
    try:
        if os.fstat(descriptor).st_size > MOST_BYTES:
            return False
        with suppress(OSError):
            os.write(descriptor, orjson.dumps({"at": at, "operations": stored}) + b"\n")
    finally:
        os.close(descriptor)
    return True


def take(folder: Path) -> list[tuple[float, Sample]]:
    """All that was left, which nobody else is given; lines of the same ten seconds as one.

    What cannot be read is gone.
    """
    path = folder / FILE
    taken = path.with_name(f"{FILE}.{secrets.token_hex(6)}")
    try:
        rename(path, taken)
    except OSError:
        return []
    data = b""
    with suppress(OSError):
        data, _ = read_regular_file(taken, 2 * MOST_BYTES)
    with suppress(OSError):
        unlink(taken)
    together: dict[int, tuple[float, Sample]] = {}
    for at, sample in _read(data):
        first = together.setdefault(int(at // 10), (at, sample))
        if first[1] is not sample:
            first[1].merge(sample)
    return list(together.values())


def _read(data: bytes) -> Iterator[tuple[float, Sample]]:
    for line in data.splitlines():
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            content = orjson.loads(line)
            tallies = {str(name): _tally(each) for name, each in content["operations"].items()}
            yield float(content["at"]), Sample(tallies)


def _tally(stored: Any) -> Tally:
    if isinstance(stored, list):  # of an older release
        calls, errors, latencies, *refusals = stored
        stored = {"c": calls, "e": errors, "r": sum(refusals), **latencies}
    return Tally.from_stored(stored)
