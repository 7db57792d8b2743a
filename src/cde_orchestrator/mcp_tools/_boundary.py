"""Where the protocol meets the product: replies that fit, errors that can be fixed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, METHOD_NOT_FOUND, CallToolResult, TextContent
from pydantic import ValidationError as ArgumentsError

from cde_orchestrator.application.use_case import Handles, UseCase
from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDEError, ValidationError

REPLY_LIMIT = 25_000
"""Characters of an answer, structured content and text together, as JSON."""

_ENVELOPE = 300
_SHORTEST_CUT = 200
_CUT_LAST = "prompt"
_RECORD = 24
"""Members of a mapping that is a record; one with more is a collection."""

Reply = TypeVar("Reply")
Page = TypeVar("Page", bound=Mapping[str, Any])


class Service(Handles, Protocol):
    """What runs use cases for the project that is served."""

    @property
    def asks_clients(self) -> bool:
        """Whether a person may be asked by their client, in the form that it shows."""

    def onboard(self, path: str, use_case: UseCase[Reply]) -> Reply:
        """Onboard the project at ``path``, which is served from then on."""

    def run(self, operation: str, work: Callable[[], Reply]) -> Reply:
        """Do inside an operation what needs no use case."""


def reply(
    structured: Mapping[str, Any], text: str, whole: str, *, is_error: bool = False
) -> CallToolResult:
    """An answer with structured content and text, cut to ``REPLY_LIMIT``.

    Args:
        structured: the contract's object.
        text: the same in short, for clients that show text only.
        whole: where the full text is when it had to be cut.
        is_error: whether it is a failure.
    """
    content, shown = _fitted(dict(structured), text, whole)
    return CallToolResult(
        content=[TextContent(type="text", text=shown)],
        structured_content=content,
        is_error=is_error,
    )


def reply_page(
    ask: Callable[[int], Page], render: Callable[[Page], str], rows: str, limit: int, whole: str
) -> CallToolResult:
    """An answer with as many rows, up to ``limit``, as fit.

    Args:
        ask: gives the answer with at most so many rows.
        render: the answer as text.
        rows: the answer's member that has the rows.
        limit: rows that were asked for.
        whole: where all of them are.
    """
    asked = limit
    while True:
        answer = ask(limit)
        text = render(answer)
        if limit < asked:
            text += f"\n[fewer than requested; all of them: {whole}]"
        if size(answer, text) <= REPLY_LIMIT or limit == 1:
            return reply(answer, text, whole)
        limit = min(limit, len(answer[rows])) // 2 or 1


def error_result(error: CDEError) -> CallToolResult:
    """A failure as an agent can fix it: the catalogue's words and the fixes as calls."""
    payload = {"error": dict(ErrorFormatter.payload(error, Reader.AGENT))}
    text = ErrorFormatter.format(error, Reader.AGENT)
    return reply(payload, text, f"cde_explainError(code={error.code!r})", is_error=True)


def size(structured: Mapping[str, Any], text: str) -> int:
    """Characters of an answer on the wire."""
    return _length(structured) + _length(text) + _ENVELOPE


def as_cde_error(raised: BaseException) -> CDEError | None:
    """What a request raised, as an error of the catalogue; None where nobody foresaw it."""
    chain = [raised]
    is_theirs = isinstance(raised, MCPError)  # made of another one, without naming it as its cause
    while cause := chain[-1].__cause__ or (is_theirs and chain[-1].__context__):
        chain.append(cause)
    for each in chain:
        if isinstance(each, CDEError):
            return each
    for each in chain:
        if isinstance(each, ArgumentsError):
            problem = each.errors(include_url=False, include_input=False)[0]
            argument = ".".join(str(part) for part in problem["loc"]) or "arguments"
            return _not_accepted(each, argument, problem["msg"])
        if isinstance(each, MCPError) and each.error.code != INTERNAL_ERROR:
            argument = "method" if each.error.code == METHOD_NOT_FOUND else "params"
            return _not_accepted(each, argument, each.error.message)
    return None


def _not_accepted(raised: Exception, argument: str, reason: str) -> ValidationError:
    error = ValidationError.of("E305", argument=argument, reason=reason.rstrip("."))
    error.__cause__ = raised
    return error


def _fitted(structured: dict[str, Any], text: str, whole: str) -> tuple[dict[str, Any], str]:
    """Cut the longest texts, then the longest lists, until it fits; say where all of it is.

    A prompt is what the caller works by: it is cut once no other text could be shorter.
    """
    marker = f"\n[cut; in full: {whole}]"
    surplus = size(structured, text) - REPLY_LIMIT
    if surplus > 0 and len(text) > _SHORTEST_CUT:
        text = _cut(text, surplus, marker)
    while (surplus := size(structured, text) - REPLY_LIMIT) > 0:
        cuts = [
            (key != _CUT_LAST, _length(holder[key]), holder, key, after)
            for holder, key in _texts(structured)
            if len(after := _cut(holder[key], surplus, marker)) < len(holder[key])
        ]
        if cuts:
            *_, holder, key, after = max(cuts, key=lambda cut: cut[:2])
            holder[key] = after
        elif _halve_longest(structured):
            structured["cut"] = whole
        else:  # nothing is left that could be shorter in part
            return {"cut": whole}, text
    return structured, text


def _halve_longest(structured: dict[str, Any]) -> bool:
    """Omit the end of the longest list, or of a long mapping; whether there was one."""
    longest = max(_collections(structured), key=_length, default=None)
    if isinstance(longest, list):
        del longest[len(longest) // 2 :]
    elif longest is not None:
        for key in list(longest)[len(longest) // 2 :]:
            del longest[key]
    return longest is not None


def _collections(value: Any) -> Iterator[Any]:
    """Every list with items and every long mapping in nested data."""
    if isinstance(value, (list, dict)) and len(value) > (_RECORD if isinstance(value, dict) else 0):
        yield value
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _collections(item)


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
