"""Reads a project's log: JSON lines, in files that rotate and are compressed meanwhile."""

from __future__ import annotations

import gzip
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

import orjson

from cde_orchestrator.application.ports.core import LogEntry
from cde_orchestrator.infrastructure.observability.logs.retention import (
    COMPRESSED,
    is_before,
    name_stamp,
    rotated_files,
)
from cde_orchestrator.infrastructure.observability.logs.setup import log_file
from cde_orchestrator.infrastructure.system.file_ops import open_to_read
from cde_orchestrator.infrastructure.system.tree import status_of

_BEGINNING = b'{"timestamp":"'
_POLL_SECONDS = 0.2
LONGEST_LINE = 1024 * 1024
"""Bytes of a line; somebody may have put anything in the place of a log."""
_TEXTS = (
    *("level", "correlation_id", "operation", "operation_id", "actor", "outcome", "error_code"),
    *("project_id", "feature_id", "feature", "phase_id"),
)


class JsonLogReader:
    """Reads ``.cde/logs``, and lets time pass by ``wait`` while a file that is followed rests."""

    def __init__(self, wait: Callable[[float], None] = time.sleep) -> None:
        self._wait = wait

    def entries(
        self, root: Path, since: datetime | None = None, containing: Sequence[str] = ()
    ) -> Iterator[LogEntry]:
        """The entries, oldest first; files whose last line is older are not even opened."""
        path = log_file(root)
        needed = [text.encode("utf-8", "surrogatepass") for text in containing]
        earliest, oldest = (_stamp(since), name_stamp(since)) if since else ("", "")
        for file in [*rotated_files(path), path]:
            with suppress(OSError, EOFError, zlib.error):  # removed or damaged meanwhile
                if file is not path and is_before(file, oldest):
                    continue
                with _opened(file) as stored:
                    for line in _lines(stored):
                        if all(text in line for text in needed):
                            entry = _decoded(line)
                            if entry is not None and entry["timestamp"] >= earliest:
                                yield entry

    def follow(self, root: Path) -> Iterator[LogEntry]:
        """Entries that are written from now on; rotation is noticed."""
        path = log_file(root)
        file = _open_plain(path)
        if file is not None:
            file.seek(0, os.SEEK_END)
        return self._followed(path, file)

    def _followed(self, path: Path, file: IO[bytes] | None) -> Iterator[LogEntry]:
        pending = b""
        try:
            while True:
                # Nothing is written to a file any more that was replaced before it is read.
                is_over = file is not None and _is_replaced(file, path)
                for piece in _lines(file) if file is not None else ():
                    pending = piece if len(pending) > LONGEST_LINE else pending + piece
                    if is_over or pending.endswith(b"\n"):
                        entry = _decoded(pending)
                        pending = b""
                        if entry is not None:
                            yield entry
                if file is not None and is_over:
                    file.close()
                    file, pending = None, b""
                elif file is not None and _is_truncated(file):
                    file.seek(0)
                    pending = b""
                    continue
                if file is None:
                    file = _open_plain(path)
                    if file is not None:
                        continue
                self._wait(_POLL_SECONDS)
        finally:
            if file is not None:
                file.close()


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    with open_to_read(file, LONGEST_LINE) as stored:
        if file.suffix == COMPRESSED:
            with gzip.open(stored) as lines:
                yield lines  # type: ignore[misc]
        else:
            yield stored


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines; one that is longer than any that is written comes in pieces."""
    return iter(partial(file.readline, LONGEST_LINE), b"")


def _open_plain(path: Path) -> IO[bytes] | None:
    try:
        return open_to_read(path)
    except OSError:
        return None


def _is_replaced(file: IO[bytes], path: Path) -> bool:
    try:
        return not os.path.samestat(os.fstat(file.fileno()), status_of(path))
    except OSError:
        return False


def _is_truncated(file: IO[bytes]) -> bool:
    """Whether the file was made shorter where it lies, as by a shell's ``>``."""
    return os.fstat(file.fileno()).st_size < file.tell()


def _decoded(line: bytes) -> LogEntry | None:
    """The entry of a line; where a writer was killed in the middle of one, that of its end."""
    for candidate in (line, line[max(line.rfind(_BEGINNING), 0) :]):
        if not candidate.startswith(b"{"):
            continue
        try:
            entry = orjson.loads(candidate)
        except orjson.JSONDecodeError:
            continue
        if isinstance(entry, dict) and _is_well_formed(entry):
            return entry
    return None


def _is_well_formed(entry: LogEntry) -> bool:
    """Whether what readers build upon is of the type that they expect; files can be edited."""
    spans = entry.get("spans") or {}
    return (
        _is_moment(entry.get("timestamp"))
        and isinstance(entry.get("event"), str)
        and all(isinstance(entry.get(name), str | None) for name in _TEXTS)
        and isinstance(entry.get("duration_ms"), int | float | None)
        and isinstance(spans, dict)
        and all(isinstance(value, int | float) for value in spans.values())
    )


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
