"""Time as the domain sees it; a test passes its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


class Stopwatch:
    """Milliseconds since it was made, by a clock that never goes back."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds so far, rounded to microseconds."""
        return round((time.perf_counter() - self._started) * 1000, 3)
