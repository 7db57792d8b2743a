"""Bodies that are too large, told as every other refusal is."""

from __future__ import annotations

import json

from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import ValidationError

TOO_LARGE = 413


class BodyLimit:
    """Says what is wrong where the SDK answers a request with a bare 413: E315.

    Args:
        app: what refuses bodies that are too large.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and put words to a refusal."""
        refused = False

        async def worded(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == TOO_LARGE:
                refused = True
                for part in _refusal(scope):
                    await send(part)
            elif not refused:
                await send(message)

        await self._app(scope, receive, worded)


def _refusal(scope: Scope) -> tuple[Message, Message]:
    declared = dict(scope["headers"]).get(b"content-length", b"").decode("latin-1")
    limit = DEFAULT_MAX_REQUEST_BODY_SIZE
    size = int(declared) if declared.isdecimal() else f"more than {limit}"
    error = ValidationError.of(
        "E315", field="The request's body", size_bytes=size, limit_bytes=limit
    )
    body = json.dumps({"error": ErrorFormatter.payload(error)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the rest of the body is not read
        (b"cache-control", b"no-store"),
    ]
    return (
        {"type": "http.response.start", "status": TOO_LARGE, "headers": headers},
        {"type": "http.response.body", "body": body},
    )
