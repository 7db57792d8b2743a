"""A client that dawdles is cut, and one that is at work is not."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from cde_orchestrator.web import connections
from cde_orchestrator.web.connections import BoundedConnection, StreamLimit, most_connections

LARGE = b"x" * 50_000_000
WAITING, GOING = threading.Event(), threading.Event()


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def large(request: Request) -> Response:
    return Response(LARGE)


def wait(request: Request) -> Response:
    WAITING.set()
    GOING.wait(60)
    return PlainTextResponse("done")


@contextmanager
def serving() -> Iterator[int]:
    """The port of a server whose connections are bounded."""
    routes = [Route("/echo", echo, methods=["POST"]), Route("/large", large), Route("/wait", wait)]
    config = uvicorn.Config(
        Starlette(routes=routes), http=BoundedConnection, log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def connected(port: int, data: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(data)
    return connection


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side ends it."""
    data = b""
    try:
        while part := connection.recv(1 << 20):
            data += part
    except ConnectionResetError:
        pass
    return data


def one_of(connection: socket.socket) -> bytes:
    """The first byte of the next answer's body."""
    data = b""
    while not data.partition(b"\r\n\r\n")[2]:
        part = connection.recv(4_096)
        assert part, data
        data += part
    return data.partition(b"\r\n\r\n")[2][:1]


POST = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("HEAD_SECONDS", b""),
        ("HEAD_SECONDS", b"POST /echo HTTP/1.1\r\nHo"),
        ("HEAD_SECONDS", POST + b"abcd" + b"POST /echo HTTP/1.1\r\nHo"),
        ("BODY_SECONDS", POST + b"ab"),
        ("BODY_SECONDS", POST + b"abcd" + POST + b"ab"),
    ],
)
def test_who_dawdles_is_cut(monkeypatch: pytest.MonkeyPatch, name: str, data: bytes) -> None:
    monkeypatch.setattr(connections, name, 0.05)
    with serving() as port, closing(connected(port, data)) as connection:
        answered = all_of(connection)  # which would wait for a minute
    assert answered.count(b"200 OK") == data.count(b"abcd")


def test_who_does_not_take_the_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    end = BoundedConnection._end

    def noted(self: BoundedConnection) -> None:
        end(self)
        ended.set()

    monkeypatch.setattr(BoundedConnection, "_end", noted)
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.05)
    asked = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving() as port, closing(connected(port, asked)) as connection:
        assert ended.wait(60)
        assert len(all_of(connection)) < len(LARGE)


def test_who_sends_and_takes_is_left_alone() -> None:
    with serving() as port, closing(connected(port)) as connection:
        for part in (POST[:9], POST[9:], b"ab", b"cd" + POST, b"abcd"):
            connection.sendall(part)
        data = b""
        while data.count(b"200 OK") < 2:
            data += connection.recv(4_096)
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert all_of(connection).endswith(LARGE)


def test_a_new_one_replaces_who_is_waited_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 2)
    with (
        serving() as port,
        closing(connected(port, POST + b"ab")) as first,
        closing(connected(port, POST + b"abcd")) as second,
    ):
        assert one_of(second) == b"4"
        first.sendall(b"cd")
        assert one_of(first) == b"4"
        with closing(connected(port, POST + b"abcd")) as third:
            assert one_of(third) == b"4"
        assert all_of(second) == b""
        first.sendall(POST + b"abcd")
        assert one_of(first) == b"4"


def test_where_the_server_is_at_work_for_all_a_new_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 1)
    asked = b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving() as port, closing(connected(port, asked)) as busy:
        assert WAITING.wait(60)
        with closing(connected(port)) as refused:
            assert all_of(refused) == b""
        GOING.set()
        assert one_of(busy) == b"d"


@pytest.mark.parametrize(
    ("allowed", "most"),
    [(1_024, 256), (20_000, 256), (256, 64), (10, 16), (resource.RLIM_INFINITY, 256)],
)
def test_connections_leave_files_to_others(
    monkeypatch: pytest.MonkeyPatch, allowed: int, most: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (allowed, allowed))
    assert most_connections() == most


def test_only_streams_that_are_open_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 8)

    async def scenario() -> None:
        going = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await going.wait()

        limit = StreamLimit(app)
        sent: list[Message] = []

        async def ask(path: str, method: str = "GET") -> None:
            async def send(message: Message) -> None:
                sent.append(message)

            scope: Any = {"type": "http", "method": method, "path": path, "headers": []}
            await limit(scope, _nothing, send)

        open_streams = [asyncio.create_task(ask("/mcp")) for _ in range(2)]
        others = [asyncio.create_task(ask(path)) for path in ("/dashboard/data", "/mcp/")]
        others.append(asyncio.create_task(ask("/mcp", "POST")))
        await asyncio.sleep(0)
        assert sent == []
        await ask("/dashboard/events")
        assert sent[0]["status"] == 503
        assert (b"retry-after", b"5") in sent[0]["headers"]
        going.set()
        await asyncio.gather(*open_streams, *others)
        sent.clear()
        await ask("/dashboard/events")
        assert sent == []

    asyncio.run(scenario())


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
