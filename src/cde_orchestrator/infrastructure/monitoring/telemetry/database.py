"""The history of the figures as tables of SQLite.

Everything raises ``sqlite3.Error`` or ``OSError``, or ``ValueError`` where what is stored
cannot be understood; ``TelemetryStore`` decides what becomes of that.
"""

from __future__ import annotations

import errno
import math
import os
import sqlite3
import stat
import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample
from cde_orchestrator.infrastructure.system import tree
from cde_orchestrator.infrastructure.system.file_ops import (
    open_regular,
    remove_folder,
    unlink,
)
from cde_orchestrator.infrastructure.system.tree import status_of

SCHEMA = 1
BUSY_SECONDS = 0.05
"""How long to wait for another process that writes; it takes less than a millisecond."""

DAY = 86_400
KEPT_SECONDS: Mapping[int, int] = {
    10: DAY,
    60: 7 * DAY,
    600: 7 * DAY,
    3_600: 30 * DAY,
    21_600: 30 * DAY,
}
"""How long a step of so many seconds is kept. Each sample is added to a step of every length,
so that rolling up is nothing but forgetting the short ones."""

_PAGE_BYTES = 4_096
_SUFFIXES = ("", "-wal", "-shm", "-journal")
_CORRUPT = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR}
)
_TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS steps (
    seconds INTEGER NOT NULL, at INTEGER NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (seconds, at)
) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA};
COMMIT;
"""


class TelemetryDatabase:
    """One connection to the history; the journal of SQLite is in memory.

    A write-ahead log would be of no use: a connection is open for one piece of work only, since
    one that stays open keeps the disk from being unmounted, or mounted read-only. A process
    that is killed while it writes may cost the history.

    Args:
        path: the file; None for a history in memory.

    Attributes:
        connection: for whoever keeps tables of its own in the same file.
        in_memory: whether it ends with the process.
    """

    def __init__(self, path: Path | None) -> None:
        self.in_memory = path is None
        if path is not None:
            _require_plain_files(path)
            _make(path)
        self.connection = sqlite3.connect(
            ":memory:" if path is None else f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        # A history in memory goes with whoever kept it, who may never say that it is done.
        weakref.finalize(self, self.connection.close)
        try:
            self.identity = None if path is None else _identity(path)
            if path is not None and not (self.identity and _is_open(self.identity)):
                raise OSError(errno.ELOOP, "another file is in its place", str(path))
            self._prepare()
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Close it."""
        with suppress(sqlite3.Error):
            self.connection.close()

    def add(self, sample: Sample, at: float) -> None:
        """Add what was measured at a time to the steps that it belongs to."""
        with self.changing():
            for seconds in KEPT_SECONDS:
                begin = int(at // seconds) * seconds
                before = self.connection.execute(
                    "SELECT content FROM steps WHERE seconds = ? AND at = ?", (seconds, begin)
                ).fetchone()
                after = sample
                if before is not None:
                    after = Sample.decoded(before[0])
                    after.merge(sample)
                self.connection.execute(
                    "INSERT OR REPLACE INTO steps VALUES (?, ?, ?)",
                    (seconds, begin, after.encoded()),
                )

    def steps(self, seconds: int, since: float, until: float = math.inf) -> dict[int, Sample]:
        """Steps of a length by when they began, from ``since`` to ``until``, oldest first."""
        rows = self.connection.execute(
            "SELECT at, content FROM steps WHERE seconds = ? AND at BETWEEN ? AND ? ORDER BY at",
            (seconds, since, until),
        ).fetchall()
        return {int(at): Sample.decoded(content) for at, content in rows}

    def tend(self, now: float, most_bytes: int) -> None:
        """Drop what is too old, and the oldest of what is too much.

        Raises:
            ValueError: it is damaged in a way that reading and writing may not notice.
        """
        (found,) = self.connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise ValueError(str(found))
        with self.changing():
            for seconds, kept in KEPT_SECONDS.items():
                self.connection.execute(
                    "DELETE FROM steps WHERE seconds = ? AND (at < ? OR at > ?)",
                    (seconds, now - kept, now + DAY),
                )
        while self._used_bytes() > most_bytes and self._drop_oldest():
            pass
        self.connection.execute("PRAGMA incremental_vacuum").fetchall()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A transaction, alone: committed on success, as it was on an error."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            raise

    def _prepare(self) -> None:
        # A power cut may cost the history: that is cheaper than a sync for each sample.
        self.connection.execute("PRAGMA synchronous = OFF")
        # A journal's file is opened by path, which may lead elsewhere by then.
        self.connection.execute("PRAGMA journal_mode = MEMORY")
        version = self._pragma("user_version")
        if version > SCHEMA:
            # A later version of the product made the file, and may be using it.
            raise OSError(f"its schema is {version}; this version knows {SCHEMA}")
        if version < SCHEMA:
            self.connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self.connection.executescript(_TABLES)

    def _pragma(self, name: str) -> int:
        with closing(self.connection.execute(f"PRAGMA {name}")) as cursor:
            return int(cursor.fetchone()[0])

    def _used_bytes(self) -> int:
        return (self._pragma("page_count") - self._pragma("freelist_count")) * _PAGE_BYTES

    def _drop_oldest(self) -> bool:
        """Drop the oldest tenth of the steps; False when there is none."""
        with self.changing():
            (count,) = self.connection.execute("SELECT count(*) FROM steps").fetchone()
            dropped = self.connection.execute(
                "DELETE FROM steps WHERE (seconds, at) IN"
                " (SELECT seconds, at FROM steps ORDER BY at LIMIT ?)",
                (max(count // 10, 1),),
            )
            return dropped.rowcount > 0


def is_busy(error: Exception) -> bool:
    """Whether another process was writing for too long."""
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_broken(error: Exception) -> bool:
    """Whether the file is damaged, or another file than it should be."""
    short = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHORT_READ
    return short or _code(error) in _CORRUPT or isinstance(error, ValueError)


def remove(path: Path, identity: tuple[int, int] | None) -> None:
    """Remove the file, and what SQLite keeps next to it, unless it was exchanged meanwhile."""
    if identity is not None and _identity(path) not in {identity, None}:
        return
    for suffix in _SUFFIXES:
        unlink(path.with_name(path.name + suffix), missing_ok=True)


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = status_of(path)
        return found.st_dev, found.st_ino
    return None


def _is_open(identity: tuple[int, int]) -> bool:
    """Whether this process has the file open: SQLite opens by path, and might be led elsewhere.

    Where that cannot be said, it does not count; but for a system that reaches no file by
    descriptors, where only a look beforehand protects any file.
    """
    if not tree.HAS_DESCRIPTORS:
        return True
    with suppress(OSError):
        for name in os.listdir("/dev/fd"):  # noqa: PTH208 - numbers
            with suppress(OSError):
                found = os.fstat(int(name))
                if (found.st_dev, found.st_ino) == identity:
                    return True
    return False


def _make(path: Path) -> None:
    """Make an empty file where there is none; one that may only be read will do."""
    try:
        os.close(open_regular(path, os.O_RDWR | os.O_CREAT))
    except OSError as error:
        if error.errno not in {errno.EROFS, errno.EACCES}:
            raise


def _require_plain_files(path: Path) -> None:
    """Remove whatever is no file of its own: a link might lead out of the folder."""
    for suffix in _SUFFIXES:
        found = path.with_name(path.name + suffix)
        try:
            mode = status_of(found).st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(mode):
            remove_folder(found)  # an empty one; any other is somebody's, and an error
        elif not stat.S_ISREG(mode):
            unlink(found)


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
