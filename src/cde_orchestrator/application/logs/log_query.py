"""Which lines of the log somebody wants to see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cde_orchestrator.application.ports.core import LogEntry, LogReader
from cde_orchestrator.domain.clock import parse_utc
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.value import Value

LEVELS = ("debug", "info", "warning", "error", "critical")
ENDS = frozenset(
    {"operation_finished", "operation_refused", "operation_failed", "operation_interrupted"}
)
"""Events with which an operation ends."""
CALLS = ("correlation_id", "parent_correlation_id")
"""Members that name the call of an entry, and the one that it works for."""
LOOKING = frozenset({"read_logs", "follow_logs", "trace_call", "list_slow_operations"})
"""Operations that only look at the log; they are left away unless they are asked for."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,6})\s*([smhdw])")
_SHORTEST_ID = 6


def moment_from(text: str, now: datetime) -> datetime:
    """The moment that ``2h`` (before now) or ``2026-11-01`` means; without a zone it is UTC.

    Raises:
        ValidationError: E317, it is none, or it is in the future.
    """
    age = _AGE.fullmatch(text.strip().lower())
    try:
        if age:
            return now - timedelta(**{_UNITS[age.group(2)]: int(age.group(1))})
        moment = parse_utc(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        reason = "it is neither an age nor a date"
        raise ValidationError.of("E317", text=text, reason=reason) from error
    if moment > now:
        raise ValidationError.of("E317", text=text, reason="it is in the future")
    return moment


class LogQuery(Value, kw_only=True):
    """A choice of entries; what is None is not asked for.

    Attributes:
        level: the least severe level.
        feature: name, id or beginning of the id; every entry of an operation that was about
            it counts, those from before it was known too.
        correlation_id: of the call; its beginning is enough.
        operation: the use case, as ``start_feature``.
        since: age or date, as ``2h`` or ``2026-11-01``.
    """

    level: str | None = None
    feature: str | None = None
    correlation_id: str | None = None
    operation: str | None = None
    since: str | None = None

    def chosen(self, root: Path, logs: LogReader, now: datetime) -> Iterator[LogEntry]:
        """The entries of a log that are wanted, oldest first.

        Raises:
            ValidationError: E305 no such level, E317 the time is not understood.
        """
        choice = self.choice()
        since = moment_from(self.since, now) if self.since is not None else None
        if self.feature is not None:
            for entry in logs.entries(root, since, [self.feature]):
                choice.learn(entry)
        needed = [text for text in (self.correlation_id, self.operation) if text]
        for entry in logs.entries(root, since, needed):
            if choice.takes(entry):
                yield entry

    def choice(self) -> LogChoice:
        """The same as a judge of single entries.

        Raises:
            ValidationError: E305, there is no such level.
        """
        level = (self.level or LEVELS[0]).lower()
        if level not in LEVELS:
            reason = f"the levels are: {', '.join(LEVELS)}"
            raise ValidationError.of("E305", argument="level", reason=reason)
        return LogChoice(self, frozenset(LEVELS[LEVELS.index(level) :]))


class LogChoice(Value, frozen=False):
    """Judges entries one by one.

    Attributes:
        levels: those that are wanted.
        about: the operations that are known to be about the feature that is wanted.
    """

    query: LogQuery
    levels: frozenset[str]
    about: set[str] = field(default_factory=set)

    def learn(self, entry: LogEntry) -> None:
        """Remember the entry's operation if it is about the feature that is wanted."""
        if self._names_feature(entry) and entry.get("operation_id"):
            self.about.add(entry["operation_id"])

    def takes(self, entry: LogEntry) -> bool:
        """Whether the entry is wanted."""
        query = self.query
        if entry.get("level") not in self.levels:
            return False
        operation = entry.get("operation")
        if query.operation is not None and operation != query.operation:
            return False
        if query.operation is None and operation in LOOKING:
            return False
        wanted = query.correlation_id
        if wanted is not None and not any(_begins(entry.get(name), wanted) for name in CALLS):
            return False
        if query.feature is None:
            return True
        self.learn(entry)
        return self._names_feature(entry) or (
            entry.get("operation_id") in self.about and "feature_id" not in entry
        )

    def _names_feature(self, entry: LogEntry) -> bool:
        wanted = self.query.feature
        if wanted is None:
            return False
        return entry.get("feature") == wanted or _begins(entry.get("feature_id"), wanted)


def _begins(value: object, wanted: str) -> bool:
    is_beginning = isinstance(value, str) and value.startswith(wanted)
    return value == wanted or (is_beginning and len(wanted) >= _SHORTEST_ID)
