"""All tools together: imported when a client first asks for one, not to begin a session."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer

from cde_orchestrator.mcp_tools import errors, features, project, recovery
from cde_orchestrator.mcp_tools._boundary import Service
from cde_orchestrator.mcp_tools.sdk import tool_schemas

TOOLS = (
    project.cde_onboardProject,
    project.cde_getProjectInfo,
    project.cde_setProjectStatus,
    features.cde_startFeature,
    features.cde_submitWork,
    features.cde_getFeatureStatus,
    features.cde_listFeatures,
    recovery.cde_recoverState,
    errors.cde_explainError,
    features.cde_saveProgress,
    features.cde_resumeFeature,
    features.cde_closeFeature,
    features.cde_rollbackFeature,
    project.cde_getHealth,
)


def register_all(server: MCPServer, service: Service) -> None:
    """Add every tool to the server."""
    for tool in TOOLS:
        tool.add_to(server, service)
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
