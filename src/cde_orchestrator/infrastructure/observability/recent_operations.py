"""The last operations of this process: what led to an error."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from cde_orchestrator.domain.clock import utc_now

KEPT = 20


@dataclass(frozen=True, slots=True)
class RecentOperation:
    """An operation that ended.

    Attributes:
        ended_at: ISO 8601, UTC.
        error_code: None when it succeeded.
    """

    name: str
    ended_at: str
    correlation_id: str
    duration_ms: float
    error_code: str | None


_recent: deque[RecentOperation] = deque(maxlen=KEPT)


def note(name: str, correlation_id: str, duration_ms: float, error_code: str | None = None) -> None:
    """Remember an operation that ended."""
    ended_at = utc_now().isoformat()
    _recent.append(RecentOperation(name, ended_at, correlation_id, duration_ms, error_code))


def recent_operations() -> list[RecentOperation]:
    """The last operations, oldest first."""
    return list(_recent)
