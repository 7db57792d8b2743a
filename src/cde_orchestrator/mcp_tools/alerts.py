"""The alerts as a resource; whoever subscribes to it is notified when one changes."""

from __future__ import annotations

import json
from typing import Any

from mcp.server import MCPServer

from cde_orchestrator.mcp_tools._boundary import Service

URI = "cde://alerts"


def register(server: MCPServer[Any], service: Service) -> None:
    """Add the resource to the server."""

    @server.resource(
        URI,
        name="alerts",
        title="Alerts",
        description="Every alert with its state, and the alert history; can be subscribed to.",
        mime_type="application/json",
    )
    def alerts() -> str:
        from cde_orchestrator.application.monitoring.alerts import ListAlerts

        return json.dumps(service.handle(ListAlerts()), indent=2)
