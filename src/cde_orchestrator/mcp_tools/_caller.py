"""Who calls, and by which id the call is known to the client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.server.context import ServerRequestContext

from cde_orchestrator.domain.lease import AGENT_LIMIT, CLIENT, client_name
from cde_orchestrator.mcp_tools.sdk import connection_of


def actor(context: ServerRequestContext[Any, Any]) -> str:
    """Who calls: the client's name, as it gave it."""
    params = context.session.client_params
    return f"{CLIENT}{client_name(params.client_info.name)[:AGENT_LIMIT]}" if params else "mcp"


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
