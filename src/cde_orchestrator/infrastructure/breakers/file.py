"""Shares a breaker between the processes of one project, through small files in ``.cde``.

``NAME.json`` holds the record; it is replaced whole, under a lock. ``NAME.trial`` is locked
while a trial runs, by the process that runs it: the kernel lets go of it however that process
ends, so a trial that died never blocks the next one.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import orjson

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.breakers.record import BreakerRecord, Change
from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    read_bounded,
    replace_file,
)
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.infrastructure.system.tree import status_of

log = get_logger(__name__)

LOCK_SECONDS = 1.0
_SIZE_LIMIT = 16_384

Signature = tuple[int, int, int]


class BreakerFile:
    """One breaker's record on disk.

    Times are kept as seconds that are left and the wall clock's time when they were written:
    the breaker's own clock means nothing to another process, and the wall clock may be set
    meanwhile, so that what is left is never taken for more than it was.

    Args:
        folder: where the files are; made when something is first written.
        name: the breaker's name, fit for a file's name.
        clock: the breaker's own clock.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._path = folder / f"{name}.json"
        self._name = str(self._path)
        self._lock = ProcessLock(folder / f"{name}.lock", LOCK_SECONDS)
        self._trial = ProcessLock(folder / f"{name}.trial", 0.0)
        self._clock = clock
        self._wall = wall
        self._seen: Signature | None = None
        self.longest_seconds = math.inf
        """No record keeps the breaker open for longer, whatever it says."""

    def is_news(self) -> bool:
        """Whether the file is another than when it was last read or written here."""
        return self._signature() != self._seen

    def read(self) -> BreakerRecord:
        """The record; a closed one when there is none, or none that can be understood."""
        self._seen = self._signature()
        try:
            content = orjson.loads(read_bounded(self._path, _SIZE_LIMIT))
            record = BreakerRecord(**content["record"], failed_at=content.get("failed_ago"))
            record.check()
            now, passed = self._clock(), max(self._wall() - content["written_at"], 0.0)
            if record.failed_at is not None:
                record = replace(record, failed_at=now - record.failed_at - passed)
            if record.until is None:
                return record
            left = min(record.until, self.longest_seconds) - passed
            return replace(record, until=now + max(left, 0.0))
        except FileNotFoundError:
            return BreakerRecord()
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("breaker_record_unreadable", path=self._name, reason=str(error))
            return BreakerRecord()

    def update(self, change: Change) -> tuple[BreakerRecord, BreakerRecord]:
        """Change the record, alone; what it was before and is then.

        Raises:
            LockTimeoutError: E205, another process did not let go of it.
            OSError: it cannot be written.
        """
        OsFileOps().make_folder(self._path.parent)
        with self._lock.exclusive():
            before = self.read()
            after = change(before)
            if after != before:
                self._write(after)
            return before, after

    def begin_trial(self) -> Callable[[], None] | None:
        """Take the right to try; what ends the trial, or None while somebody else tries."""
        descriptor = self._trial.attempt()
        if descriptor is None:
            return None
        return lambda: os.close(descriptor)

    def _write(self, record: BreakerRecord) -> None:
        content, now = asdict(record), self._clock()
        failed_at = content.pop("failed_at")
        if record.until is not None:
            content["until"] = max(record.until - now, 0.0)
        ago = None if failed_at is None else now - failed_at
        data = orjson.dumps({"record": content, "failed_ago": ago, "written_at": self._wall()})
        replace_file(OsFileOps(), self._path, data)
        self._seen = self._signature()

    def _signature(self) -> Signature | None:
        with suppress(OSError):
            found = status_of(self._path)
            return found.st_ino, found.st_mtime_ns, found.st_size
        return None
