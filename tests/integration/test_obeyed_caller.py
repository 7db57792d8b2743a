"""Who calls is obeyed: a check ends with its call or its server, and nothing is changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from anyio.to_thread import run_sync

from tests.command_line import program
from tests.integration.mcp_client import Agent, StdioServer, stdio_agent, text_of
from tests.let_in import bearer, let_in

pytestmark = pytest.mark.anyio

WORKFLOW = """\
version: 1
workflows:
  small:
    phases:
      - id: test
        prompt: standard/test.md
        outputs: []
        check: {check}
        check_timeout_seconds: 300
"""
SUBMIT = {"feature_id": "slow", "phase_id": "test"}
CALL = {"name": "cde_submitWork", "arguments": SUBMIT}
OBEYED = 1.0
"""Seconds in which a cancelled check has ended."""
STOPPED = 3.0
"""Seconds in which a server that is asked to end has ended."""
SLACK = 2.0
"""How many times as long it may take on a busy machine; the check itself would take minutes."""


class Slow:
    """A project with a feature whose check says who runs it, and does not end when asked to."""

    def __init__(self, folder: Path) -> None:
        self.root, self.pipe = folder / "project", folder / "pipe"
        self.root.mkdir()
        os.mkfifo(self.pipe)
        code = (
            "import os, pathlib, signal, sys\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print('half of it', flush=True)\n"
            "if not pathlib.Path('go').exists():\n"
            f"    open({str(self.pipe)!r}, 'w').write(str(os.getpid()))\n"
            "    while True: signal.pause()\n"
        )
        self.cde("init")
        check = json.dumps([sys.executable, "-c", code])
        (self.root / ".cde" / "workflow.yml").write_text(WORKFLOW.format(check=check))
        (self.root / ".cde" / "config.toml").write_text("baseline_seconds = 0\n")
        self.cde("trust", "--yes")
        self.cde("start", "Take long", "--name", "slow", "--workflow", "small")

    def cde(self, *words: str) -> Any:
        """What a command prints as JSON."""
        command = [*program(), *words, "--project", str(self.root), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        answer = json.loads(done.stdout)
        assert words[0] == "submit" or not done.returncode, answer
        return answer

    def check(self) -> psutil.Process:
        """The check, once it runs."""
        return psutil.Process(int(self.pipe.read_text()))

    def require_unchanged(self) -> None:
        """The phase is as it was: a check that passes is accepted at its first attempt."""
        (self.root / "go").touch()
        while (answer := self.cde("submit", "slow", "test")).get("error", {}).get("code") == "E129":
            pass
        assert answer["accepted"]["attempts"] == 1
        assert not answer.get("repeated")


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return Slow(tmp_path)


def ends_within(seconds: float, process: psutil.Process) -> bool:
    """Whether a process ends in that time, on a busy machine in a few times as much."""
    deadline = time.monotonic() + seconds * SLACK
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
    return True


def end(process: subprocess.Popen[str]) -> None:
    """Leave nothing of a server."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


@pytest.fixture
def server(slow: Slow) -> Iterator[StdioServer]:
    """A server in which the check runs for a call."""
    served = StdioServer(slow.root, forks=False)
    served.send({"id": 1, "method": "tools/call", "params": CALL})
    yield served
    end(served.process)


def test_a_cancelled_call_ends_its_check_within_a_second(slow: Slow, server: StdioServer) -> None:
    check = slow.check()
    server.send({"method": "notifications/cancelled", "params": {"requestId": 1}})
    assert ends_within(OBEYED, check)
    slow.require_unchanged()


@pytest.mark.parametrize("how", ["end of input", "SIGTERM", "SIGINT"])
def test_a_server_that_is_to_end_ends_its_check_first(
    slow: Slow, server: StdioServer, how: str
) -> None:
    check = slow.check()
    if how == "end of input":
        assert server.process.stdin is not None
        server.process.stdin.close()
    else:
        server.process.send_signal(signal.Signals[how])
    server.process.wait(STOPPED * SLACK)
    assert ends_within(0, check)
    slow.require_unchanged()


@pytest.fixture
def http(slow: Slow) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server over HTTP and its address."""
    command = [*program(forks=False), "serve", "--project", str(slow.root), "--json"]
    process = subprocess.Popen(
        [*command, "--transport", "http", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "}\n")
    yield process, json.loads("".join([*lines, "}"]))["url"]
    end(process)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_over_http_whose_client_goes_ends_its_check(
    slow: Slow, http: tuple[subprocess.Popen[str], str], mode: str
) -> None:
    async with let_in(http[1], bearer(slow.root), mode=mode) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(Agent(client).raw, "cde_submitWork", SUBMIT)
            check = await run_sync(slow.check)
            group.cancel_scope.cancel()
        assert await run_sync(ends_within, OBEYED, check)
        await run_sync(slow.require_unchanged)


async def test_a_server_over_http_that_is_to_end_ends_its_check_first(
    slow: Slow, http: tuple[subprocess.Popen[str], str]
) -> None:
    process, url = http

    async def call() -> None:
        with suppress(Exception):  # the connection ends with the server
            async with let_in(url, bearer(slow.root)) as client:
                await Agent(client).raw("cde_submitWork", SUBMIT)

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        check = await run_sync(slow.check)
        process.terminate()
        await run_sync(process.wait, STOPPED * SLACK)
        assert ends_within(0, check)
        group.cancel_scope.cancel()
    await run_sync(slow.require_unchanged)


async def test_a_running_check_is_shown_to_everybody(slow: Slow, server: StdioServer) -> None:
    check = await run_sync(slow.check)
    async with stdio_agent(slow.root) as agent:
        about = {"feature_id": "slow"}
        for tool in ("cde_getFeatureStatus", "cde_resumeFeature"):
            result = await agent.raw(tool, about)
            content = result.structured_content or {}
            while content["running"]["line"] != "half of it":
                content = await agent.call("cde_getFeatureStatus", feature_id="slow")
            running = content["running"]
            assert (running["phase"], running["by"]) == ("test", "mcp:test")
            assert "A check runs for phase test, since 2" in text_of(result)
            assert "\nNext: cde_getFeatureStatus(feature_id='slow'): a check runs" in text_of(
                result
            )
        error = await agent.refused("cde_submitWork", **SUBMIT)
        assert error["code"] == "E129"
        assert "for mcp:test; its last line: half of it. It does not run twice." in error["message"]
        server.send({"method": "notifications/cancelled", "params": {"requestId": 1}})
        assert ends_within(OBEYED, check)
        while "running" in await agent.call("cde_getFeatureStatus", feature_id="slow"):
            pass
    await run_sync(slow.require_unchanged)
