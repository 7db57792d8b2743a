"""Which tools may be named to the client of the present call."""

from __future__ import annotations

from cde_orchestrator.infrastructure.observability.correlation import call_context


def offered() -> frozenset[str] | None:
    """Those that it was offered; None where that is all."""
    return call_context().tools


def is_offered(tool: str) -> bool:
    """Whether the client has this tool."""
    tools = offered()
    return tools is None or tool in tools
