"""A real MCP client on the real server, for the tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.types import CallToolResult, TextContent

SERVE = ["-m", "cde_orchestrator", "serve"]


class Agent:
    """Calls tools as an agent does."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured content of a call that must succeed."""
        result = await self.raw(tool, arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        told = dict(result.structured_content)
        assert told.pop("correlation_id")  # names the call, and is never the same twice
        return told

    async def refused(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The error of a call that must be refused."""
        result = await self.raw(tool, arguments)
        assert result.is_error, text_of(result)
        assert result.structured_content is not None
        error: dict[str, Any] = result.structured_content["error"]
        assert error["code"] in text_of(result)
        assert "Traceback" not in text_of(result)
        return error

    async def raw(self, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """The result as it came."""
        return await self.client.call_tool(tool, dict(arguments))


def text_of(result: CallToolResult) -> str:
    """The text of a result."""
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


@asynccontextmanager
async def stdio_agent(
    project: Path | None,
    *,
    cwd: Path | None = None,
    mode: str = "auto",
    options: Sequence[str] = (),
    **env: str,
) -> AsyncIterator[Agent]:
    """An agent on a server process of its own, over stdio."""
    pinned = ["--project", str(project)] if project else []
    variables = {"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"], **env}
    server = StdioServerParameters(
        command=sys.executable, args=[*SERVE, *pinned, *options], cwd=cwd, env=variables
    )
    async with Client(server, mode=mode) as client:
        yield Agent(client)


def deliverable(output: Mapping[str, Any]) -> str:
    """A text that passes the gate of a declared output."""
    asked = [heading for heading in output["must_contain"] if not heading.startswith("re:")]
    words = "AC1 and T1 and F1: what was done, by whom, and how anybody can see that it works.\n"
    body: str = "\n\n".join(f"{heading}\n\n{words}" for heading in asked or ["# Result"])
    body += "".join(f"\n\nVerdict: {verdict}\n" for verdict in output["verdict"][:1])
    return body + "\n" + words * (int(output["min_bytes"]) // len(words) + 1)


def kill_servers(project: Path) -> None:
    """Kill -9 the servers of a project that this process started."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # another one may end meanwhile
            if {"serve", str(project)} <= set(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)
