"""Requests that are no JSON to the SDK, answered instead of dropped.

The SDK refuses half a surrogate pair, a number of thousands of digits and deep nesting before
it knows of any request, and only logs that: whoever sent it would wait for ever. Clients
do send the first, where they cut a text in the middle of an emoji. This module can go once the
SDK answers every line from which an id can be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import anyio
from anyio.abc import ObjectReceiveStream
from mcp.shared.message import SessionMessage
from mcp.types import CallToolResult, ErrorData, JSONRPCError, JSONRPCResponse
from mcp.types.jsonrpc import PARSE_ERROR
from pydantic import ValidationError as MessageError

from cde_orchestrator.mcp_tools.sdk import Incoming, Outgoing

Refuse = Callable[[str, str], CallToolResult]
"""From a tool's name and the reason to the answer."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}:,]|[^][{}:,"\s]+')
_LONGEST_ID = 200


class AnsweredInput(ObjectReceiveStream[SessionMessage | Exception]):
    """What arrives, less the requests that cannot be read: those are answered here.

    Args:
        incoming: what the transport reads.
        outgoing: where answers go.
        refuse: makes the answer to a call of a tool.
    """

    def __init__(self, incoming: Incoming, outgoing: Outgoing, refuse: Refuse) -> None:
        self._incoming, self._outgoing, self._refuse = incoming, outgoing, refuse

    @property
    def last_context(self) -> Any:
        """The context of whoever sent the message before, as the SDK's streams have it."""
        return getattr(self._incoming, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """The next message that can be read, or a failure that nobody waits for."""
        while True:
            item = await self._incoming.receive()
            answer = answer_to(item, self._refuse) if isinstance(item, MessageError) else None
            if answer is None:
                return item
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                await self._outgoing.send(SessionMessage(answer))

    async def aclose(self) -> None:
        """Close what is read from."""
        await self._incoming.aclose()


def answer_to(error: MessageError, refuse: Refuse) -> JSONRPCResponse | JSONRPCError | None:
    """The answer to a line that is no JSON; None where it names no request."""
    problem = error.errors(include_url=False)[0]
    line = problem["input"]
    if problem["type"] != "json_invalid" or not isinstance(line, str):
        return None
    members = dict(_members(line))
    number = _parsed(members.get(("id",)))
    if isinstance(number, bool) or not isinstance(number, int | str):
        return None
    tool = _parsed(members.get(("params", "name")))
    if _parsed(members.get(("method",))) == "tools/call" and isinstance(tool, str):
        result = refuse(tool, problem["msg"])
        payload = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        return JSONRPCResponse(jsonrpc="2.0", id=number, result=payload)
    refusal = ErrorData(code=PARSE_ERROR, message=problem["msg"])
    return JSONRPCError(jsonrpc="2.0", id=number, error=refusal)


def _members(line: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The plain members of the outermost object and of ``params``: path and JSON text.

    The line is not parsed, for it cannot be; strings and brackets are distinguished.
    """
    depth, key, outer, named = 0, "", "", False
    for part in (match[0] for match in _TOKEN.finditer(line)):
        if part in "{[":
            if depth == 1:
                outer = key if part == "{" and named else ""
            depth, key, named = depth + 1, "", False
        elif part in "}]":
            depth, key, named = depth - 1, "", False
        elif part == ",":
            key, named = "", False
        elif part == ":":
            named = True
        elif not named:
            key = str(_parsed(part) or "")
        elif depth == 1:
            yield (key,), part
        elif depth == 2 and outer:
            yield (outer, key), part


def _parsed(token: str | None) -> Any:
    """A plain JSON value that can be written again; else None."""
    if token is None or len(token) > _LONGEST_ID:
        return None
    try:
        value = json.loads(token)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return None
    return value
