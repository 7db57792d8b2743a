"""The members of the SDK that it does not offer are what they are taken for.

Each of these fails when the SDK changes the member; then ``mcp_tools/sdk.py`` is to follow.
"""

from __future__ import annotations

from inspect import isfunction
from typing import Any, get_origin

import anyio
import pytest
from mcp.client.client import Client
from mcp.server import MCPServer
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.types import EmptyResult, ResourceUpdatedNotification, SubscribeRequestParams

from cde_orchestrator.mcp_tools import sdk
from cde_orchestrator.mcp_tools._answered_input import AnsweredInput

pytestmark = pytest.mark.anyio

URI = "test://fact"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> MCPServer[None]:
    """A server with one tool."""
    made: MCPServer[None] = MCPServer("test")

    @made.tool()
    def add(first: int, second: int = 2) -> int:
        """Add two numbers."""
        return first + second

    return made


async def test_what_is_changed_in_a_schema_is_what_clients_see(server: MCPServer[None]) -> None:
    for schema in sdk.tool_schemas(server):
        schema["title"] = "changed"

    async with Client(server) as client:
        (tool,) = (await client.list_tools()).tools
    assert tool.input_schema["title"] == "changed"


def test_a_schema_is_found_by_the_tool_and_none_without_one(server: MCPServer[None]) -> None:
    assert list((sdk.input_schema(server, "add") or {})["properties"]) == ["first", "second"]
    assert sdk.input_schema(server, "subtract") is None


@pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")
async def test_a_session_is_reached_by_its_connection_after_its_request(
    server: MCPServer[None],
) -> None:
    connections = []

    async def subscribed(
        context: ServerRequestContext[Any, Any], params: SubscribeRequestParams
    ) -> EmptyResult:
        connections.append(sdk.connection_of(context))
        return EmptyResult()

    sdk.protocol_server(server).add_request_handler(
        "resources/subscribe", SubscribeRequestParams, subscribed
    )
    updated = anyio.Event()

    async def received(message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            updated.set()

    async with Client(server, mode="legacy", message_handler=received) as client:
        await client.subscribe_resource(URI)
        await connections[0].send_resource_updated(URI)
        with anyio.fail_after(60):
            await updated.wait()


async def test_a_server_runs_on_streams_that_it_is_given(server: MCPServer[None]) -> None:
    served = sdk.protocol_server(server)
    to_server, incoming = anyio.create_memory_object_stream[Any](1)
    outgoing, from_server = anyio.create_memory_object_stream[Any](1)
    await to_server.aclose()

    with incoming, outgoing, from_server, anyio.fail_after(60):  # it ends with its input
        await served.run(incoming, outgoing, served.create_initialization_options())


def test_a_bus_knows_whether_anybody_listens() -> None:
    bus = InMemorySubscriptionBus()
    assert not sdk.has_listeners(bus)

    end = bus.subscribe(lambda _event: None)
    assert sdk.has_listeners(bus)

    end()
    assert not sdk.has_listeners(bus)


def test_the_input_that_answers_is_a_stream_to_the_sdk() -> None:
    methods = {
        name for name, member in vars(get_origin(sdk.Incoming)).items() if isfunction(member)
    }
    assert "receive" in methods
    assert methods - {"__init__", "_no_init_or_replace_init"} <= set(dir(AnsweredInput))
