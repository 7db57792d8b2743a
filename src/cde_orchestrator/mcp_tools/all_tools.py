"""All tools together: imported when a client first asks for one, not to begin a session."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer

from cde_orchestrator.mcp_tools import errors, features, health, lifecycle, project, recovery
from cde_orchestrator.mcp_tools._boundary import Service
from cde_orchestrator.mcp_tools.errors import Run
from cde_orchestrator.mcp_tools.sdk import tool_schemas


def register_all(server: MCPServer, service: Service, run: Run) -> None:
    """Add every tool to the server.

    Args:
        server: what they are added to.
        service: runs their use cases.
        run: runs what needs no project inside an operation.
    """
    project.register(server, service)
    features.register(server, service)
    recovery.register(server, service)
    errors.register(server, run)
    lifecycle.register(server, service)
    health.register(server, service)
    for schema in tool_schemas(server):
        _slim(schema)


def _slim(schema: dict[str, Any]) -> None:
    """Drop what a client does not need: titles, and null as an alternative to leaving away."""
    schema.pop("title", None)
    for name, member in schema.get("properties", {}).items():
        member.pop("title", None)
        choices = [choice for choice in member.pop("anyOf", []) if choice != {"type": "null"}]
        if choices:
            schema["properties"][name] = choices[0] | member
            if schema["properties"][name].get("default", "") is None:
                del schema["properties"][name]["default"]
