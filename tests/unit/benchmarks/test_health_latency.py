"""Clients that keep a server busy: they are let in, or the measurement says that they were not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import health_latency
from benchmarks.health_latency import CLIENTS, ToolCaller, called


class Guarded(ThreadingHTTPServer):
    """Answers whoever has the token, and counts the calls of tools; refuses everybody else."""

    token = health_latency._BEARER["Authorization"]
    wanted = 4 * CLIENTS

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls = threading.Semaphore(0)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Guarded
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        is_known = self.headers["Authorization"] == self.server.token
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        if is_known and b"tools/call" in asked:
            self.server.calls.release()

    def handle(self) -> None:
        with suppress(ConnectionError):  # the clients are ended while they call
            super().handle()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Guarded]:
    with Guarded() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_a_client_that_is_refused_has_not_called(server: Guarded) -> None:
    server.token = "another"

    with pytest.raises(RuntimeError, match="initialize was answered with 401"):
        ToolCaller(server.address)


def test_the_clients_have_the_token_of_the_server(server: Guarded) -> None:
    with called(server.address):
        for _ in range(server.wanted):
            assert server.calls.acquire(timeout=60)


def test_clients_that_are_refused_end_the_measurement(server: Guarded) -> None:
    server.token = "another"

    with (
        pytest.raises(RuntimeError, match="ended by themselves"),
        called(server.address) as clients,
    ):
        clients.wait(timeout=60)
