"""Who calls, and by which id the call is known to the client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.server.mcpserver import Context


def actor(context: Context[None, Any] | None) -> str:
    """Who calls: the client's name, as it gave it."""
    params = context.request_context.session.client_params if context else None
    return f"mcp:{params.client_info.name[:60]}" if params else "mcp"


def correlation(context: Context[None, Any] | None) -> tuple[str | None, str | None]:
    """The correlation id and the W3C trace context that the client sent.

    What stands in the request's ``_meta`` goes before the headers of an HTTP request.
    """
    if context is None:
        return None, None
    request = context.request_context
    headers = getattr(request.request, "headers", {})
    carriers: tuple[Mapping[str, Any], ...] = (request.meta or {}, headers)

    def sent(*names: str) -> str | None:
        found = [carrier.get(name) for name, carrier in zip(names, carriers, strict=True)]
        return next((value for value in found if isinstance(value, str)), None)

    return sent("correlation_id", "x-correlation-id"), sent("traceparent", "traceparent")
