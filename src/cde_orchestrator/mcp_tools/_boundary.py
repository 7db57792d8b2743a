"""Where the protocol meets the product: replies that fit, errors that can be mended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar

from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError as ArgumentsError

from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError, ValidationError

REPLY_LIMIT = 25_000
"""Characters of an answer, structured content and text together, as JSON."""

_ENVELOPE = 300
_SHORTEST_CUT = 200

Reply = TypeVar("Reply")


class Service(Protocol):
    """What runs use cases for the project that is served."""

    def handle(self, use_case: UseCase[Reply]) -> Reply:
        """Run a use case; ``CDEError`` when it was refused or failed."""
        ...

    def report(
        self, error: CDEError, raised: BaseException, operation: str, arguments: Mapping[str, Any]
    ) -> None:
        """Leave a report of an error, unless there is one already; never fails."""
        ...

    def onboard(self, path: str, use_case: UseCase[Reply]) -> Reply:
        """Onboard the project at ``path``, which is served from then on."""
        ...


def reply(structured: Mapping[str, Any], text: str, whole: str) -> CallToolResult:
    """An answer with structured content and text, cut to ``REPLY_LIMIT``.

    Args:
        structured: the contract's object.
        text: the same in short, for clients that show text only.
        whole: where the whole of a text that had to be cut stands.
    """
    content, shown = _fitted(dict(structured), text, whole)
    return CallToolResult(
        content=[TextContent(type="text", text=shown)], structured_content=content
    )


def error_result(error: CDEError) -> CallToolResult:
    """A failure as an agent can mend it: the catalogue's words and the fixes as calls."""
    payload = {"error": dict(ErrorFormatter.payload(error))}
    content, shown = _fitted(payload, ErrorFormatter.format(error), "cde explain " + error.code)
    return CallToolResult(
        is_error=True, content=[TextContent(type="text", text=shown)], structured_content=content
    )


def size(structured: Mapping[str, Any], text: str) -> int:
    """Characters of an answer on the wire."""
    return _length(structured) + _length(text) + _ENVELOPE


def as_cde_error(raised: BaseException, tool: str) -> CDEError:
    """What a tool raised, as an error of the catalogue.

    Unexpected exceptions were logged by the operation that they ended; those that arose
    outside of any become E999 here.
    """
    cause: BaseException | None = raised
    while cause is not None:
        if isinstance(cause, CDEError):
            return cause
        if isinstance(cause, ArgumentsError):
            return _argument_error(cause)
        cause = cause.__cause__
    return CDESystemError.of("E999", tool=tool)


def cause_of(raised: BaseException) -> BaseException:
    """What was raised at first."""
    while raised.__cause__ is not None:
        raised = raised.__cause__
    return raised


def _argument_error(error: ArgumentsError) -> ValidationError:
    problem = error.errors(include_url=False, include_input=False)[0]
    argument = ".".join(str(part) for part in problem["loc"]) or "arguments"
    return ValidationError.of("E305", argument=argument, reason=problem["msg"])


def _fitted(structured: dict[str, Any], text: str, whole: str) -> tuple[dict[str, Any], str]:
    """Cut the longest texts until the answer fits; each names where the whole stands."""
    marker = f"\n[cut; the whole: {whole}]"
    surplus = size(structured, text) - REPLY_LIMIT
    if surplus > 0 and len(text) > _SHORTEST_CUT:
        text = _cut(text, surplus, marker)
    while (surplus := size(structured, text) - REPLY_LIMIT) > 0:
        holder, key = max(_texts(structured), key=lambda place: _length(place[0][place[1]]))
        before = holder[key]
        holder[key] = _cut(before, surplus, marker)
        if len(holder[key]) >= len(before):
            break
    return structured, text


def _cut(text: str, surplus: int, marker: str) -> str:
    # Escapes make a character longer on the wire than it is in the text.
    weight = max(_length(text) / max(len(text), 1), 1.0)
    keep = len(text) - int(surplus / weight) - len(marker) - 16
    return text[: max(keep, _SHORTEST_CUT)] + marker


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every text in nested data, as its container and its key."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in list(items):
        if isinstance(item, str):
            yield value, key
        else:
            yield from _texts(item)


def _length(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
