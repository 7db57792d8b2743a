"""An answer that is lost with its connection is had by the session that asked, and by no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from anyio.to_thread import run_sync

from tests.command_line import cde, program
from tests.integration.mcp_client import HELLO
from tests.let_in import bearer

pytestmark = pytest.mark.anyio

WORKFLOW = """\
version: 1
default: small
workflows:
  small:
    phases:
      - id: test
        prompt: standard/test.md
        outputs: []
        check: {check}
"""
REVISION = "2025-11-25"
SUBMIT = {"name": "cde_submitWork", "arguments": {"feature_id": "slow", "phase_id": "test"}}


class Session:
    """A client of the revision with sessions, which reads its streams itself."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self._http, self._url = http, url
        self._headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": REVISION,
        }

    async def begin(self) -> None:
        """Open the session."""
        async with self.request("initialize", HELLO, "hello") as response:
            self._headers["Mcp-Session-Id"] = response.headers["mcp-session-id"]
            await response.aread()
        message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await self._http.post(self._url, json=message, headers=self._headers)

    @asynccontextmanager
    async def request(
        self, method: str, params: dict[str, Any], number: int | str
    ) -> AsyncIterator[httpx2.Response]:
        """The stream of a request's answer."""
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        posted = self._http.stream("POST", self._url, json=message, headers=self._headers)
        async with posted as response:
            assert response.status_code == 200
            yield response

    @asynccontextmanager
    async def resumed(self, event: str) -> AsyncIterator[httpx2.Response]:
        """The stream of what came after an event."""
        headers = {**self._headers, "Last-Event-ID": event}
        async with self._http.stream("GET", self._url, headers=headers) as response:
            yield response


async def events(response: httpx2.Response) -> AsyncIterator[dict[str, str]]:
    """The events of a stream, each by its fields."""
    event: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            event[name] = value.strip()
        elif event:
            yield event
            event = {}


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """What the check waits for."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.fixture
def root(tmp_path: Path, pipe: Path) -> Path:
    """A project with a feature whose check waits."""
    root = tmp_path / "project"
    root.mkdir()
    check = [sys.executable, "-c", f"print('half', flush=True); open({str(pipe)!r}).read()"]
    assert cde("init", cwd=root).returncode == 0
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW.format(check=json.dumps(check)))
    (root / ".cde" / "config.toml").write_text("baseline_seconds = 0\n")
    assert cde("trust", "--yes", cwd=root).returncode == 0
    assert cde("start", "Take long", "--name", "slow", cwd=root).returncode == 0
    return root


@pytest.fixture
def url(root: Path) -> Iterator[str]:
    """Where the project is served over HTTP."""
    command = [*program(), "serve", "--project", str(root), "--json"]
    server = subprocess.Popen(
        [*command, "--transport", "http", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    lines = iter(server.stdout.readline, "}\n")
    yield json.loads("".join([*lines, "}"]))["url"]
    server.terminate()
    server.communicate(timeout=60)


async def test_an_answer_that_is_lost_is_had_by_the_session_that_asked_alone(
    root: Path, pipe: Path, url: str
) -> None:
    async with httpx2.AsyncClient(headers=bearer(root), timeout=60) as http:
        mine, other = Session(http, url), Session(http, url)
        await mine.begin()
        await other.begin()
        async with mine.request("tools/call", SUBMIT, 7) as response:
            first = await anext(events(response))
        assert (first["data"], first["retry"]) == ("", "1000")

        await run_sync(pipe.write_text, "go")  # the check is waited for, and ends now
        async with mine.resumed(first["id"]) as response:
            *_, last = [each async for each in events(response) if "data" in each]
        answer = json.loads(last["data"])
        assert answer["id"] == 7  # the stream ended with it
        assert answer["result"]["structuredContent"]["feature"]["status"] == "completed"

        async with other.resumed(first["id"]) as response:
            assert [each async for each in events(response)] == []
        http.headers["Authorization"] = "Bearer another-one-altogether"
        async with mine.resumed(first["id"]) as response:
            assert response.status_code == 401
