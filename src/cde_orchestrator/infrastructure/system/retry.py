"""The one way in which anything is tried again: what is transient, jittered, and bounded.

Nothing is tried again that may have been applied: whoever retries a change gives a ``when``
that first makes sure that the change was undone. A lock that was not had within its time-out
is not transient; its time-out was the wait.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.file_ops import FileOps

log = get_logger(__name__)

Result = TypeVar("Result")

ATTEMPTS = 4
TIMEOUT_SECONDS = 2.0
"""No new try is begun after this, counted from the first failure."""

_FIRST_WAIT_SECONDS = 0.01
_LONGEST_WAIT_SECONDS = 0.5
_JITTER_SECONDS = 0.02

_TRANSIENT = frozenset({errno.EINTR, errno.EAGAIN, errno.EWOULDBLOCK, errno.ESTALE, errno.ENOLCK})
# A disk or a network file system may refuse once what it gives the next moment. A write
# that met EIO may be lost for ever although the next fsync succeeds: never retried.
_TRANSIENT_ON_READING = _TRANSIENT | {errno.EIO, errno.ETIMEDOUT}
# No process or memory to be had just now; a program that is being replaced by its update.
_TRANSIENT_ON_STARTING = frozenset({errno.EINTR, errno.EAGAIN, errno.ENOMEM, errno.ETXTBSY})
# PostgreSQL rolled the transaction back: serialization failure, deadlock.
_ROLLED_BACK = frozenset({"40001", "40P01"})
# PostgreSQL: connection exceptions, and a server that is shutting down or starting.
_DISCONNECTED = ("08", "57P01", "57P02", "57P03")


def is_transient(error: BaseException) -> bool:
    """Whether the same may succeed in a moment, and this try has surely changed nothing."""
    if isinstance(error, OSError):
        return error.errno in _TRANSIENT
    return getattr(error, "sqlstate", None) in _ROLLED_BACK


def is_transient_on_reading(error: BaseException) -> bool:
    """The same for what changes nothing in any case: a connection may break, a read fail."""
    if isinstance(error, OSError):
        return error.errno in _TRANSIENT_ON_READING or isinstance(error, ConnectionError)
    state = getattr(error, "sqlstate", None)
    return is_transient(error) or (isinstance(state, str) and state.startswith(_DISCONNECTED))


def is_transient_on_starting(error: BaseException) -> bool:
    """Whether a program that was not started may be in a moment."""
    return isinstance(error, OSError) and error.errno in _TRANSIENT_ON_STARTING


def retrying(
    work: Callable[[], Result],
    operation: str,
    when: Callable[[BaseException], bool] = is_transient,
    *,
    attempts: int = ATTEMPTS,
    timeout_seconds: float = TIMEOUT_SECONDS,
    wait: Callable[[float], None] = time.sleep,
) -> Result:
    """The result of ``work``, tried again while ``when`` says so and the bounds allow it.

    Args:
        work: what is tried.
        operation: what it is called in the log.
        when: whether to try again after this error; not asked after the last try.
        attempts: how often at the most, the first try included.
        timeout_seconds: no new try is begun after this, counted from the first failure.
        wait: lets so many seconds pass.
    """
    deadline, attempt = math.inf, 1
    while True:
        try:
            return work()
        except Exception as error:
            now = time.monotonic()
            deadline = min(deadline, now + timeout_seconds)
            pause = _pause(attempt)
            if attempt >= attempts or now + pause > deadline or not when(error):
                raise
            reason = str(error)
        if attempt == 1:
            log.info("retry_scheduled", operation=operation, reason=reason)
        wait(pause)
        attempt += 1
        log.info("retrying", operation=operation, attempt=attempt, attempts=attempts, reason=reason)


def _pause(failures: int) -> float:
    """Seconds before the next try: twice as long each time, and not the same for everybody."""
    import random

    jitter = random.uniform(0, _JITTER_SECONDS)  # noqa: S311 - no secret
    return min(_FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 64) + jitter, _LONGEST_WAIT_SECONDS)


class _RetryingReads:
    def __init__(self, ops: FileOps) -> None:
        self._ops = ops

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ops, name)

    def read(self, path: Path, offset: int = 0) -> bytes:
        return retrying(
            lambda: self._ops.read(path, offset), "read_state_file", is_transient_on_reading
        )


def retrying_reads(ops: FileOps) -> FileOps:
    """The same file operations, whose reads survive a momentary failure."""
    return cast("FileOps", _RetryingReads(ops))
