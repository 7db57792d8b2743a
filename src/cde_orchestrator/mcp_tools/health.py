"""The tool that tells how the project is."""

from __future__ import annotations

import json

from mcp.server import MCPServer
from mcp.types import CallToolResult

from cde_orchestrator.mcp_tools._boundary import Service, reply
from cde_orchestrator.mcp_tools._tool import Effect, tool

OPERATIONS_SHOWN = 10
"""Operations in an answer, slowest first; all of them would not fit."""


def register(server: MCPServer, service: Service) -> None:
    """Add the tool to the server."""

    @tool(
        server,
        Effect.READS,
        "Project health: checks, figures, alerts. Works on a broken project too.",
    )
    def cde_getHealth() -> CallToolResult:  # noqa: N802 - the tools' names are the plan's
        from cde_orchestrator.application.monitoring.get_health import GetHealth
        from cde_orchestrator.application.ports.health import slowest

        health = service.handle(GetHealth())
        figures = health["metrics"]
        figures["operations"] = slowest(figures["operations"], OPERATIONS_SHOWN)
        return reply(health, json.dumps(health, indent=2), "cde health --json")
