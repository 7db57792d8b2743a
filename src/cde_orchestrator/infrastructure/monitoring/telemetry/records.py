"""What the history of the figures is made of: samples, and the steps that they are added up to."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from cde_orchestrator.application.ports.health import OperationFigures
from cde_orchestrator.infrastructure.monitoring.telemetry.latency import Latencies
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import Counts

_FASTEST = 1
"""Level of compression: what is stored is rewritten often."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process measured since its last sample.

    Attributes:
        operations: those that ended, by name.
        memory_mb: what the process occupies; None where nobody measured.
        active_features: of the project.
        disk_mb: what ``.cde/`` takes up.
    """

    at: datetime
    operations: Mapping[str, Counts]
    memory_mb: float | None = None
    active_features: int | None = None
    disk_mb: float | None = None


@dataclass(slots=True)
class OperationStep:
    """Calls of one operation in a stretch of time.

    Attributes:
        errors: those that failed; ``refusals`` those that were refused.
    """

    calls: int = 0
    errors: int = 0
    latencies: Latencies = field(default_factory=Latencies)
    refusals: int = 0

    def merge(self, other: OperationStep) -> None:
        """Count all that another one counted."""
        self.calls += other.calls
        self.errors += other.errors
        self.refusals += other.refusals
        self.latencies.merge(other.latencies)

    def figures(self, operation: str) -> OperationFigures:
        """As people are shown it."""
        latencies = self.latencies
        return {
            "operation": operation,
            "calls": self.calls,
            "errors": self.errors,
            "refusals": self.refusals,
            "average_ms": latencies.total_ms / self.calls if self.calls else 0.0,
            "p50_ms": latencies.quantile(0.5) or 0.0,
            "p95_ms": latencies.quantile(0.95) or 0.0,
            "p99_ms": latencies.quantile(0.99) or 0.0,
            "max_ms": latencies.longest_ms,
        }


@dataclass(slots=True)
class Step:
    """All that all processes measured in a stretch of time.

    Adding up is exact, and its order does not matter: calls are added; of the memory the
    greatest counts, the largest process at its largest; of what the project is like, the
    newest.

    Attributes:
        gauged_at: when ``active_features`` and ``disk_mb`` were measured, seconds since the
            epoch; 0 where they were not.
    """

    operations: dict[str, OperationStep] = field(default_factory=dict)
    memory_mb: float | None = None
    gauged_at: float = 0.0
    active_features: int | None = None
    disk_mb: float | None = None

    @classmethod
    def of(cls, sample: Sample) -> Step:
        """The step that holds one sample alone."""
        operations = {
            name: OperationStep(
                counts.outcomes.total(), counts.errors, counts.latencies, counts.refusals
            )
            for name, counts in sample.operations.items()
        }
        gauged = sample.active_features is not None or sample.disk_mb is not None
        return cls(
            operations,
            sample.memory_mb,
            sample.at.timestamp() if gauged else 0.0,
            sample.active_features,
            sample.disk_mb,
        )

    @property
    def calls(self) -> int:
        """Operations that ended."""
        return sum(each.calls for each in self.operations.values())

    @property
    def errors(self) -> int:
        """Operations that failed."""
        return sum(each.errors for each in self.operations.values())

    @property
    def refusals(self) -> int:
        """Operations that were refused."""
        return sum(each.refusals for each in self.operations.values())

    def whole(self) -> OperationStep:
        """All operations together."""
        together = OperationStep()
        for each in self.operations.values():
            together.merge(each)
        return together

    def merge(self, other: Step) -> None:
        """Add another one, which stays as it is."""
        for name, operation in other.operations.items():
            self.operations.setdefault(name, OperationStep()).merge(operation)
        if other.memory_mb is not None:
            self.memory_mb = max(self.memory_mb or 0.0, other.memory_mb)
        if other.gauged_at > self.gauged_at:
            self.gauged_at = other.gauged_at
            self.active_features, self.disk_mb = other.active_features, other.disk_mb

    def encoded(self) -> bytes:
        """For the disk."""
        content = {
            "o": {
                name: {
                    "c": each.calls,
                    "e": each.errors,
                    "r": each.refusals,
                    **each.latencies.stored(),
                }
                for name, each in self.operations.items()
            },
            "m": self.memory_mb,
            "g": [self.gauged_at, self.active_features, self.disk_mb],
        }
        return zlib.compress(orjson.dumps(content), _FASTEST)

    @classmethod
    def decoded(cls, data: bytes) -> Step:
        """What ``encoded`` gave.

        Raises:
            Exception: of any kind, where it is something else.
        """
        content: dict[str, Any] = orjson.loads(zlib.decompress(data))
        operations = {
            name: OperationStep(
                int(each["c"]),
                int(each["e"]),
                Latencies.from_stored(each["buckets"], each["total_ms"], each["longest_ms"]),
                int(each.get("r", 0)),
            )
            for name, each in content["o"].items()
        }
        gauged_at, active_features, disk_mb = content["g"]
        return cls(operations, content["m"], float(gauged_at), active_features, disk_mb)


@dataclass(frozen=True, slots=True)
class Recent:
    """The operations of all processes of the project in the last seconds.

    Attributes:
        slowest_ms: how long the slowest one took; 0 without any.
        slowest: its name; empty without any.
        operations: by name.
    """

    calls: int
    errors: int
    slowest_ms: float
    slowest: str
    operations: Mapping[str, OperationStep]

    def error_percent(self, least_calls: int = 1) -> float:
        """Of 100 operations those that failed; 0 of too few to tell."""
        return 100 * self.errors / self.calls if self.calls >= max(least_calls, 1) else 0.0

    @classmethod
    def of(cls, step: Step) -> Recent:
        """What a step says of them."""
        slowest = max(
            ((each.latencies.longest_ms, name) for name, each in step.operations.items()),
            default=(0.0, ""),
        )
        return cls(step.calls, step.errors, *slowest, step.operations)
