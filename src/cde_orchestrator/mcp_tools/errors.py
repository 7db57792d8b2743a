"""What agents may ask about errors: a tool, and a resource for each code."""

from __future__ import annotations

from typing import Annotated

from mcp.server import MCPServer
from mcp.types import CallToolResult
from pydantic import Field

from cde_orchestrator.application.logs.explain_error import (
    explain,
    explain_all,
    explain_in_markdown,
)
from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.infrastructure.observability.operations import EXPLAIN_ERROR
from cde_orchestrator.mcp_tools import _next
from cde_orchestrator.mcp_tools._boundary import Service, reply
from cde_orchestrator.mcp_tools._offered import offered
from cde_orchestrator.mcp_tools._tool import Effect, tool


@tool(Effect.READS, "Explain an error")
def cde_explainError(  # noqa: N802 - the tools' names are the plan's
    service: Service,
    code: Annotated[str | None, Field(description="As E101")] = None,
) -> CallToolResult:
    """After an error: what its code means and how to fix it; without code, all codes."""
    return service.run(EXPLAIN_ERROR, lambda: _explained(service, code))


def register_resource(server: MCPServer) -> None:
    """Add the resource to the server."""

    @server.resource(
        "cde://errors/{code}",
        name="error",
        title="Error code",
        description="What an error code means and how to fix it.",
        mime_type="text/markdown",
    )
    def error(code: str) -> str:
        return explain_in_markdown(code, Reader.AGENT, offered())


def _explained(service: Service, code: str | None) -> CallToolResult:
    placed = {"project": service.place}
    if code is not None:
        text = explain_in_markdown(code, Reader.AGENT, offered())
        explained = {**explain(code, Reader.AGENT, offered()), **placed}
        return reply(explained, text, f"cde explain {code}", _next.after_explanation(None))
    every = explain_all()
    rows = [row for family in every["families"] for row in family["codes"]]
    text = "\n".join(f"{row['code']} {row['title']}" for row in rows)
    return reply({**every, **placed}, text, "cde explain", _next.after_explanation(every))
