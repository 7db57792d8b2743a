"""What a command prints, as progress of the call that runs it."""

from __future__ import annotations

import time
from contextlib import suppress

import anyio
import anyio.from_thread
from mcp.server.mcpserver import Context

from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.domain.errors.template import plain

LINE_LIMIT = 300
SECONDS_BETWEEN = 0.1


def progress_watch(context: Context) -> Watch:
    """A watch that reports the newest line printed, a few times a second at most.

    It is called in the thread of a tool; a client that went away stops nothing.
    """
    reported = 0
    last = 0.0

    def watch(text: str) -> None:
        nonlocal reported, last
        lines = [line for line in text.splitlines() if line.strip()]
        now = time.monotonic()
        if not lines or now - last < SECONDS_BETWEEN:
            return
        reported, last = reported + 1, now
        with suppress(RuntimeError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            anyio.from_thread.run(
                context.report_progress, float(reported), None, plain(lines[-1], LINE_LIMIT)
            )

    return watch
