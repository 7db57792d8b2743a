"""A lock between processes that waits in the kernel and for a bounded time.

``flock`` is held by the open file, so it ends with the process however that ends. The kernel
offers no time-out: a contended lock is taken by a thread that blocks in the kernel, while
the caller waits for that thread. Polling instead would cost a waiting writer its place.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from cde_orchestrator.domain.exceptions import LockTimeoutError
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.file_ops import (
    open_regular,
    open_to_read,
)
from cde_orchestrator.infrastructure.system.spans import LOCK_WAIT, span
from cde_orchestrator.infrastructure.system.tree import status_of

if os.name == "posix":
    import fcntl

    def _lock(descriptor: int, *, shared: bool, block: bool) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind if block else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

else:  # pragma: no cover - the same seam on Windows
    import msvcrt

    def _lock(descriptor: int, *, shared: bool, block: bool) -> bool:
        mode = msvcrt.LK_LOCK if block else msvcrt.LK_NBLCK  # type: ignore[attr-defined]
        try:
            msvcrt.locking(descriptor, mode, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True


@contextmanager
def one_thread(mutex: threading.RLock, seconds: float) -> Iterator[None]:
    """Let one thread of this process in at a time.

    Raises:
        LockTimeoutError: E205, another thread kept it for more than ``seconds``.
    """
    with span(LOCK_WAIT):
        acquired = mutex.acquire(timeout=seconds)
    if not acquired:
        raise LockTimeoutError.of("E205", holder="this process", waited_seconds=seconds)
    try:
        yield
    finally:
        mutex.release()


SIGNATURE_BYTES = 13
"""At the beginning of a lock's file; what follows is its user's."""


class ProcessLock:
    """The lock of one project; whoever takes it gets the system's OSError for its file.

    Args:
        path: the lock's file; made when missing, never removed.
        timeout_seconds: how long to wait for another holder.
    """

    def __init__(self, path: Path, timeout_seconds: float = 5.0) -> None:
        self.path = path
        self.timeout_seconds = timeout_seconds

    @contextmanager
    def exclusive(self) -> Iterator[float]:
        """Hold the lock alone; yields the seconds waited for it.

        Raises:
            LockTimeoutError: E205, another process kept it for too long.
        """
        descriptor, waited = self.acquire(shared=False, seconds=self.timeout_seconds)
        try:
            self.sign(descriptor)
            yield waited
        finally:
            os.close(descriptor)

    @contextmanager
    def shared(self) -> Iterator[float]:
        """Hold the lock together with other readers; else as ``exclusive``."""
        descriptor, waited = self.acquire(shared=True, seconds=self.timeout_seconds)
        try:
            yield waited
        finally:
            os.close(descriptor)

    @contextmanager
    def blocking(self) -> Iterator[None]:
        """Hold the lock alone, waiting in this thread for however long it takes.

        For work of microseconds, which a thread that waits would delay more than another holder.
        """
        while True:
            descriptor = self._open()
            try:
                # Where somebody removed the file meanwhile, the new one is locked.
                if _lock(descriptor, shared=False, block=True) and self.is_current(descriptor):
                    yield
                    return
            finally:
                os.close(descriptor)

    def attempt(self, *, shared: bool = False) -> int | None:
        """Take the lock if nobody holds it, or only others that share it, without waiting.

        Returns:
            A descriptor; closing it lets go of the lock. None when it is held.
        """
        with ExitStack() as held:
            descriptor = self._open()
            held.callback(os.close, descriptor)
            if self._take(descriptor, shared=shared) and self.is_current(descriptor):
                held.pop_all()
                return descriptor
        return None

    def sign(self, descriptor: int) -> None:
        """Write down that this process holds the lock, for ``holder``."""
        # Only for the words of E205: the kernel, not the file, knows who holds the lock.
        with suppress(OSError, AttributeError):
            os.pwrite(descriptor, (b"%d" % os.getpid()).ljust(SIGNATURE_BYTES - 1) + b"\n", 0)

    def holder(self) -> str:
        """Who holds the lock, as far as the file says: ``process 123``."""
        with suppress(OSError, ValueError), open_to_read(self.path) as file:
            return f"process {int(file.read(SIGNATURE_BYTES))}"
        return "unknown process"

    @span(LOCK_WAIT)
    def acquire(self, *, shared: bool, seconds: float) -> tuple[int, float]:
        """Take the lock, waiting for at most ``seconds``.

        Returns:
            A descriptor, closing which lets go of the lock, and the seconds waited.

        Raises:
            LockTimeoutError: E205, another process kept it for too long.
        """
        started = time.monotonic()
        while True:  # where somebody removed the file meanwhile, the new one is locked
            left = max(seconds - (time.monotonic() - started), 0.0)
            descriptor = self._taken_or_awaited(shared=shared, seconds=left)
            with ExitStack() as held:
                held.callback(os.close, descriptor)
                if self.is_current(descriptor):
                    held.pop_all()
                    return descriptor, time.monotonic() - started

    def _taken_or_awaited(self, *, shared: bool, seconds: float) -> int:
        with ExitStack() as held:
            descriptor = self._open()
            held.callback(os.close, descriptor)
            taken = self._take(descriptor, shared=shared)
            held.pop_all()
        return descriptor if taken else self._wait(descriptor, shared=shared, seconds=seconds)

    def _take(self, descriptor: int, *, shared: bool) -> bool:
        return _lock(descriptor, shared=shared, block=False)

    def _open(self) -> int:
        return open_regular(self.path, os.O_RDWR | os.O_CREAT)

    def is_current(self, descriptor: int) -> bool:
        """Whether what ``descriptor`` locks is what stands at the path."""
        try:
            return os.path.samestat(os.fstat(descriptor), status_of(self.path))
        except FileNotFoundError:
            return False

    def _wait(self, descriptor: int, *, shared: bool, seconds: float) -> int:
        """Block in a thread, which closes the descriptor where it gets the lock too late.

        Returns:
            The descriptor that holds the lock: another one, where an earlier wait left its thread.
        """
        waiter = _Waiter.for_lock(self, descriptor, shared=shared)
        try:
            COMPUTE_SLOT.leave()
            waiter.decided.wait(seconds)
        except BaseException:  # interrupted: the lock must not stay with nobody
            if not waiter.leave(self):
                waiter.close()
            raise
        if waiter.leave(self):
            holder = self.holder()
            raise LockTimeoutError.of(
                "E205",
                holder=", ".join(filter(None, (holder, state_of(holder)))),
                waited_seconds=round(self.timeout_seconds, 1),
            )
        if waiter.failure is not None:
            raise waiter.failure
        return waiter.descriptor


def state_of(holder: str) -> str:
    """What to do about a ``holder`` that is stopped, in words; none about another one."""
    number = holder.removeprefix("process ")
    try:
        fields = Path(f"/proc/{int(number)}/stat").read_text(encoding="ascii", errors="replace")
    except (OSError, ValueError):
        return ""
    # The name in parentheses may hold anything; the state follows it.
    stopped = fields.rpartition(")")[2].split()[:1] in (["T"], ["t"])
    return f"which is stopped: kill -CONT {number} continues it" if stopped else ""


class _Waiter(threading.Thread):
    """Blocks for a lock; left behind by who waits no longer, it serves the next who does."""

    _left: ClassVar[dict[tuple[Path, bool], list[_Waiter]]] = {}
    _alone: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, descriptor: int, *, shared: bool) -> None:
        super().__init__(name="cde-lock-waiter", daemon=True)
        self.decided = threading.Event()
        self.failure: OSError | None = None
        self.descriptor = descriptor
        self._shared = shared
        self._decision = threading.Lock()
        self._is_wanted = True

    @classmethod
    def for_lock(cls, lock: ProcessLock, descriptor: int, *, shared: bool) -> _Waiter:
        """One that is blocked already, and the descriptor closed; else a new one with it."""
        with cls._alone:
            left = cls._left.pop((lock.path, shared), [])
            found = next((each for each in left if each._serves(lock)), None)
            if others := [each for each in left if each is not found and not each.decided.is_set()]:
                cls._left[lock.path, shared] = others
        if found is not None:
            os.close(descriptor)
            return found
        waiter = cls(descriptor, shared=shared)
        try:
            waiter.start()
        except RuntimeError as error:  # the system gives no further thread
            os.close(descriptor)
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(lock.path)) from error
        return waiter

    @classmethod
    def forget(cls) -> None:
        """In a child process, which has none of the threads, close what they would."""
        for waiter in [each for left in cls._left.values() for each in left]:
            if not waiter.decided.is_set():  # else its descriptor is another file's by now
                waiter.close()
        cls._left, cls._alone = {}, threading.Lock()

    def run(self) -> None:
        try:
            # Windows gives up after ten tries, a second apart.
            while not _lock(self.descriptor, shared=self._shared, block=True):
                if not self._is_wanted:
                    break
        except OSError as error:
            self.failure = error
        with self._decision:
            if not self._is_wanted or self.failure is not None:
                os.close(self.descriptor)
            self.decided.set()

    def leave(self, lock: ProcessLock) -> bool:
        """Stop wanting the lock; False when it was decided at the last moment."""
        with self._decision:
            if self.decided.is_set():
                return False
            self._is_wanted = False
        with self._alone:
            self._left.setdefault((lock.path, self._shared), []).append(self)
        return True

    def close(self) -> None:
        """Let go of what was decided."""
        if self.failure is None:
            with suppress(OSError):
                os.close(self.descriptor)

    def _serves(self, lock: ProcessLock) -> bool:
        """Whether it is blocked still, for the file that is at the path; then it is wanted."""
        with self._decision:
            self._is_wanted = False
            with suppress(OSError):  # what cannot be looked at any more is another file
                self._is_wanted = not self.decided.is_set() and lock.is_current(self.descriptor)
            return self._is_wanted


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Waiter.forget)
