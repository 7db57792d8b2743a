"""A real MCP client on the real server, for the tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.session import ElicitationFnT
from mcp.types import CallToolResult, TextContent

from cde_orchestrator.domain.errors.entry import tool_call
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.command_line import became, program

SERVE = ["-m", "cde_orchestrator", "serve"]
PASSED_ON = ("XDG_STATE_HOME", VARIABLE, "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
"""Variables of the tests that each server has; a client's own environment has few."""
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


class StdioServer:
    """A server over stdio that is asked line by line, each request after the last answer.

    Args:
        project: its project.
        forks: whether it may be forked; what its starter kills may not.
        environment: in addition to the tests' own.

    Attributes:
        process: the server, which has greeted its client.
    """

    def __init__(self, project: Path, *, forks: bool = True, **environment: str) -> None:
        words = program(environment, forks=forks)
        self.process = subprocess.Popen(
            [*words, "serve", "--project", str(project)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
        )
        assert self.ask("initialize", HELLO, "hello")["id"] == "hello"
        self.send({"method": "notifications/initialized"})

    def ask(self, method: str, params: Mapping[str, Any], number: int | str) -> dict[str, Any]:
        """The answer to one request, as it came."""
        self.send({"id": number, "method": method, "params": params})
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def end(self) -> tuple[str, str]:
        """What is left on its standard output and error once nobody asks any more."""
        return self.process.communicate(timeout=60)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message, and wait for nothing."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()


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
        following = told.pop("next")
        assert f"\nNext: {tool_call(following['tool'], following['arguments'])}: " in text_of(
            result
        )
        assert following["why"]
        assert told["project"]["path"]
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


def require_short(result: CallToolResult) -> None:
    """Neither channel has more than 25,000 characters: a client shows one of them."""
    assert len(json.dumps(result.structured_content, ensure_ascii=False)) <= 25_000
    assert len(text_of(result)) <= 25_000


@asynccontextmanager
async def stdio_agent(
    project: Path | None,
    *,
    cwd: Path | None = None,
    mode: str = "auto",
    options: Sequence[str] = (),
    elicit: ElicitationFnT | None = None,
    forks: bool = True,
    **env: str,
) -> AsyncIterator[Agent]:
    """An agent on a server process of its own, over stdio; ``elicit`` is its person.

    The process may be forked, where it ``forks``; what its starter kills may not.
    """
    pinned = ["--project", str(project)] if project else []
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    variables = {**kept, **env}
    command, *words = program(variables, forks=forks)
    arguments = [*words, "serve", *pinned, *options]
    server = StdioServerParameters(command=command, args=arguments, cwd=cwd, env=variables)
    async with Client(server, mode=mode, elicitation_callback=elicit) as client:
        yield Agent(client)


def kill_servers(project: Path) -> None:
    """Kill -9 the servers of a project that this process started."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # another one may end meanwhile
            words = child.cmdline()
            if {"serve", str(project)} <= {*words}:
                os.kill(became(words, child.pid), signal.SIGKILL)
