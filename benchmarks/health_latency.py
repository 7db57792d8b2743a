"""How long probes wait while 16 clients call tools as fast as they can, with 10,000 features.

The server and the clients are processes of their own; each probe is a connection of its own, as
those of Kubernetes are. A server that does nothing is probed in turns with it: what that takes
is the machine's own delay.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measure import Figure, own_folder, runs_of
from benchmarks.states import build

FEATURES = 10_000
CLIENTS = 16
SECONDS = 20
REACH_MS = {"/health": 10.0, "/health/ready": 50.0, "/health/metrics": 50.0, "/metrics": 50.0}
_SERVE = ("serve", "--transport", "http", "--port", "0", "--json")
_VARIABLE = "CDE_HTTP_TOKEN"
TOKEN = os.environ.get(_VARIABLE) or secrets.token_urlsafe(32)
"""The server's and all clients': the process of the clients is given it in its environment."""
_BEARER = {"Authorization": f"Bearer {TOKEN}"}
_BARE = "a server that does nothing"
_BARE_SERVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{}')
    def log_message(self, *words):
        pass
server = HTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
_GAP_SECONDS = 0.005
_WARM_SECONDS = 3.0


class ToolCaller:
    """A client of MCP over HTTP that does as little as it can itself."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        self._session = ""
        self._numbers = itertools.count(1)
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "benchmark", "version": "1"},
        }
        self._post("initialize", hello)
        self._post("notifications/initialized", {}, expects_answer=False)

    def call(self, tool: str, **arguments: Any) -> None:
        """Call a tool.

        Raises:
            RuntimeError: it was refused.
        """
        answer = self._post("tools/call", {"name": tool, "arguments": arguments})
        if b'"isError":true' in answer:
            raise RuntimeError(answer.decode())

    def _post(self, method: str, params: Any, *, expects_answer: bool = True) -> bytes:
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if expects_answer:
            message["id"] = next(self._numbers)
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **_BEARER,
        }
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        self._connection.request("POST", "/mcp", json.dumps(message), headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            self._connection.close()
            raise RuntimeError(f"{method} was answered with {response.status}: {answer!r}")
        self._session = self._session or response.getheader("Mcp-Session-Id", "")
        return answer


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The address of a server for the project."""
    server = subprocess.Popen(
        [sys.executable, "-m", "cde_orchestrator", *_SERVE, "--project", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "CDE_ALERTS_OFF": "memory_high", _VARIABLE: TOKEN},
        text=True,
    )
    assert server.stdout is not None
    try:
        told = ""
        while not told.endswith("}\n"):
            told += server.stdout.readline()
        yield json.loads(told)["url"].removesuffix("/mcp")
    finally:
        server.terminate()
        server.communicate(timeout=30)


def _call_tools(address: str, place: int, calls: list[int]) -> None:
    """Call tools until the process is ended: three questions for each change."""
    client = ToolCaller(address)
    for number in itertools.count():
        name = f"change-{(place * FEATURES // CLIENTS + 37 * number) % FEATURES}"
        if number % 4 == 0:  # with a prompt of its own, or it would be a call that came twice
            client.call("cde_startFeature", prompt=f"One more, {number} of client {place}")
        elif number % 4 == 1:
            client.call("cde_getFeatureStatus", feature_id=name)
        elif number % 4 == 2:
            client.call("cde_listFeatures", limit=20)
        else:
            client.call("cde_getProjectInfo")
        calls.append(1)


@contextmanager
def called(address: str) -> Iterator[subprocess.Popen[str]]:
    """Clients that call tools meanwhile, in a process of their own.

    Raises:
        RuntimeError: one of them ended, as when the server refuses it.
    """
    clients = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.health_latency", address],
        cwd=Path(__file__).parents[1],
        env={**os.environ, _VARIABLE: TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield clients
    finally:
        ended = clients.poll()
        clients.terminate()
        told, _ = clients.communicate(timeout=30)
        if ended is not None:
            raise RuntimeError("the clients ended by themselves")
        print(f"{CLIENTS} clients: {(told.splitlines() or ['few'])[-1]} calls a second")


def _probe(address: str, path: str) -> float:
    """Milliseconds from the connection to the last byte of the answer."""
    parts = urlsplit(address)
    began = time.perf_counter()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request("GET", path, headers=_BEARER)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{path} answered {response.status}")
    return (time.perf_counter() - began) * 1000


def _probed(address: str, bare: str, seconds: float) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {path: [] for path in (*REACH_MS, _BARE)}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path, samples in taken.items():
            samples.append(_probe(bare, "/") if path == _BARE else _probe(address, path))
            time.sleep(_GAP_SECONDS)
    return taken


@contextmanager
def _bare_server() -> Iterator[str]:
    words = [sys.executable, "-c", _BARE_SERVER]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.communicate(timeout=30)


def measure() -> list[Figure]:
    """Probe a server that has its hands full."""
    with own_folder() as folder:
        root = build(folder / "project", FEATURES)
        with served(root) as address, _bare_server() as bare:
            _probed(address, bare, _WARM_SECONDS)
            with called(address):
                time.sleep(_WARM_SECONDS)
                busy = _probed(address, bare, runs_of(SECONDS, 3))
    return [
        Figure(
            key=f"probe-{path.strip('/').replace('/', '-')}" if path != _BARE else "probe-bare",
            name=f"{path} under {CLIENTS} clients, {FEATURES:,} features",
            samples=samples,
            yardstick="" if path == _BARE else _BARE,
            yardstick_samples=() if path == _BARE else busy[_BARE],
            compared="p99",
            reach=REACH_MS.get(path),
            first="14 to 17 ms" if path == "/health" else "",
        )
        for path, samples in busy.items()
    ]


def _call_until_told(address: str) -> None:
    """Say how many calls a second there are, until the process or one of its clients ends."""
    calls: list[int] = []
    clients = [
        threading.Thread(target=_call_tools, args=(address, place, calls), daemon=True)
        for place in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    began = time.monotonic()
    while all(client.is_alive() for client in clients):
        time.sleep(1)
        print(f"{len(calls) / (time.monotonic() - began):.0f}", flush=True)


if __name__ == "__main__":
    _call_until_told(sys.argv[1])
