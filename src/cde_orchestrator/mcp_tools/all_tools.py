"""All tools together: imported when a client first asks for one, not to begin a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcp.server import MCPServer
from mcp.types import Tool

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


CORE = frozenset(
    tool.name
    for tool in (
        features.cde_startFeature,
        features.cde_submitWork,
        features.cde_getFeatureStatus,
        features.cde_listFeatures,
        features.cde_saveProgress,
        features.cde_resumeFeature,
    )
)
"""The tools of the loop: what a client needs that can take few."""

SELDOM = {
    *("agent", "cursor", "data", "detail", "grow", "idempotency_key"),
    *("done", "limit", "restore", "takeover", "undone"),
}
"""Arguments that such a client is not shown; it may use them, where an error names them."""


def register_all(server: MCPServer, service: Service) -> None:
    """Add every tool to the server."""
    for tool in TOOLS:
        tool.add_to(server, service)
    for schema in tool_schemas(server):
        _slim(schema)


def core_of(tools: Sequence[Tool]) -> list[Tool]:
    """The tools of the loop, with the arguments that every client needs."""
    core = [tool for tool in tools if tool.name in CORE]
    for tool in core:
        shown: dict[str, Any] = tool.input_schema["properties"]
        kept = {name: each for name, each in shown.items() if name not in SELDOM}
        tool.input_schema = {**tool.input_schema, "properties": kept}
    return core


def _slim(schema: dict[str, Any]) -> None:
    """Drop what a client does not need: titles, null in place of omission, and empty defaults.

    A number cannot be empty, as a text can: null remains, for clients that omit nothing. Each kind
    is named apart, for clients whose model knows no list of types.
    """
    schema.pop("title", None)
    for name, member in schema.get("properties", {}).items():
        member.pop("title", None)
        kinds = member.get("anyOf", [])
        if len(kinds) == 2 and kinds[0]["type"] != "integer":
            schema["properties"][name] = kinds[0] | member
            del schema["properties"][name]["anyOf"]
        if not schema["properties"][name].get("default", True):
            del schema["properties"][name]["default"]
