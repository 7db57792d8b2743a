"""Server-sent events: every client is notified when there is something new to show.

One task asks for all of them, as long as there is one. What the events carry are marks alone;
a client that wants to know more asks for it, so a slow client delays nobody.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypedDict

import uvicorn
from starlette.concurrency import run_in_threadpool

LOOK_SECONDS = 1.0
BEAT_SECONDS = 5.0
"""After so long without a change figures are renewed; it also keeps the connection open."""
RETRY_MS = 1_000
"""After which a browser that lost the connection tries again."""


class Pulse(TypedDict):
    """What is another one after a change: all of it, and of features that are run, their lines."""

    mark: str
    lines: Mapping[str, str]


Look = Callable[[], Pulse]


class LiveChanges:
    """Checks every so often for changes, and reports them to every client at once.

    The clients, which it counts, hear nothing for ``beat_seconds`` at the most.
    """

    def __init__(
        self, look_seconds: float = LOOK_SECONDS, beat_seconds: float = BEAT_SECONDS
    ) -> None:
        self._look_seconds = look_seconds
        self._beat_seconds = beat_seconds
        self.clients = 0
        self._looking: asyncio.Task[None] | None = None
        self._changed: asyncio.Event = asyncio.Event()
        self._message = self._marked = b""
        self._number = self._marked_number = 0
        self._closed = False

    async def messages(self, look: Look) -> AsyncIterator[bytes]:
        """What one client is sent, from now until it goes away or the server ends.

        Args:
            look: gives what is another one after a change, the same function for every
                client; called in a thread, and it must not fail.
        """
        self.clients += 1
        if self._looking is None and not self._closed:
            self._looking = asyncio.create_task(self._look(look))
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            seen = 0
            while not self._closed:
                if seen == self._number:
                    await self._changed.wait()
                    continue
                # What came while a slow client took the last message is not missed: lines alone
                # do not say that the rest is another one.
                missed = seen < self._marked_number < self._number
                seen, message = self._number, self._message
                if missed:
                    yield self._marked
                yield message
        finally:
            self.clients -= 1
            if not self.clients:
                self._stop()

    def close(self) -> None:
        """End every client's stream now, and take no more."""
        self._closed = True
        self._changed.set()
        self._stop()

    def _stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self, look: Look) -> None:
        clock = asyncio.get_running_loop().time
        known, beat_at = await run_in_threadpool(look), clock()
        self._tell("hello", {"mark": known["mark"]})
        while True:
            await asyncio.sleep(self._look_seconds)
            pulse = await run_in_threadpool(look)
            if pulse["mark"] != known["mark"]:
                self._tell("change", {"mark": pulse["mark"]})
            elif clock() - beat_at >= self._beat_seconds:
                self._tell("beat", {"mark": pulse["mark"]})
            else:
                if pulse["lines"] != known["lines"]:
                    self._tell("lines", {"lines": pulse["lines"]})
                    known = pulse
                continue
            known, beat_at = pulse, clock()

    def _tell(self, event: str, data: Mapping[str, object]) -> None:
        self._message = f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()
        self._number += 1
        if event != "lines":
            self._marked, self._marked_number = self._message, self._number
        before, self._changed = self._changed, asyncio.Event()
        before.set()


class EndingServer(uvicorn.Server):
    """An HTTP server that ends open streams first when it ends, so that they delay nothing.

    It ends at once where the process was asked to end before it listened to signals itself.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        live: LiveChanges,
        asked_to_end: Callable[[], bool] = bool,
    ) -> None:
        super().__init__(config)
        self._live = live
        self._asked_to_end = asked_to_end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and end at once where that was asked for before."""
        await super().startup(sockets)
        self.should_exit = self.should_exit or self._asked_to_end()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then the server."""
        self._live.close()
        await super().shutdown(sockets)
