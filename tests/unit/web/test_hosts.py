"""A server is asked by its own names alone, and from no page but its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from cde_orchestrator.web.guards import HostGuard, names_of


async def answer(request: Request) -> Response:
    return PlainTextResponse("let in")


async def open_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


ROUTES = [WebSocketRoute("/socket", open_socket), Route("/{path:path}", answer)]


def asking(host: str, address: str, *allowed: str) -> TestClient:
    guarded = HostGuard(Starlette(routes=ROUTES), names_of(host, address, allowed))
    return TestClient(guarded, base_url="http://localhost:8787")


@pytest.fixture
def client() -> Iterator[TestClient]:
    with asking("Devbox", "127.0.0.2") as made:
        yield made


@pytest.fixture
def on_a_network() -> Iterator[TestClient]:
    with asking("0.0.0.0", "0.0.0.0", "CDE.example", "[fd00::1]") as made:
        yield made


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "127.0.0.2", "[::1]", "Devbox", "devbox"]
)
@pytest.mark.parametrize("port", ["", ":8787"])
@pytest.mark.parametrize("scheme", [None, "http", "https"])
def test_this_machines_names_are_let_in(
    client: TestClient, name: str, port: str, scheme: str | None
) -> None:
    origin = {} if scheme is None else {"origin": f"{scheme}://{name}{port}"}
    assert client.get("/any", headers={"host": f"{name}{port}", **origin}).text == "let in"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "localhost.evil.example"}, 421),
        ({"host": "192.168.1.5"}, 421),
        ({"host": "::1"}, 421),
        ({"host": ""}, 421),
        ({"host": "127.0.0.1:1/health?"}, 421),
        ({"host": "localhost:x"}, 421),
        ({"host": "localhost", "origin": "http://evil.example"}, 403),
        ({"host": "localhost", "origin": "http://localhost:3000"}, 403),
        ({"host": "localhost", "origin": "http://localhost.evil.example"}, 403),
        ({"host": "localhost", "origin": "ftp://localhost"}, 403),
        ({"host": "localhost", "origin": "null"}, 403),
        ({"host": "localhost", "origin": ""}, 403),
    ],
)
def test_other_names_are_refused(client: TestClient, headers: dict[str, str], status: int) -> None:
    refused = client.get("/any", headers=headers)
    assert refused.status_code == status
    assert refused.json()["error"]["code"] == "E938"


@pytest.mark.parametrize(
    "headers",
    [
        [("host", "localhost"), ("host", "localhost")],
        [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://localhost")],
    ],
)
def test_what_is_said_twice_is_not_believed(
    client: TestClient, headers: list[tuple[str, str]]
) -> None:
    assert client.get("/any", headers=headers).status_code in {403, 421}


def test_what_a_refusal_shows_is_short(client: TestClient) -> None:
    refused = client.get("/any", headers={"host": "x" * 5_000})
    assert len(refused.json()["error"]["context"]["reason"]) < 200


@pytest.mark.parametrize(
    ("host", "let_in"),
    [
        ("localhost", True),
        ("192.168.1.5:8787", True),
        ("[2001:db8::5]:8787", True),
        ("cde.example", True),
        ("[fd00::1]", True),
        (socket.gethostname(), True),
        ("evil.example", False),
        ("192.168.1.5.evil.example", False),
        ("1921681.5.example", False),
    ],
)
def test_on_a_network_a_server_has_numbers_its_machines_name_and_what_is_allowed(
    on_a_network: TestClient, host: str, let_in: bool
) -> None:
    assert on_a_network.get("/any", headers={"host": host}).status_code == (200 if let_in else 421)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("192.168.1.5:8787", "http://192.168.1.5:8787", 200),
        ("192.168.1.5:8787", "http://10.0.0.1", 403),
        ("192.168.1.5:8787", "http://192.168.1.5", 403),
        ("192.168.1.5:8787", "http://evil.example", 403),
        ("cde.example", "https://cde.example", 200),
        ("127.0.0.1:8787", "https://cde.example", 200),  # a proxy that asks by its own address
        ("127.0.0.1:8787", "https://not-cde.example", 403),
    ],
)
def test_on_a_network_only_its_own_pages_may_ask(
    on_a_network: TestClient, host: str, origin: str, status: int
) -> None:
    answered = on_a_network.get("/any", headers={"host": host, "origin": origin})
    assert answered.status_code == status


def test_a_web_socket_is_asked_for_by_name_too(client: TestClient) -> None:
    with client.websocket_connect("ws://localhost/socket"):
        pass
    with client.websocket_connect("ws://evil.example/socket") as connection:
        assert b"E938" in connection.receive()["body"]


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.2", "::", "::ffff:192.168.1.2"])
def test_a_server_that_others_reach_is_known_by_numbers(address: str) -> None:
    assert names_of("localhost", address).know("10.1.2.3")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_a_server_on_a_loopback_is_not(address: str) -> None:
    names = names_of("localhost", address)
    assert names.know(address)
    assert not names.know("10.1.2.3")
