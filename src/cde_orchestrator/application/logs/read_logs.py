"""Read the log, and follow it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.logs.log_query import LogQuery
from cde_orchestrator.application.ports.core import LogEntry, LogReader
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import ValidationError

DEFAULT_LIMIT = 200


class LogReply(TypedDict):
    """Entries of the log, oldest first; ``total`` counts those before them, too."""

    entries: list[LogEntry]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLogs(UseCase[LogReply], operation="read_logs"):
    """The newest entries that are wanted.

    Attributes:
        query: which ones.
        limit: at most so many.
    """

    query: LogQuery = field(default_factory=LogQuery)
    limit: int = DEFAULT_LIMIT

    def __call__(self, *, root: Path, logs: LogReader, clock: Clock) -> LogReply:
        """Look them up.

        Raises:
            ValidationError: E305 or E317.
        """
        if self.limit < 1:
            reason = f"it is {self.limit}, and at least 1 entry can be shown"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        newest: deque[LogEntry] = deque(maxlen=self.limit)
        total = 0
        for entry in self.query.chosen(root, logs, clock()):
            newest.append(entry)
            total += 1
        return {"entries": list(newest), "total": total}


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowLogs(UseCase[Iterator[LogEntry]], operation="follow_logs"):
    """The entries that are wanted, as they are written from now on."""

    query: LogQuery = field(default_factory=LogQuery)

    def __call__(self, *, root: Path, logs: LogReader) -> Iterator[LogEntry]:
        """Begin to follow; the answer does not end by itself.

        Raises:
            ValidationError: E305.
        """
        choice = self.query.choice()
        return filter(choice.takes, logs.follow(root))
