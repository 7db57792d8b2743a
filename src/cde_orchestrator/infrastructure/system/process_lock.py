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

from cde_orchestrator.domain.exceptions import LockTimeoutError
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.file_ops import open_regular
from cde_orchestrator.infrastructure.system.spans import LOCK_WAIT, span

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
            os.pwrite(descriptor, b"%-12d\n" % os.getpid(), 0)

    def holder(self) -> str:
        """Who holds the lock, as far as the file says: ``process 123``."""
        with suppress(OSError, ValueError):
            return f"process {int(self.path.read_text().strip() or 'x')}"
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
            with ExitStack() as held:
                descriptor = self._open()
                held.callback(os.close, descriptor)
                if not self._take(descriptor, shared=shared):
                    self._wait(descriptor, held, shared=shared, seconds=left)
                if self.is_current(descriptor):
                    held.pop_all()
                    return descriptor, time.monotonic() - started

    def _take(self, descriptor: int, *, shared: bool) -> bool:
        return _lock(descriptor, shared=shared, block=False)

    def _open(self) -> int:
        return open_regular(self.path, os.O_RDWR | os.O_CREAT)

    def is_current(self, descriptor: int) -> bool:
        """Whether what ``descriptor`` locks is what stands at the path."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.lstat())
        except FileNotFoundError:
            return False

    def _wait(self, descriptor: int, held: ExitStack, *, shared: bool, seconds: float) -> None:
        """Block in a thread, which closes what is held where it gets the lock too late."""
        waiter = _Waiter(descriptor, shared=shared)
        try:
            waiter.start()
        except RuntimeError as error:  # the system gives no further thread
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(self.path)) from error
        try:
            COMPUTE_SLOT.leave()
            waiter.decided.wait(seconds)
        finally:  # also where the caller was interrupted: the lock must not stay with nobody
            abandoned = waiter.abandon()
            if abandoned:
                held.pop_all()
        if abandoned:
            raise LockTimeoutError.of(
                "E205", holder=self.holder(), waited_seconds=round(self.timeout_seconds, 1)
            )
        if waiter.failure is not None:
            raise waiter.failure


class _Waiter(threading.Thread):
    def __init__(self, descriptor: int, *, shared: bool) -> None:
        super().__init__(name="cde-lock-waiter", daemon=True)
        self.decided = threading.Event()
        self.failure: OSError | None = None
        self._descriptor = descriptor
        self._shared = shared
        self._decision = threading.Lock()
        self._abandoned = False

    def run(self) -> None:
        try:
            # Windows gives up after ten tries, a second apart.
            while not _lock(self._descriptor, shared=self._shared, block=True):
                if self._abandoned:
                    break
        except OSError as error:
            self.failure = error
        with self._decision:
            if self._abandoned:
                os.close(self._descriptor)
            else:
                self.decided.set()

    def abandon(self) -> bool:
        """Stop wanting the lock; False when it was acquired at the last moment."""
        with self._decision:
            self._abandoned = not self.decided.is_set()
            return self._abandoned
