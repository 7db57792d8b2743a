"""Each request as a call from outside, which is in the log also where no use case begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.observability.operations import MCP_REQUEST
from cde_orchestrator.mcp_tools._boundary import as_cde_error
from cde_orchestrator.mcp_tools._caller import actor, connection, correlation

ROUTINE = frozenset({"initialize", "ping", "server/discover"})
"""What a client asks for by itself, without anybody who wants something."""


class LoggedRequests:
    """Opens a call for each request; ``end_call`` is as of ``ServedProject``."""

    def __init__(self, end_call: Callable[..., object]) -> None:
        self._end_call = end_call

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Answer a request, or take a notification."""
        if ctx.request_id is None:
            return await call_next(ctx)
        params = ctx.params or {}
        about = {"method": ctx.method}
        about |= {name: str(params[name]) for name in ("name", "uri") if name in params}
        routine = ctx.method in ROUTINE
        with calling(actor(ctx), *correlation(ctx), connection=connection(ctx)):
            try:
                result = await call_next(ctx)
            except BaseException as raised:
                self._end_call(MCP_REQUEST, as_cde_error(raised) or raised, about, routine=routine)
                raise
            self._end_call(MCP_REQUEST, None, about, routine=routine)
            return result
