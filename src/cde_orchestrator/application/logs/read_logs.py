"""Read the log, follow it, and list the operations in it that took longest."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.logs.log_query import ENDS, LOOKING, LogQuery, moment_from
from cde_orchestrator.application.ports.core import LogEntry, LogReader
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import ValidationError

MOST_ENTRIES = 1_000_000


class LogReply(TypedDict):
    """Entries of the log, oldest first; ``total`` counts those before them, too."""

    entries: list[LogEntry]
    total: int


class ReadLogs(UseCase[LogReply], operation="read_logs"):
    """The newest entries that are wanted.

    Attributes:
        query: which ones.
        limit: at most so many.
    """

    query: LogQuery = field(default_factory=LogQuery)
    limit: int = 200

    def __call__(self, *, root: Path, logs: LogReader, clock: Clock) -> LogReply:
        """Raises E305 or E317."""
        if not 1 <= self.limit <= MOST_ENTRIES:
            reason = f"it is {self.limit}, and 1 to {MOST_ENTRIES} entries can be shown"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        newest: deque[LogEntry] = deque(maxlen=self.limit)
        total = 0
        for entry in self.query.chosen(root, logs, clock()):
            newest.append(entry)
            total += 1
        return {"entries": list(newest), "total": total}


class FollowLogs(ReadLogs, operation="follow_logs"):
    """Those entries, and then each that is written; it ends when somebody ends it.

    Attributes:
        show: gets each, oldest first.
    """

    show: Callable[[LogEntry], None] = field(compare=False)

    def __call__(self, *, root: Path, logs: LogReader, clock: Clock) -> LogReply:
        """Raises E305 or E317."""
        choice = self.query.choice()
        coming = filter(choice.takes, logs.follow(root))
        found = super().__call__(root=root, logs=logs, clock=clock)
        for entry in found["entries"]:
            self.show(entry)
        for entry in coming:
            if entry not in found["entries"]:  # else it was written while the log was read
                self.show(entry)
        return found


class SlowOperation(TypedDict):
    """One operation; ``bottleneck`` took most of its time: a span, or ``other``."""

    at: str
    operation: str
    outcome: str
    duration_ms: float
    bottleneck: str
    bottleneck_ms: float
    spans: dict[str, float]
    feature: str | None
    correlation_id: str


class SlowReply(TypedDict):
    """The slowest operations, the slowest one first."""

    operations: list[SlowOperation]
    total: int


class ListSlowOperations(UseCase[SlowReply], operation="list_slow_operations"):
    """The slowest operations in the log.

    Attributes:
        limit: at most so many.
        since: age or date, as ``2h`` or ``2026-11-01``.
    """

    limit: int = 10
    since: str | None = None

    def __call__(self, *, root: Path, logs: LogReader, clock: Clock) -> SlowReply:
        """Raises E305 or E317."""
        if self.limit < 1:
            reason = f"it is {self.limit}, and at least 1 operation can be shown"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        since = moment_from(self.since, clock()) if self.since is not None else None
        ended = [
            entry
            for entry in logs.entries(root, since, ['"duration_ms":', '"outcome":'])
            if entry.get("event") in ENDS and entry.get("operation") not in LOOKING
        ]
        worst = heapq.nlargest(self.limit, ended, key=_duration_ms)
        return {"operations": [_slow(entry) for entry in worst], "total": len(ended)}


def _duration_ms(entry: LogEntry) -> float:
    value = entry.get("duration_ms")
    return float(value) if isinstance(value, int | float) else 0.0


def _slow(entry: LogEntry) -> SlowOperation:
    spans = {str(name): float(value) for name, value in (entry.get("spans") or {}).items()}
    rest = _duration_ms(entry) - sum(spans.values())
    times = {**spans, "other": rest}
    bottleneck = max(times, key=lambda name: times[name])
    return {
        "at": entry["timestamp"],
        "operation": str(entry.get("operation", "?")),
        "outcome": str(entry.get("outcome", "?")),
        "duration_ms": _duration_ms(entry),
        "bottleneck": bottleneck,
        "bottleneck_ms": round(times[bottleneck], 3),
        "spans": spans,
        "feature": entry.get("feature"),
        "correlation_id": str(entry.get("correlation_id", "")),
    }
