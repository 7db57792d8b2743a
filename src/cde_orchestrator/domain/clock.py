"""Time as the domain sees it; a test passes its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def parse_utc(text: str) -> datetime:
    """The moment of a text in ISO 8601, aware; one without a zone is meant in UTC.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_the_second(iso: str) -> str:
    """A moment in ISO 8601 as texts have it; data keeps the microseconds.

    Raises:
        ValueError: it is none.
    """
    return datetime.fromisoformat(iso).isoformat(timespec="seconds")


class Stopwatch:
    """Milliseconds since it was made, but for what is left out, by a clock that never goes back."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds so far, rounded to microseconds."""
        return round((time.perf_counter() - self._started) * 1000, 3)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave out what runs inside."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._started += time.perf_counter() - began
