"""What the history of the figures is made of: counts that can be added up exactly.

Durations are counted in buckets: number ``n`` holds what lies between ``GROWTH ** (n - 1)`` and
``GROWTH ** n`` milliseconds, so that a quantile is exact within 2 % whatever its size (as in
DDSketch: Masson, Rim and Lee, 2019).
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from cde_orchestrator.application.ports.health import OperationFigures
from cde_orchestrator.domain.value import Value

ACCURACY = 0.02
GROWTH = (1 + ACCURACY) / (1 - ACCURACY)
_LEAST_MS = 0.001
_LOG_GROWTH = math.log(GROWTH)
PHASES_MOST = 50
"""How many phases are told apart where refusals are counted."""
OTHER_PHASES = "other/"
_FASTEST = 1
"""Level of compression: what is stored is rewritten often."""


@dataclass(slots=True)
class Tally:
    """Calls, of one operation or of all together, in a stretch of time.

    Attributes:
        errors: those that failed; ``refusals`` those that were refused, as they should be.
        buckets: calls by bucket of their duration.
        total_ms: the sum of all durations, exact.
        longest_ms: the greatest duration, exact.
        phases: refusals by ``workflow/phase``, of work on one.
    """

    calls: int = 0
    errors: int = 0
    refusals: int = 0
    buckets: Counter[int] = field(default_factory=Counter)
    total_ms: float = 0.0
    longest_ms: float = 0.0
    phases: Counter[str] = field(default_factory=Counter)

    def count(self, outcome: str, duration_ms: float, refused_phase: str | None = None) -> None:
        """Count a call; its outcome is ``ok``, ``refused`` or ``failed``."""
        count_phase(self.phases, refused_phase)
        self.calls += 1
        self.errors += outcome == "failed"
        self.refusals += outcome == "refused"
        self.buckets[math.ceil(math.log(max(duration_ms, _LEAST_MS)) / _LOG_GROWTH)] += 1
        self.total_ms += duration_ms
        self.longest_ms = max(self.longest_ms, duration_ms)

    def merge(self, other: Tally) -> None:
        """Count all that another one counted."""
        self.calls += other.calls
        self.errors += other.errors
        self.refusals += other.refusals
        self.buckets.update(other.buckets)
        self.total_ms += other.total_ms
        self.longest_ms = max(self.longest_ms, other.longest_ms)
        for phase, count in other.phases.items():
            count_phase(self.phases, phase, count)

    def quantile(self, share: float) -> float | None:
        """The duration that ``share`` (0 to 1) of the calls did not exceed; None without calls."""
        rank = share * (self.buckets.total() - 1)
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen > rank:
                middle = 2 * GROWTH**bucket / (GROWTH + 1)
                return min(middle, self.longest_ms)
        return None

    def error_rate(self, least_calls: int = 1) -> float:
        """The share, 0 to 1, of the calls that failed; 0 of fewer than ``least_calls``."""
        return self.errors / self.calls if self.calls >= max(least_calls, 1) else 0.0

    def refusal_rate(self) -> float:
        """The share, 0 to 1, of the calls that were refused."""
        return self.refusals / self.calls if self.calls else 0.0

    def figures(self, operation: str) -> OperationFigures:
        """As people are shown it."""
        return {
            "operation": operation,
            "calls": self.calls,
            "errors": self.errors,
            "refusals": self.refusals,
            "average_ms": self.total_ms / self.calls if self.calls else 0.0,
            "p50_ms": self.quantile(0.5) or 0.0,
            "p95_ms": self.quantile(0.95) or 0.0,
            "p99_ms": self.quantile(0.99) or 0.0,
            "max_ms": self.longest_ms,
        }

    def stored(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "c": self.calls,
            "e": self.errors,
            "r": self.refusals,
            "buckets": {str(bucket): count for bucket, count in sorted(self.buckets.items())},
            "total_ms": self.total_ms,
            "longest_ms": self.longest_ms,
            "p": dict(self.phases),
        }

    @classmethod
    def from_stored(cls, stored: dict[str, Any]) -> Tally:
        """What ``stored`` gave, also in a release that did not count refusals."""
        return cls(
            int(stored["c"]),
            int(stored["e"]),
            int(stored.get("r", 0)),
            Counter({int(bucket): count for bucket, count in stored["buckets"].items()}),
            stored["total_ms"],
            stored["longest_ms"],
            Counter(stored.get("p", {})),
        )


def count_phase(phases: Counter[str], phase: str | None, count: int = 1) -> None:
    """Count refusals at ``workflow/phase``, which is nothing for None."""
    if phase is not None:
        phases[phase if phase in phases or len(phases) < PHASES_MOST else OTHER_PHASES] += count


class Sample(Value, frozen=False):
    """What was measured in a stretch of time, by one process or by all of them.

    Merging is exact, and its order does not matter, but for which phases have a name where
    there are too many: calls are added; of the memory the greatest counts, the largest process
    at its largest; of what the project is like, the newest.

    Attributes:
        operations: those that ended, by name.
        memory_mb: what the process occupies; None where nobody measured.
        gauged_at: when ``active_features``, and what ``.cde/`` takes up, were measured, seconds
            since the epoch; 0 where they were not.
    """

    operations: dict[str, Tally] = field(default_factory=dict)
    memory_mb: float | None = None
    gauged_at: float = 0.0
    active_features: int | None = None
    disk_mb: float | None = None

    @classmethod
    def of(cls, parts: Iterable[Sample]) -> Sample:
        """All of them merged, which stay as they are."""
        together = cls()
        for each in parts:
            together.merge(each)
        return together

    def whole(self) -> Tally:
        """All operations together."""
        together = Tally()
        for each in self.operations.values():
            together.merge(each)
        return together

    def merge(self, other: Sample) -> None:
        """Add another one, which stays as it is."""
        for name, operation in other.operations.items():
            self.operations.setdefault(name, Tally()).merge(operation)
        if other.memory_mb is not None:
            self.memory_mb = max(self.memory_mb or 0.0, other.memory_mb)
        if other.gauged_at > self.gauged_at:
            self.gauged_at = other.gauged_at
            self.active_features, self.disk_mb = other.active_features, other.disk_mb

    def encoded(self) -> bytes:
        """For the disk."""
        content = {
            "o": {name: each.stored() for name, each in self.operations.items()},
            "m": self.memory_mb,
            "g": [self.gauged_at, self.active_features, self.disk_mb],
        }
        return zlib.compress(orjson.dumps(content), _FASTEST)

    @classmethod
    def decoded(cls, data: bytes) -> Sample:
        """What ``encoded`` gave.

        Raises:
            ValueError: it is something else.
        """
        try:
            content: dict[str, Any] = orjson.loads(zlib.decompress(data))
            tallies = {name: Tally.from_stored(each) for name, each in content["o"].items()}
            gauged_at, active_features, disk_mb = content["g"]
            return cls(tallies, content["m"], float(gauged_at), active_features, disk_mb)
        except (zlib.error, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"a stored sample cannot be read: {error}") from error
