"""What a client is shown of a check while its call waits."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

import anyio
import anyio.from_thread
from mcp.server.mcpserver import Context

from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.infrastructure.system.cancellation import present_cancellation

LINE_LIMIT = 300
SECONDS_BETWEEN = 0.1
"""Between two lines that are shown at the least."""
TICK_SECONDS = 1.0
SILENT_SECONDS = 10.0
"""After which a client is shown that a check still runs: some end a call without any progress."""


class ProgressReports:
    """Reports the newest line printed, and that something still runs where nothing is printed.

    For the thread of a tool; a client that went away stops nothing, and one that cancelled its
    call is shown no more.

    Args:
        context: of the call.
        silent_seconds: after which nothing was printed.
        tick_seconds: how often that is checked, and for a line that came too soon after another.
    """

    def __init__(
        self,
        context: Context[Any, Any],
        silent_seconds: float = SILENT_SECONDS,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._context = context
        self._silent, self._tick = silent_seconds, tick_seconds
        self._cancellation = present_cancellation()
        self._line, self._is_shown = "", True
        self._began = self._last = 0.0
        self._reported = 0
        self._ticking: asyncio.Task[None] | None = None

    def __enter__(self) -> ProgressReports:
        """Report nothing before something is printed."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show the last line, and report no more."""
        if self._ticking is not None:
            anyio.from_thread.run(self._end)

    def watch(self, text: str) -> None:
        """Take what is printed."""
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            return
        self._line, self._is_shown = plain(lines[-1], LINE_LIMIT), False
        with suppress(RuntimeError):  # not in the thread of a tool
            if self._ticking is None:
                anyio.from_thread.run_sync(self._start)
            if time.monotonic() - self._last >= SECONDS_BETWEEN:
                anyio.from_thread.run(self._show)

    def _start(self) -> None:
        self._began = time.monotonic()
        self._ticking = asyncio.get_running_loop().create_task(self._keep_showing())

    async def _end(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        if not self._is_shown:
            await self._show()

    async def _keep_showing(self) -> None:
        while not self._cancellation.is_cancelled:
            await asyncio.sleep(self._tick)
            now = time.monotonic()
            if not self._is_shown:
                await self._show()
            elif now - self._last >= self._silent:
                await self._report(f"{now - self._began:.0f} s, still at: {self._line}")

    async def _show(self) -> None:
        self._is_shown = True
        await self._report(self._line)

    async def _report(self, message: str) -> None:
        if self._cancellation.is_cancelled:
            return
        self._reported, self._last = self._reported + 1, time.monotonic()
        with suppress(RuntimeError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            await self._context.report_progress(float(self._reported), None, message)
