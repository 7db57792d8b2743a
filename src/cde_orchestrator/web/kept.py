"""An answer that is there at once, however busy the server is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Generic, TypeVar

import anyio
from anyio.to_thread import run_sync

from cde_orchestrator.domain.logger import get_logger

log = get_logger(__name__)

RENEW_SECONDS = 1.0
"""Between two makings, while somebody asks."""
STALE_SECONDS = 5.0
"""An answer that is older is not given any more."""
ASKED_SECONDS = 60.0
"""How long it is made again after somebody asked for the last time."""
PATIENCE_SECONDS = 5.0
"""How long somebody waits where there is none that is fresh enough."""

Made = TypeVar("Made")


class RefreshingCache(Generic[Made]):
    """Makes something in a thread of its own, again and again while somebody asks for it.

    Whoever asks is given the newest at once. Only the first, and whoever comes after a long
    time or while making takes too long, has to wait.

    Args:
        make: makes it; what it raises is raised to whoever asks.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: Made | None = None
        self._failure: Exception | None = None
        self._made_at = float("-inf")
        self._asked_at = float("-inf")
        self._renewed = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    async def get(self) -> Made:
        """The newest; at most ``STALE_SECONDS`` old.

        Raises:
            TimeoutError: it takes too long to make.
            Exception: what making it raised.
        """
        loop = asyncio.get_running_loop()
        self._asked_at = loop.time()
        if self._renewing is None or self._renewing.done() or self._renewing.get_loop() != loop:
            self._renewed, self._made_at = asyncio.Event(), float("-inf")
            # Not in the context of the one who asks: others are answered too.
            self._renewing = loop.create_task(self._renew(), context=Context())
        if loop.time() - self._made_at > STALE_SECONDS:
            self._renewed.clear()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._renewed.wait()
        if self._failure is not None:
            raise self._failure
        assert self._made is not None  # noqa: S101 - made, or failed
        return self._made

    async def _renew(self) -> None:
        # A limiter of its own: threads that wait for a lock must not keep this from its turn.
        limiter = anyio.CapacityLimiter(1)
        clock = asyncio.get_running_loop().time
        while clock() - self._asked_at < ASKED_SECONDS:
            try:
                made = await run_sync(self._make, limiter=limiter, abandon_on_cancel=True)
            except Exception as failure:  # noqa: BLE001 - it is raised to whoever asks
                self._failure = failure
            else:
                self._made, self._failure = made, None
            self._made_at = clock()
            self._renewed.set()
            await asyncio.sleep(RENEW_SECONDS)
