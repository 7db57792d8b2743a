"""One thread of a server computes at a time, so that what must be answered at once can be.

Python runs one thread at a time anyway. With many that want to run, each pause for a system
call costs the event loop, which makes dozens for one answer, a wait for all of them; with one,
a wait for that one. Nothing is slower for it, for the work is the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 1.0
"""How long a thread waits for its turn; then it goes on beside the others, as it would have."""


class Turns:
    """Lets threads take turns.

    Args:
        patience_seconds: how long a thread waits for its turn at most.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._turn = threading.Semaphore(1)
        self._own = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Compute, when it is this thread's turn; who has it already, goes on with it."""
        if getattr(self._own, "turn", False):
            yield
            return
        self._own.turn = self._turn.acquire(timeout=self._patience_seconds)
        try:
            yield
        finally:
            self.leave()

    def leave(self) -> None:
        """Give the turn to others before waiting for something that takes long.

        The thread goes on without one afterwards: it may hold a lock that others want, and
        must not wait for them while it does.
        """
        if getattr(self._own, "turn", False):
            self._own.turn = False
            self._turn.release()


TURNS = Turns()
"""Those of this process."""
