"""Read-only mode: what the disk refused once is not tried at every call."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.errors.entry import Fix
from cde_orchestrator.domain.errors.fixes import DOCTOR_FIX
from cde_orchestrator.domain.exceptions import ReadOnlyModeError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.system.file_ops import (
    FileOps,
    unlink,
    write_all,
)
from cde_orchestrator.infrastructure.system.viewing import is_only_viewed

log = get_logger(__name__)

PROBE_EVERY_SECONDS = 5.0
REFUSALS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
)
"""What the system says when a disk cannot be written, now or at all."""

_PROBE = b"The disk is tried; this file may be removed.\n"
SPARE_BYTES = 64 * 1024
"""Free space that must be left in addition to the next checkpoint."""


class ReadOnly(Value):
    """Why changes are refused, since when, and what leads out if that is known."""

    reason: str
    since: datetime
    fixes: tuple[Fix, ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether the disk has no space, and nothing else is wrong."""
        return self.fixes == (DOCTOR_FIX,)

    def error(self) -> ReadOnlyModeError:
        """What a change is refused with: E206."""
        error = ReadOnlyModeError.of("E206", reason=self.reason, since=self.since.isoformat())
        return error.fixed_by(self.fixes)


class WriteGuard:
    """Knows whether a project's folder can be written.

    Args:
        folder: the project's folder ``.cde``.
        monotonic: seconds of a clock that never goes back.

    Attributes:
        mode: why and since when changes are refused; None while they are not.
    """

    def __init__(
        self, folder: Path, ops: FileOps, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._ops = ops
        self._monotonic = monotonic
        self.mode: ReadOnly | None = None
        self._next_probe = 0.0

    def refused(self, error: OSError) -> None:
        """Take note of a write that failed; what is no disk's refusal is left alone."""
        if error.errno in REFUSALS and not is_only_viewed(self._folder):
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            self._enter(os.strerror(error.errno or 0), (DOCTOR_FIX,) if full else ())

    def check(self, needed_bytes: int, *, force: bool = False) -> None:
        """Enter the mode when space runs short; leave it when a probe succeeds."""
        if is_only_viewed(self._folder):  # that is not the disk's doing
            return
        short = self._shortage(needed_bytes)
        if short is not None:
            self._enter(short, (DOCTOR_FIX,))
        elif self.mode is not None and (force or self._monotonic() >= self._next_probe):
            self._probe()

    def require(self, needed_bytes: int, *, force: bool = False, full: bool = False) -> None:
        """Refuse a change with E206 in read-only mode, before it does anything.

        What frees space goes on where the disk is only ``full``.
        """
        self.check(needed_bytes, force=force)
        mode = self.mode  # another thread may end it meanwhile
        if mode is not None and not (full and mode.is_full):
            raise mode.error()

    def _shortage(self, needed_bytes: int) -> str | None:
        try:
            free = self._ops.free_bytes(self._folder)
        except OSError:
            return None
        wanted = needed_bytes + SPARE_BYTES
        return None if free >= wanted else f"{free} bytes are free, {wanted} are needed"

    def _probe(self) -> None:
        """Write, sync and remove a small file; leave the mode where that succeeds."""
        path = self._folder / f".probe-{secrets.token_hex(6)}"
        self._next_probe = self._monotonic() + PROBE_EVERY_SECONDS
        try:
            descriptor = self._ops.create(path)
            try:
                write_all(self._ops, descriptor, _PROBE)
                self._ops.fdatasync(descriptor)
            finally:
                self._ops.close(descriptor)
                self._ops.unlink(path)
        except OSError as error:
            with suppress(OSError):
                unlink(path)
            log.debug("read_only_probe_failed", reason=str(error))
            return
        mode, self.mode = self.mode, None
        if mode is not None:
            log.warning("read_only_left", path=str(self._folder), since=str(mode.since))

    def _enter(self, reason: str, fixes: tuple[Fix, ...]) -> None:
        mode = self.mode
        if mode is None:
            self.mode = ReadOnly(reason, utc_now(), fixes)
            self._next_probe = self._monotonic() + PROBE_EVERY_SECONDS
            log.error("read_only_entered", path=str(self._folder), reason=reason)
        elif mode.reason != reason:
            self.mode = ReadOnly(reason, mode.since, fixes)
