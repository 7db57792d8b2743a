"""Tools, resources and prompts that the protocol's suites ask for by name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import anyio
from mcp.server import MCPServer
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    AudioContent,
    CallToolResult,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    SamplingMessage,
    SetLevelRequestParams,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

from cde_orchestrator.mcp_tools.sdk import input_schema, protocol_server
from tests.conformance.questions import add_questions

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADU"
    "lEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
SOUND = base64.b64encode(
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0@\x1f\0\0\1\0\x08\0data\0\0\0\0"
).decode()
IMAGE = ImageContent(type="image", data=PIXEL, mime_type="image/png")
PAUSE_SECONDS = 0.05
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def add_fixtures(server: MCPServer[Any]) -> None:
    """Add all of them to a server that has its own already."""
    _add_contents(server)
    _add_notifications(server)
    _add_resources(server)
    _add_prompts(server)
    add_questions(server)


def embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    """A resource inside an answer."""
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return EmbeddedResource(type="resource", resource=contents)


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def _giving(answer: Callable[[], CallToolResult]) -> Callable[[], CallToolResult]:
    def give() -> CallToolResult:
        return answer()

    return give


def _add_contents(server: MCPServer[Any]) -> None:
    mixed = embedded(
        "test://mixed-content-resource", '{"test":"data","value":123}', "application/json"
    )
    contents: dict[str, list[Any]] = {
        "test_simple_text": [_text("This is a simple text response for testing.")],
        "test_image_content": [IMAGE],
        "test_audio_content": [AudioContent(type="audio", data=SOUND, mime_type="audio/wav")],
        "test_embedded_resource": [
            embedded("test://embedded-resource", "This is an embedded resource content.")
        ],
        "test_multiple_content_types": [_text("Multiple content types test:"), IMAGE, mixed],
    }
    for name, content in contents.items():
        giving = partial(CallToolResult, content=content)
        server.add_tool(_giving(giving), name=name, description="Contents", structured_output=False)

    @server.tool()
    def test_error_handling() -> CallToolResult:
        """Test error handling."""
        words = "This tool intentionally returns an error for testing"
        return CallToolResult(content=[_text(words)], is_error=True)

    @server.tool()
    def json_schema_2020_12_tool() -> str:
        """Json schema 2020 12 tool."""
        return "It is listed"

    schema = input_schema(server, "json_schema_2020_12_tool")
    assert schema is not None
    schema.clear()
    schema.update(SCHEMA)

    @server.tool()
    def test_custom_headers(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
    ) -> str:
        """Test custom headers."""
        return region


def _add_notifications(server: MCPServer[Any]) -> None:
    async def three_lines(context: Context) -> str:
        for words in (
            "Tool execution started",
            "Tool processing data",
            "Tool execution completed",
        ):
            await context.info(words)
            await anyio.sleep(PAUSE_SECONDS)
        return "It was logged"

    for name in ("test_tool_with_logging", "test_logging_tool"):
        server.add_tool(three_lines, name=name, description="Log lines")

    @server.tool()
    async def test_tool_with_progress(context: Context) -> str:
        """Test tool with progress."""
        for done in (0, 50, 100):
            await context.report_progress(done, 100, f"{done} of 100")
            await anyio.sleep(PAUSE_SECONDS)
        return "It was reported"

    @server.tool()
    async def test_reconnection(context: Context) -> str:
        """Test reconnection."""
        await context.close_sse_stream()
        await anyio.sleep(PAUSE_SECONDS)
        return "Reconnection test completed"

    @server.tool()
    async def test_sampling(prompt: str, context: Context) -> str:
        """Test sampling."""
        asked = SamplingMessage(role="user", content=_text(prompt))
        session, number = context.request_context.session, context.request_id
        result = await session.create_message([asked], max_tokens=100, related_request_id=number)
        return f"LLM response: {getattr(result.content, 'text', '')}"

    async def set_level(
        _: ServerRequestContext[Any, Any], __: SetLevelRequestParams
    ) -> EmptyResult:
        return EmptyResult()

    handlers = protocol_server(server)
    handlers.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)


def _add_resources(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """Static text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """Static binary."""
        return base64.b64decode(PIXEL)

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        """Watched."""
        return "It does not change"

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:
        """Template."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def _add_prompts(server: MCPServer[Any]) -> None:
    @server.prompt()
    def test_simple_prompt() -> str:
        """Test simple prompt."""
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """Test prompt with arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    def test_prompt_with_embedded_resource(
        resourceUri: str,  # noqa: N803 - the suite's name
    ) -> list[UserMessage]:
        """Test prompt with embedded resource."""
        resource = embedded(resourceUri, "Embedded resource content for testing.")
        return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]

    @server.prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        """Test prompt with image."""
        return [UserMessage(IMAGE), UserMessage("Please analyze the image above.")]
