"""Who may ask is decided by the path that is routed, whatever a request says of its host."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.web.guards import BearerToken, guarded, names_of
from cde_orchestrator.web.routes import all_routes

TOKEN = "correct-horse"
BEARER = ("authorization", f"Bearer {TOKEN}")
PUBLIC = {"/health", "/dashboard/static/{name}", "/errors", "/errors/{code}"}
STREAM = "/dashboard/events"
HOSTS = ("x/health?", "127.0.0.1:1/health?", "x/dashboard/static/a?", "[", "a b", "\xff")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedProject]:
    served = ServedProject(tmp_path, pinned=True)
    yield served
    served.close()
    stop_logging()


@pytest.fixture
def routes(served: ServedProject) -> list[Route]:
    """Everything beside MCP."""
    return [route for route in all_routes(served) if isinstance(route, Route)]


@pytest.fixture
def app(routes: list[Route]) -> ASGIApp:
    """All of it as who has the token sees it, by any name."""
    return BearerToken(Starlette(routes=routes), TOKEN, ServerKey())


def answer(
    app: ASGIApp, path: str, host: str, *headers: tuple[str, str], method: str = "GET"
) -> tuple[int, dict[str, str]]:
    """The status and the headers of what a request is answered that says so of its host."""
    sent: list[Message] = []
    body = [b"token=" + TOKEN.encode()]

    async def receive() -> Message:
        if body:
            return {"type": "http.request", "body": body.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    given = [("host", host), *headers]
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "path": path,
        "query_string": b"a=%20b",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given],
    }

    async def call() -> None:
        await app(scope, receive, send)

    asyncio.run(call())
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return int(sent[0]["status"]), found


@pytest.mark.parametrize("host", HOSTS)
def test_without_a_token_no_host_opens_a_route(
    app: ASGIApp, routes: list[Route], host: str
) -> None:
    opened = {route.path: answer(app, route.path, host)[0] for route in routes}
    assert len(opened) > 10
    assert {path for path, status in opened.items() if status != 401} == PUBLIC


@pytest.mark.parametrize("path", ["/hea\tlth", "/health\n", "/dash\tboard/static/a", "/\rhealth"])
def test_a_path_that_only_a_url_would_make_public_is_not(app: ASGIApp, path: str) -> None:
    assert answer(app, path, "localhost")[0] == 401


@pytest.mark.parametrize("host", HOSTS)
def test_with_the_token_a_host_is_only_a_name(app: ASGIApp, routes: list[Route], host: str) -> None:
    asked = [route.path for route in routes if route.path != STREAM]
    statuses = {path: answer(app, path, host, BEARER)[0] for path in asked}
    assert {path for path, status in statuses.items() if status == 500} == set()
    assert statuses == {path: answer(app, path, "localhost", BEARER)[0] for path in asked}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_such_a_host_is_answered_nowhere(routes: list[Route], host: str, address: str) -> None:
    names = names_of("localhost", address)
    app = guarded(Starlette(routes=routes), names, TOKEN, ServerKey())
    assert {answer(app, route.path, host, BEARER)[0] for route in routes} == {421}


def test_signing_in_leads_to_the_path_that_was_asked_for(app: ASGIApp) -> None:
    for host in ("localhost", *HOSTS):
        status, headers = answer(app, "/dashboard/features/a?b c", host, method="POST")
        assert status == 303, host
        assert headers["location"] == "/dashboard/features/a%3Fb%20c?a=%20b"
