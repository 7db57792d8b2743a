"""Circuit breakers as the use cases see them: the port."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypedDict


class BreakerView(TypedDict):
    """A circuit breaker; ``state`` is ``closed``, ``open`` or ``half_open``."""

    name: str
    state: str
    failures: int
    openings: int
    retry_after_seconds: float
    last_failure: str


class Breakers(Protocol):
    """Knows the circuit breakers of the project, those of other processes too."""

    def views(self) -> Sequence[BreakerView]:
        """All of them, by name."""

    def reset(self, name: str) -> BreakerView:
        """Close one by hand.

        Raises:
            CDESystemError: E904, there is none of that name.
        """


def rounded_wait(seconds: float) -> float:
    """Seconds to wait, as they are shown: rounded up, whole ones from ten on."""
    return math.ceil(seconds) if seconds >= 10 else math.ceil(seconds * 10) / 10
