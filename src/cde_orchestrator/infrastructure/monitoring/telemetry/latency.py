"""Latencies, counted in buckets that can be added up: over time, and over processes.

Bucket ``n`` holds what lies between ``GROWTH ** (n - 1)`` and ``GROWTH ** n`` milliseconds, so
that a quantile is told within 2 % whatever its size (as in DDSketch: Masson, Rim and Lee, 2019).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

ACCURACY = 0.02
GROWTH = (1 + ACCURACY) / (1 - ACCURACY)
_LEAST_MS = 0.001
_LOG_GROWTH = math.log(GROWTH)


@dataclass(slots=True)
class Latencies:
    """How often a call took how long.

    Attributes:
        buckets: calls by bucket.
        total_ms: the sum of all durations, exact.
        longest_ms: the greatest duration, exact.
    """

    buckets: Counter[int] = field(default_factory=Counter)
    total_ms: float = 0.0
    longest_ms: float = 0.0

    @property
    def calls(self) -> int:
        """How many were counted."""
        return self.buckets.total()

    def add(self, duration_ms: float) -> None:
        """Count one call."""
        self.buckets[_bucket(duration_ms)] += 1
        self.total_ms += duration_ms
        self.longest_ms = max(self.longest_ms, duration_ms)

    def merge(self, other: Latencies) -> None:
        """Count all that another one counted."""
        self.buckets.update(other.buckets)
        self.total_ms += other.total_ms
        self.longest_ms = max(self.longest_ms, other.longest_ms)

    def quantile(self, share: float) -> float | None:
        """The duration that ``share`` (0 to 1) of the calls did not exceed; None without calls."""
        rank = share * (self.calls - 1)
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen > rank:
                middle = 2 * GROWTH**bucket / (GROWTH + 1)
                return min(middle, self.longest_ms)
        return None

    def stored(self) -> dict[str, float | dict[str, int]]:
        """As plain data for JSON."""
        return {
            "buckets": {str(bucket): count for bucket, count in sorted(self.buckets.items())},
            "total_ms": self.total_ms,
            "longest_ms": self.longest_ms,
        }

    @classmethod
    def from_stored(
        cls, buckets: Mapping[str, int], total_ms: float, longest_ms: float
    ) -> Latencies:
        """What ``stored`` gave."""
        counts = Counter({int(bucket): count for bucket, count in buckets.items()})
        return cls(counts, total_ms, longest_ms)


def _bucket(duration_ms: float) -> int:
    return math.ceil(math.log(max(duration_ms, _LEAST_MS)) / _LOG_GROWTH)
