"""Servers over stdio, 4 at once on one project, each killed in the midst of its work."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.application.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from tests.simulation.oracle import SEED, SOAK, choices

SERVERS = 4
KILLS_EACH = 50 if SOAK else 5
CALLS_AHEAD = 30
"""Calls that are sent without waiting for replies, so that the kill finds one being made."""


class Server:
    """A server process and the client that drives it, line by line."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cde_orchestrator", "serve", "--project", str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.acknowledged: set[str] = set()
        self._asked: dict[int, str] = {}

    def greet(self) -> None:
        """Shake hands."""
        client = {"name": "simulation", "version": "1"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        self._send({"id": 0, "method": "initialize", "params": hello})
        self.receive()
        self._send({"method": "notifications/initialized"})

    def start_features(self, names: list[str]) -> None:
        """Ask for features, without waiting."""
        for number, name in enumerate(names, 1):
            self._asked[number] = name
            call = {
                "name": "cde_startFeature",
                "arguments": {"prompt": f"Whatever {name} needs", "name": name},
            }
            self._send({"id": number, "method": "tools/call", "params": call})

    def receive(self) -> bool:
        """Take one reply; False at the end."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            return False
        reply: dict[str, Any] = json.loads(line)
        if reply.get("id") in self._asked:
            assert not reply["result"].get("isError"), reply
            self.acknowledged.add(self._asked[reply["id"]])
        return True

    def kill(self) -> None:
        """End it at once; what it had replied by then is taken."""
        self._process.send_signal(signal.SIGKILL)
        while self.receive():
            pass
        assert self._process.wait(30) == -signal.SIGKILL
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._process.stdin.flush()


def drive(root: Path, lane: int, random: Random) -> tuple[set[str], set[str]]:
    """Start and kill servers; the features that were asked for, and acknowledged."""
    asked: set[str] = set()
    acknowledged: set[str] = set()
    for life in range(KILLS_EACH):
        server = Server(root)
        server.greet()
        names = [f"lane-{lane}-life-{life}-{number}" for number in range(CALLS_AHEAD)]
        asked.update(names)
        server.start_features(names)
        for _ in range(random.randint(1, CALLS_AHEAD - 5)):
            assert server.receive()
        until = time.perf_counter() + random.uniform(0.0, 0.003)
        while time.perf_counter() < until:
            pass
        server.kill()
        acknowledged |= server.acknowledged
    return asked, acknowledged


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_servers_that_are_killed_lose_nothing_that_they_acknowledged(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    application = build_application(root)
    application.handle(OnboardProject())
    application.close()
    with ThreadPoolExecutor(SERVERS) as pool:
        lanes = [
            pool.submit(drive, root, lane, choices(f"kills {lane}")) for lane in range(SERVERS)
        ]
        results = [lane.result() for lane in lanes]
    asked = set().union(*(asked for asked, _ in results))
    acknowledged = set().union(*(acknowledged for _, acknowledged in results))
    repository = FilesystemProjectRepository()
    present = {feature.name for feature in repository.get(root).features}
    assert acknowledged <= present <= asked, f"seed {SEED}"
    assert len(acknowledged) >= SERVERS * KILLS_EACH
    assert repository.verify(root) == []
