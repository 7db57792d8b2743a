"""Takes a sample every few seconds, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

INTERVAL_SECONDS = 10.0
STOP_SECONDS = 2.0
"""How long the end of a process waits for a sample that is being taken."""


class Sampler:
    """The thread that takes samples; the first one is taken after the first interval.

    Args:
        sample: takes one, and never fails.
        interval_seconds: between two samples.
    """

    def __init__(
        self, sample: Callable[[], None], interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._sample = sample
        self._interval = interval_seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="cde-sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no further samples."""
        self._ending.set()
        self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        while not self._ending.wait(self._interval):
            self._sample()
