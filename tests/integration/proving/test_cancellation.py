"""Proofs that are cancelled while they run: nothing of them is left, and nothing counts."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from anyio.to_thread import run_sync

from tests.command_line import CDE
from tests.integration.mcp_client import StdioServer, stdio_agent
from tests.integration.proving.test_walk_of_a_feature import CHANGED, TESTS, TRUTH, Bench

PROOFS = "AC1: test_cart.py::test_discount\n"
SUBMIT = {"feature_id": "discount", "phase_id": "test", "results": {"proofs": PROOFS}}


class Hanging(Bench):
    """A feature whose proof says who runs it, and never ends."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "project", folder / "home")
        self.pipe, self.temporary = folder / "pipe", folder / "temporary"
        os.mkfifo(self.pipe)
        self.temporary.mkdir()
        self.environment |= {"TMPDIR": str(self.temporary)}
        self.own: Any = {
            name: self.environment[name] for name in ("TMPDIR", "XDG_CONFIG_HOME", "PATH")
        }
        self.start()
        self.write("cart.py", CHANGED)
        assert self.code("submit", "discount", "build") == ""
        hang = f"\n    open({str(self.pipe)!r}, 'w').write(str(os.getpid()))\n    signal.pause()\n"
        self.write("test_cart.py", f"import os, signal\n{TESTS}{TRUTH}{hang}")
        self.write("specs/discount/proofs.yml", PROOFS)

    def runs(self) -> psutil.Process:
        """What runs the proof, once it does."""
        return psutil.Process(int(self.pipe.read_text()))

    @property
    def left(self) -> list[str]:
        """What is left of copies and runs."""
        return [each.name for each in self.temporary.iterdir() if each.name.startswith("cde-")]

    def require_open(self) -> None:
        """The phase is as it was, and an honest proof is accepted at its first attempt."""
        assert self.cde("status", "discount")["feature"]["current_phase"] == "test"
        self.write("test_cart.py", TESTS + TRUTH)
        assert self.cde("submit", "discount", "test")["accepted"]["attempts"] == 1


@pytest.fixture
def hanging(tmp_path: Path) -> Hanging:
    return Hanging(tmp_path)


def ended(process: psutil.Process) -> bool:
    """Whether it ends."""
    with suppress(psutil.NoSuchProcess):
        process.wait(60)
    return not process.is_running()


@pytest.mark.anyio
async def test_a_client_that_cancels_its_call_ends_the_proofs(hanging: Hanging) -> None:
    async with stdio_agent(hanging.root, **hanging.own) as agent:
        async with anyio.create_task_group() as group:
            group.start_soon(agent.raw, "cde_submitWork", SUBMIT)
            process = await run_sync(hanging.runs)
            group.cancel_scope.cancel()
        assert ended(process)
        while hanging.left:
            await agent.call("cde_getFeatureStatus", feature_id="discount")
        hanging.require_open()


@pytest.mark.slow
def test_ctrl_c_ends_the_proofs(hanging: Hanging) -> None:
    command = subprocess.Popen(
        [*CDE, "submit", "discount", "test"], cwd=hanging.root, env=hanging.environment
    )
    process = hanging.runs()
    command.send_signal(signal.SIGINT)

    assert command.wait(60) == 130
    assert ended(process)
    assert hanging.left == []
    hanging.require_open()


@pytest.mark.slow
def test_a_server_that_is_asked_to_end_ends_the_proofs(hanging: Hanging) -> None:
    server = StdioServer(hanging.root, **hanging.own)
    call = {"name": "cde_submitWork", "arguments": SUBMIT}
    server.send({"id": 1, "method": "tools/call", "params": call})
    process = hanging.runs()
    server.process.send_signal(signal.SIGTERM)

    server.end()
    assert server.process.returncode == 0
    assert ended(process)
    assert hanging.left == []
    hanging.require_open()
