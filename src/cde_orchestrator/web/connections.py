"""How many connections and streams there may be, and how long each may keep others waiting."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.web._responses import refuse

MOST_CONNECTIONS = 256
BACKLOG = 128
"""How many may wait to be taken: as many are taken at a time, before any of them counts."""
STREAMS = frozenset({"/mcp", "/dashboard/events"})
"""What is answered with events to ``GET``, for as long as whoever asks stays."""
HEAD_SECONDS = 20.0
BODY_SECONDS = 60.0
STALL_SECONDS = 60.0
"""How long somebody may not take what is sent."""
RETRY_SECONDS = 5


def most_connections() -> int:
    """How many there may be: what they leave of the files that this process may open is others'."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource

    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    is_endless = allowed == resource.RLIM_INFINITY
    return MOST_CONNECTIONS if is_endless else min(MOST_CONNECTIONS, max(allowed // 4, 16))


class BoundedConnection(H11Protocol):
    """A connection whose client may neither dawdle nor keep others out.

    There is a time for a request's head, one for its body, and one for what is sent to be taken.
    Where all connections are in use, a new one takes the place of the one whose client has been
    waited for the longest, and is refused where the server is at work for all of them.
    """

    _part: str | None = None
    _since = 0.0
    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take it, and another one's place if need be."""
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > most_connections():
            others = [each for each in self.connections if isinstance(each, BoundedConnection)]
            waiting = [each for each in others if each is not self and each._is_waited_for()]
            min(waiting, key=lambda each: each._since, default=self)._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(exc)
        self._part = None
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Wait for the client to take what was sent."""
        super().pause_writing()
        self._since = time.monotonic()
        self._stalled = self.loop.call_later(STALL_SECONDS, self._end)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _is_waited_for(self) -> bool:
        """Whether it is its client that has to go on."""
        return self._part is not None or self._stalled is not None

    def _watch(self) -> None:
        """Begin to count once another part of a request is waited for."""
        cycle: RequestResponseCycle | None = vars(self)["cycle"]
        part: str | None = None
        if cycle is None or cycle.response_complete:
            part = "head"
        elif cycle.more_body:
            part = "body"
        if part == self._part:
            return
        self._part, self._since = part, time.monotonic()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if part is not None:
            seconds = HEAD_SECONDS if part == "head" else BODY_SECONDS
            self._deadline = self.loop.call_later(seconds, self._end)

    def _end(self) -> None:
        """End it now; it does not count from here on."""
        self.connections.discard(self)
        self.transport.abort()


class StreamLimit:
    """Refuses a stream of events while there are too many: E937."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._most = most_connections() // 4
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        is_stream = scope.get("method") == "GET" and scope["path"] in STREAMS
        if is_stream and self._open >= self._most:
            error = CDESystemError.of("E937", most=self._most)
            await refuse(scope, send, error, 503, (b"retry-after", str(RETRY_SECONDS).encode()))
            return
        self._open += is_stream
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= is_stream
