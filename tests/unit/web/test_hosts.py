"""A server that only this machine reaches is asked by this machine's names alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from cde_orchestrator.web.guards import HostGuard, host_guard


async def answer(request: Request) -> Response:
    return PlainTextResponse("let in")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


ROUTES = [WebSocketRoute("/socket", socket), Route("/{path:path}", answer)]


@pytest.fixture
def client() -> Iterator[TestClient]:
    settings = host_guard("Devbox", "127.0.0.2")
    assert settings is not None
    guarded = HostGuard(Starlette(routes=ROUTES), settings)
    with TestClient(guarded, base_url="http://localhost:8787") as made:
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
        ({"host": "::1"}, 421),
        ({"host": "localhost", "origin": "http://evil.example"}, 403),
        ({"host": "localhost", "origin": "ftp://localhost"}, 403),
        ({"host": "localhost", "origin": "null"}, 403),
    ],
)
def test_other_names_are_refused(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.get("/any", headers=headers).status_code == status


def test_what_is_no_request_is_handed_on(client: TestClient) -> None:
    with client.websocket_connect("ws://evil.example/socket"):
        pass


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.2", "::", "::ffff:192.168.1.2"])
def test_a_server_that_others_reach_has_no_guard(address: str) -> None:
    assert host_guard("localhost", address) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_a_server_on_a_loopback_has_one(address: str) -> None:
    settings = host_guard("localhost", address)

    assert settings is not None
    assert settings.enable_dns_rebinding_protection
    shown = f"[{address}]" if ":" in address else address
    assert {shown, f"{shown}:*"} <= set(settings.allowed_hosts)
    assert {f"http://{shown}", f"https://{shown}:*"} <= set(settings.allowed_origins)
