"""What the history of the figures is made of."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from cde_orchestrator.infrastructure.monitoring.telemetry.tally import Tally

_FASTEST = 1
"""Level of compression: what is stored is rewritten often."""


@dataclass(slots=True)
class Sample:
    """What was measured in a stretch of time, by one process or by all of them.

    Merging is exact, and its order does not matter: calls are added; of the memory the
    greatest counts, the largest process at its largest; of what the project is like, the
    newest.

    Attributes:
        operations: those that ended, by name.
        memory_mb: what the process occupies; None where nobody measured.
        gauged_at: when ``active_features`` and ``disk_mb`` were measured, seconds since the
            epoch; 0 where they were not.
        active_features: of the project.
        disk_mb: what ``.cde/`` takes up.
    """

    operations: dict[str, Tally] = field(default_factory=dict)
    memory_mb: float | None = None
    gauged_at: float = 0.0
    active_features: int | None = None
    disk_mb: float | None = None

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
