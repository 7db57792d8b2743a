"""Tell one call's story: its operations, what they did and where the time went."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.logs.log_query import CALLS, ENDS, LOOKING
from cde_orchestrator.application.ports.core import LogEntry, LogReader
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import ValidationError

_COMMON = frozenset(
    {
        *("timestamp", "level", "logger", "event", "pid", "version", "correlation_id"),
        *("operation", "operation_id", "project_id", "feature_id", "feature", "phase_id", "spans"),
    }
)
_CANDIDATES_SHOWN = 5


class TraceEvent(TypedDict):
    """Something that happened within a call."""

    offset_ms: float
    level: str
    event: str
    details: dict[str, Any]


class TracedOperation(TypedDict):
    """One operation of a call; ``duration_ms`` is None while it runs, or when it was killed."""

    operation: str
    operation_id: str
    started_at: str
    offset_ms: float
    duration_ms: float | None
    outcome: str
    error_code: str | None
    feature: str | None
    phase: str | None
    usage: dict[str, Any]
    spans: dict[str, float]
    events: list[TraceEvent]


class TraceReply(TypedDict):
    """A call: times are milliseconds since its first line."""

    correlation_id: str
    actor: str
    started_at: str
    duration_ms: float
    operations: list[TracedOperation]
    events: list[TraceEvent]


class TraceCall(UseCase[TraceReply], operation="trace_call"):
    """What one call did.

    Attributes:
        correlation_id: the call's, or its beginning.
    """

    correlation_id: str

    def __call__(self, *, root: Path, logs: LogReader) -> TraceReply:
        """Raises E316 where the log knows no such call, E318 where several begin like this."""
        wanted = self.correlation_id.strip()
        calls: dict[str, list[LogEntry]] = {}
        for entry in logs.entries(root, containing=[wanted] if wanted else ["?"]):
            ids = [str(entry.get(name) or "") for name in CALLS]
            found = next((each for each in ids if wanted and each.startswith(wanted)), None)
            if found and entry.get("operation") not in LOOKING:
                calls.setdefault(found, []).append(entry)
        if wanted in calls:
            calls = {wanted: calls[wanted]}
        if len(calls) > 1:
            shown = ", ".join(sorted(calls)[:_CANDIDATES_SHOWN])
            raise ValidationError.of("E318", wanted_id=wanted, candidates=shown)
        for correlation_id, entries in calls.items():
            return _story(correlation_id, sorted(entries, key=_moment))
        raise ValidationError.of("E316", wanted_id=wanted)


def _story(correlation_id: str, entries: list[LogEntry]) -> TraceReply:
    begin = _moment(entries[0])
    operations: dict[str, TracedOperation] = {}
    outside: list[TraceEvent] = []
    actor = ""
    for entry in entries:
        offset_ms = round((_moment(entry) - begin).total_seconds() * 1000, 3)
        actor = actor or str(entry.get("actor", ""))
        if "operation_id" not in entry:
            outside.append(_event(entry, offset_ms))
            continue
        operation = operations.setdefault(entry["operation_id"], _operation(entry, offset_ms))
        operation["feature"] = operation["feature"] or entry.get("feature")
        operation["phase"] = operation["phase"] or entry.get("phase_id")
        if entry["event"] in ENDS:
            _end(operation, entry)
        elif entry["event"] != "operation_started":
            operation["events"].append(_event(entry, offset_ms))
    return {
        "correlation_id": correlation_id,
        "actor": actor,
        "started_at": entries[0]["timestamp"],
        "duration_ms": round((_moment(entries[-1]) - begin).total_seconds() * 1000, 3),
        "operations": list(operations.values()),
        "events": outside,
    }


def _operation(entry: LogEntry, offset_ms: float) -> TracedOperation:
    return {
        "operation": str(entry.get("operation", "?")),
        "operation_id": entry["operation_id"],
        "started_at": entry["timestamp"],
        "offset_ms": offset_ms,
        "duration_ms": None,
        "outcome": "unfinished",
        "error_code": None,
        "feature": None,
        "phase": None,
        "usage": {},
        "spans": {},
        "events": [],
    }


def _end(operation: TracedOperation, entry: LogEntry) -> None:
    details = _details(entry)
    operation["duration_ms"] = details.pop("duration_ms", None)
    operation["outcome"] = details.pop("outcome", "?")
    operation["error_code"] = details.pop("error_code", None)
    operation["usage"] = details
    operation["spans"] = dict(entry.get("spans") or {})


def _event(entry: LogEntry, offset_ms: float) -> TraceEvent:
    return {
        "offset_ms": offset_ms,
        "level": str(entry.get("level", "")),
        "event": str(entry.get("event", "")),
        "details": _details(entry),
    }


def _details(entry: LogEntry) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in _COMMON}


def _moment(entry: LogEntry) -> datetime:
    return datetime.fromisoformat(entry["timestamp"])
