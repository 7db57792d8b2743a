"""Each HTTP request as a call from outside: in the log, and below the caller's span."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.observability.operations import HTTP_REQUEST
from cde_orchestrator.infrastructure.observability.tracing import below
from cde_orchestrator.web._responses import ERROR, is_below

MCP = "/mcp"
ROUTINE = ("/health", "/metrics", "/dashboard/data", "/dashboard/events", "/dashboard/static", MCP)
"""What programs ask for again and again, or by parts; each request of MCP is a call itself."""
MOST_REFUSALS = 60
"""Refused requests in a minute that are logged: whoever has no token must not fill the disk."""


class LoggedRequests:
    """Opens a call for each request; around everything else that is served.

    Args:
        end_call: as of ``ServedProject``.
        clock: seconds by a clock that never goes back.
    """

    def __init__(
        self,
        app: ASGIApp,
        end_call: Callable[..., object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._end_call = end_call
        self._clock = clock
        self._refused: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and log it when it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        headers, path = Headers(scope=scope), str(scope["path"])
        who = "dashboard" if path.startswith("/dashboard") else "http"
        trace = headers.get("traceparent")
        with calling(who, headers.get("x-correlation-id"), trace) as call, below(call.traceparent):
            try:
                await self._app(scope, receive, noted)
            except BaseException as raised:
                self._end(scope, path, status, raised)
                raise
            self._end(scope, path, status, scope.get(ERROR))

    def _end(self, scope: Scope, path: str, status: int, raised: BaseException | None) -> None:
        routine = is_below(path, ROUTINE)
        # What a probe is answered with 503 for is no refusal of it.
        if raised is None and status >= 400 and (status < 500 or path == MCP or not routine):
            reason = f"it was answered with the status {status}"
            raised = ValidationError.of("E305", argument="request", reason=reason)
        if raised is not None:
            now = self._clock()
            self._refused = [each for each in self._refused if now - each < 60]
            if len(self._refused) >= MOST_REFUSALS:
                return
            self._refused.append(now)
        about: dict[str, Any] = {"method": scope["method"], "path": path, "status": str(status)}
        self._end_call(HTTP_REQUEST, raised, about, routine=routine and raised is None)
