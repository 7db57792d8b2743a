"""A real server over HTTP, and those who ask it without good intent."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.command_line import program
from tests.let_in import BEARER, bearer

PATIENCE_SECONDS = 60
FILES = 1_024
"""How many files a process may open on most systems."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Of the error that it is."""
        return str(json.loads(self.body)["error"]["code"])


@dataclass(frozen=True)
class Asked:
    """A server that is asked.

    Attributes:
        port: where it listens.
        token: the header that it lets in.
    """

    port: int
    token: dict[str, str]

    def ask(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = ""
    ) -> Answer:
        """Ask for something, with these headers alone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        with closing(connection):
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            found: dict[str, str] = {}
            for name, value in answer.getheaders():  # a cookie each has a header of its own
                known = found.get(name.lower())
                found[name.lower()] = value if known is None else f"{known}, {value}"
            return Answer(answer.status, found, answer.read())


@dataclass(frozen=True)
class Server(Asked):
    """A server that runs.

    Attributes:
        said: what it said first.
        log: the file with what it says on standard error.
        process: its process.
    """

    said: dict[str, Any]
    log: Path
    process: subprocess.Popen[str] = field(repr=False)

    def hold(self, payload: bytes) -> socket.socket:
        """A connection on which no more than this is sent."""
        held = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)
        held.sendall(payload)
        return held

    def listen(self) -> tuple[int, socket.socket]:
        """A stream of events, and the status that it was opened with."""
        token = "".join(f"{name}: {value}\r\n" for name, value in self.token.items())
        head = f"GET /dashboard/events HTTP/1.1\r\nHost: 127.0.0.1\r\n{token}\r\n"
        stream = self.hold(head.encode())
        return int(received(stream, b"\r\n").split()[1]), stream


def received(connection: socket.socket, until: bytes) -> bytes:
    """What comes until some bytes have come; what comes after them is left to read."""
    data = b""
    while until not in data:
        part = connection.recv(1)
        assert part, data
        data += part
    return data


@contextmanager
def served(project: Path, *words: str, **environment: str) -> Iterator[Server]:
    """A server in a process that may open as many files as usual."""
    log = project.parent / "server.log"
    command = [*program(environment), "serve", "--transport", "http", "--port", "0", "--json"]
    with log.open("wb") as error:
        process = subprocess.Popen(
            ["sh", "-c", f'ulimit -n {FILES} && exec "$@"', "sh", *command, *words],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=error,
            env={**os.environ, **environment},
            text=True,
        )
    try:
        assert process.stdout is not None
        said = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        made = said.get("token_file") is not None
        yield Server(said["port"], bearer(project) if made else BEARER, said, log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in log.read_text()


@contextmanager
def many_files(number: int) -> Iterator[None]:
    """Let this process open so many meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
