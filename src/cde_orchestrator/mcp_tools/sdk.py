"""What is taken of the SDK that it does not offer; a test for each member holds it to that."""

from __future__ import annotations

from typing import Any, TypeAlias

from mcp.server import MCPServer, Server
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import SessionMessage

Incoming: TypeAlias = ReadStream[SessionMessage | Exception]
"""What a transport reads; neither kind of stream has a public name."""
Outgoing: TypeAlias = WriteStream[SessionMessage]


def protocol_server(server: MCPServer[Any]) -> Server[Any]:
    """What ``server`` answers with; only this runs on other streams and takes other requests."""
    return server._lowlevel_server


def tool_schemas(server: MCPServer[Any]) -> list[dict[str, Any]]:
    """The schemas of the tools' arguments themselves, to be changed; the list has copies."""
    return [tool.parameters for tool in server._tool_manager.list_tools()]


def input_schema(server: MCPServer[Any], tool: str) -> dict[str, Any] | None:
    """One tool's schema; the list, which is offered, is built and validated again each time."""
    return server._tool_input_schema(tool)


def connection_of(context: ServerRequestContext[Any, Any]) -> Connection:
    """Where a session's client is reached when no request of its own is at work."""
    return context.session._connection


def has_listeners(bus: InMemorySubscriptionBus) -> bool:
    """Whether any stream is open; a bus is not asked for that otherwise."""
    return bool(bus._listeners)
