"""A real server of its own, and a real client of it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import Implementation, TextContent

from examples.walkthrough.failure import DemoError

_CALL_SECONDS = 90.0
"""Criteria are proven within a call."""


@asynccontextmanager
async def connected(project: Path, log: Path, environment: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a new server for the project; the server ends with it."""
    words = ["-m", "cde_orchestrator", "serve", "--project", str(project)]
    parameters = StdioServerParameters(
        command=sys.executable, args=words, cwd=project, env=environment
    )
    with log.open("a", encoding="utf-8") as errors:
        async with Client(
            stdio_client(parameters, errlog=errors),
            client_info=Implementation(name="cde-demo", version="1"),
            read_timeout_seconds=_CALL_SECONDS,
        ) as client:
            yield client


def server_process() -> psutil.Process:
    """The server that this process started."""
    for child in psutil.Process().children():
        if "serve" in child.cmdline():
            return child
    raise DemoError("The server's process was not found.")


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool; the reply's structured content, but for what names this one call."""
    result = await client.call_tool(tool, arguments)
    if result.is_error or result.structured_content is None:
        texts = [part.text for part in result.content if isinstance(part, TextContent)]
        raise DemoError(f"{tool} was refused:\n" + "\n".join(texts))
    reply: dict[str, Any] = result.structured_content
    reply.pop("correlation_id", None)
    return reply


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that has to refuse; what it says, in short."""
    result = await client.call_tool(tool, arguments)
    if not result.is_error:
        raise DemoError(f"{tool} was not refused.")
    texts = [part.text for part in result.content if isinstance(part, TextContent)]
    return "\n".join(texts).strip()
