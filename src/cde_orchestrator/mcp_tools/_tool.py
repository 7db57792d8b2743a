"""How a tool is added to the server: with what it does to the project, which clients go by."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from mcp.server import MCPServer
from mcp.types import CallToolResult, ToolAnnotations

Function = TypeVar("Function", bound=Callable[..., CallToolResult])


def _hints(**hints: bool) -> ToolAnnotations:
    return ToolAnnotations.model_validate({"open_world_hint": False, **hints})


class Effect(Enum):
    """What a tool does to the project, in the protocol's words; none reaches outside of it.

    What a tool leaves out, clients take for destructive and open to the world: they ask a
    person before such a call, and refuse it where there is none.
    """

    READS = _hints(read_only_hint=True)
    ADDS = _hints(destructive_hint=False)
    SETS = _hints(destructive_hint=False, idempotent_hint=True)
    TAKES_BACK = _hints(destructive_hint=True)


def tool(server: MCPServer, effect: Effect, description: str) -> Callable[[Function], Function]:
    """Add the decorated function as a tool."""
    return server.tool(description=description, annotations=effect.value, structured_output=False)
