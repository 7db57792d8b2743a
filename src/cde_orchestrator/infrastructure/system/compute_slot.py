"""One thread of a server computes at a time, so that urgent answers are not delayed.

Python runs one thread at a time anyway. With many that want to run, each pause for a system
call costs the event loop, which makes dozens for one answer, a wait for all of them; with one,
a wait for that one. Nothing is slower for it, for the work is the same (ADR 14).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 1.0
"""How long a thread waits for the slot; then it computes all the same."""


class ComputeSlot:
    """A slot that one thread holds while it computes, and waits ``patience_seconds`` for."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._free = threading.Semaphore(1)
        self._own = threading.local()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Compute with the slot; a thread that holds it already keeps it."""
        if getattr(self._own, "held", False):
            yield
            return
        self._own.held = self._free.acquire(timeout=self._patience_seconds)
        try:
            yield
        finally:
            self.leave()

    def leave(self) -> None:
        """Release the slot before waiting for something that takes long.

        The thread continues without it: it may hold a lock that others want, and must not wait
        for them while it does.
        """
        if getattr(self._own, "held", False):
            self._own.held = False
            self._free.release()


COMPUTE_SLOT = ComputeSlot()
"""The slot of this process."""
