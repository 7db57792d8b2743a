"""What a circuit breaker knows, and how a failure, a success and time change it. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]

BACK_OFF = 2.0
"""Each time that a trial fails, the breaker stays open this many times as long."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """How many failures in a row open a breaker; how long the first time, and at the most."""

    failure_threshold: int
    timeout_seconds: float
    longest_timeout_seconds: float

    def __post_init__(self) -> None:
        if self.failure_threshold < 1:
            raise ValueError("failure_threshold must be a whole number of at least 1")
        if not 0 <= self.timeout_seconds <= self.longest_timeout_seconds:
            raise ValueError("the time-out must be between 0 and the longest one")

    def open_for(self, openings: int) -> float:
        """Seconds that the breaker stays open when it opens for the nth time in a row."""
        return min(
            self.timeout_seconds * BACK_OFF ** min(openings - 1, 64), self.longest_timeout_seconds
        )


@dataclass(frozen=True, slots=True)
class BreakerRecord:
    """A breaker at one moment.

    Attributes:
        failures: counted failures in a row.
        openings: times in a row that it opened without a success in between.
        generation: counts every opening and closing; what began in an earlier generation has
            no say in a later one.
        until: when it lets a trial through, by the breaker's own clock; None while closed.
        reason: the last failure that counted, in a word.
        failed_at: when that was, by the breaker's own clock; None where it is not known.
    """

    failures: int = 0
    openings: int = 0
    generation: int = 0
    until: float | None = None
    reason: str = ""
    failed_at: float | None = None

    def check(self) -> None:
        """Raise ValueError unless it is one: what others wrote may be anything."""
        counts = (self.failures, self.openings, self.generation)
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError("counts must be whole numbers of at least 0")
        if type(self.reason) is not str:
            raise ValueError("the reason must be text")
        if not {type(self.until), type(self.failed_at)} <= {int, float, type(None)}:
            raise ValueError("the time must be a number")

    def state(self, now: float) -> BreakerState:
        """The state at a time of the breaker's own clock."""
        if self.until is None:
            return "closed"
        return "open" if now < self.until else "half_open"

    def failed(
        self, generation: int, policy: BreakerPolicy, now: float, reason: str
    ) -> BreakerRecord:
        """After a failure of a call that was let through in ``generation``."""
        if generation != self.generation:
            return self
        failures = self.failures + 1
        if self.until is None and failures < policy.failure_threshold:
            return replace(self, failures=failures, reason=reason, failed_at=now)
        openings = self.openings + 1
        return BreakerRecord(
            failures=failures,
            openings=openings,
            generation=self.generation + 1,
            until=now + policy.open_for(openings),
            reason=reason,
            failed_at=now,
        )

    def succeeded(self, generation: int) -> BreakerRecord:
        """After a success of a call that was let through in ``generation``."""
        if generation != self.generation:
            return self
        if self.until is not None:
            return self.reset()
        return replace(self, failures=0) if self.failures else self

    def reset(self) -> BreakerRecord:
        """Closed, with nothing counted; the last failure stays known."""
        generation = self.generation + 1
        return BreakerRecord(generation=generation, reason=self.reason, failed_at=self.failed_at)


Change = Callable[[BreakerRecord], BreakerRecord]
