"""Who calls, by which id the call is known to the client, and how it is shown progress."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context

from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.mcp_tools.sdk import connection_of

if TYPE_CHECKING:
    from cde_orchestrator.application.ports.checks import Watch

LINE_LIMIT = 300
SECONDS_BETWEEN = 0.1


def actor(context: ServerRequestContext[Any, Any]) -> str:
    """Who calls: the client's name, as it gave it."""
    params = context.session.client_params
    return f"mcp:{params.client_info.name[:60]}" if params else "mcp"


def connection(context: ServerRequestContext[Any, Any]) -> str:
    """The connection that the client keeps: its session, or the process that serves it.

    A client of a protocol without sessions is distinguished by its name alone, as for leases.
    """
    return connection_of(context).session_id or "process"


def correlation(context: ServerRequestContext[Any, Any]) -> tuple[str | None, str | None]:
    """The correlation id and the W3C trace context that the client sent.

    What stands in the request's ``_meta`` goes before the headers of an HTTP request.
    """
    headers = getattr(context.request, "headers", {})
    carriers: tuple[Mapping[str, Any], ...] = (context.meta or {}, headers)

    def sent(*names: str) -> str | None:
        found = [carrier.get(name) for name, carrier in zip(names, carriers, strict=True)]
        return next((value for value in found if isinstance(value, str)), None)

    return sent("correlation_id", "x-correlation-id"), sent("traceparent", "traceparent")


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
