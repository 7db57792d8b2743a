"""From a log record to one line: complete, without secrets, impossible to forge."""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson

from cde_orchestrator import __version__
from cde_orchestrator.domain.errors.template import json_escaped
from cde_orchestrator.domain.secrets import is_suspicious, redacted
from cde_orchestrator.domain.subject import subject
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.observability.tracing import current_ids

OWN = "cde_event"
"""Attribute of a log record that carries an event of structlog's whole."""

LONGEST_LINE = 32_000
"""Characters of a line; the texts of a longer one are cut."""

_LINE = "cde_line"
_LONGEST_INPUT = 100_000
_CUT_CHARACTERS = 1_000
_FRAMES = 30
_CAUSES = 5
_HARMLESS = frozenset({"timestamp", "level", "logger", "pid", "version", "correlation_id"})
_RESERVED = ("timestamp", "level", "logger", "event", "pid", "version")

_NOTES = {
    "state_damaged": "{path} was damaged and is repaired: {reason}.",
    "state_repaired": "",
    "state_restored": "The state in {path} is restored: {reason}.",
    "state_replaced": "Another state took the place of the one in {path}, which is kept: {kept}.",
    "state_uncertain": "No change is made in {path}: {reason}.",
    "state_not_repaired": "The stored state in {path} cannot be repaired: {reason}.",
    "state_read_from_memory": "The stored state cannot be read, what is known is shown: {reason}.",
    "backup_damaged": "The backup {path} was damaged and is repaired: {reason}.",
    "changes_lost": "Changes of {path} are lost: {changes}; cde doctor says more.",
    "history_lost": "Changes {changes} of the history are lost; the state itself is intact.",
    "history_rejoined": "Changes that another process had made were made again: {changes}.",
    "history_restarted": "The history begins again after change {sequence}.",
    "read_only_entered": "The project is read-only from now on: {reason}.",
    "read_only_left": "The project accepts changes again.",
}
"""What a person at a command reads of what became of the stored state."""
_COLOURS = {"DEBUG": 2, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 31}
_LEFT_TO_FILES = frozenset((*_RESERVED, "exception"))


def json_line(record: logging.LogRecord) -> str:
    """The record as one line of JSON, without its end; made once for all handlers."""
    line = getattr(record, _LINE, None)
    if line is None:
        try:
            line = _line_of(_gathered(record))
        except Exception as error:  # noqa: BLE001 - whatever it is, a log never fails a call
            setattr(record, OWN, {"unloggable": type(error).__name__})
            record.args, record.exc_info = None, None
            line = _line_of(_gathered(record))
        setattr(record, _LINE, line)
    return str(line)


def _line_of(event: dict[str, Any]) -> str:
    own = {name: value for name, value in event.items() if name not in _HARMLESS}
    if is_suspicious(_encoded(own)):  # seldom, and the redaction takes longer than the rest
        event = _redacted(event)
    line = _encoded(event)
    if len(line) > LONGEST_LINE:
        line = _encoded({name: _cut(value) for name, value in event.items()})
    return line


def people_line(record: logging.LogRecord, *, colours: bool) -> str:
    """The record as a person reads it on a terminal."""
    event = _redacted(_gathered(record))
    moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
    level = f"{event['level'].upper():<8}"
    details = " ".join(
        f"{_printable(name)}={_word(value)}"
        for name, value in event.items()
        if name not in _LEFT_TO_FILES
    )
    causes = "".join(f"\n  {line}" for line in _short_exceptions(event.get("exception", [])))
    if colours:
        level = f"\x1b[{_COLOURS.get(record.levelname, 0)}m{level}\x1b[0m"
        details = f"\x1b[2m{details}\x1b[0m" if details else ""
    return f"{moment} {level} {_printable(event['event'])} {details}".rstrip() + causes


def note_of(record: logging.LogRecord) -> str | None:
    """What a person at a command is shown of an event of the stored state, in a sentence.

    Empty where another event says it; None where the event has no sentence.
    """
    sentence = _NOTES.get(getattr(record, OWN, {}).get("event", ""))
    if not sentence:
        return sentence
    event = _redacted(_gathered(record))
    facts = {name: _printable(str(value)).rstrip(".") for name, value in event.items()}
    return sentence.format_map(defaultdict(lambda: "?", facts))


def _redacted(event: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if name in _HARMLESS else redacted(value, name) for name, value in event.items()
    }


def _gathered(record: logging.LogRecord) -> dict[str, Any]:
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
    event: dict[str, Any] = {
        "timestamp": moment.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": record.getMessage()[:_LONGEST_INPUT],
    }
    for name, value in getattr(record, OWN, {}).items():
        if name != "event":
            taken = f"{name}_" if name in _RESERVED else name
            event[taken] = value[:_LONGEST_INPUT] if isinstance(value, str) else value
    _add_context(event)
    if record.exc_info and record.exc_info[1] is not None:
        event["exception"] = _structured(record.exc_info[1])
    if record.stack_info:
        event["stack"] = record.stack_info
    event["pid"] = record.process or os.getpid()
    event["version"] = __version__
    return event


def _add_context(event: dict[str, Any]) -> None:
    """The call and what it is about, where the event does not say so itself."""
    # The operation is always the one that runs; what an event calls so is a step of it.
    context = call_context()
    if context.operation and event.get("operation", context.operation) != context.operation:
        event["step"] = event.pop("operation")
    given = {
        "correlation_id": context.correlation_id,
        "parent_correlation_id": context.parent_correlation_id,
        "operation": context.operation,
        "operation_id": context.operation_id,
        **subject(),
    }
    for name, value in given.items():
        if value and name not in event:
            event[name] = value
    event.update(current_ids())


def _encoded(event: dict[str, Any]) -> str:
    try:
        line = orjson.dumps(event, default=str).decode()
    except (TypeError, ValueError, RecursionError):  # lone surrogates, giant numbers
        line = json.dumps(event, default=str)
    return json_escaped(line)


def _cut(value: Any) -> Any:
    if isinstance(value, int | float | None):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _CUT_CHARACTERS else f"{text[:_CUT_CHARACTERS]}… [cut]"


def causes_of(raised: BaseException, limit: int) -> Iterator[BaseException]:
    """The exception and those that led to it, ``limit`` in all, what happened first last."""
    present: BaseException | None = raised
    while present is not None and limit > 0:
        yield present
        hidden = present.__suppress_context__
        present = present.__cause__ or (None if hidden else present.__context__)
        limit -= 1


def _structured(error: BaseException) -> list[dict[str, Any]]:
    """The exception and what led to it, innermost last: no local variables, no source."""
    return [
        {
            "type": type(each).__qualname__,
            "message": str(each),
            "frames": _frames(each.__traceback__),
        }
        for each in causes_of(error, _CAUSES)
    ]


def _frames(origin: TracebackType | None) -> list[dict[str, Any]]:
    stack = traceback.StackSummary.extract(traceback.walk_tb(origin), lookup_lines=False)
    return [
        {"file": frame.filename, "line": frame.lineno, "function": frame.name}
        for frame in stack[-_FRAMES:]
    ]


def _short_exceptions(causes: list[dict[str, Any]]) -> list[str]:
    return [
        _printable(f"{cause['type']}: {cause['message']}")
        + "".join(f" at {_printable(f['file'])}:{f['line']}" for f in cause["frames"][-1:])
        for cause in causes
    ]


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    text = _printable(text)
    return f'"{text}"' if isinstance(value, str) and (" " in text or not text) else text


def _printable(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()
