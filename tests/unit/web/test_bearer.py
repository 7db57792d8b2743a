"""Who bears the token is let in; everybody else learns why not, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.web import sign_in as signing_in
from cde_orchestrator.web.assets import asset
from cde_orchestrator.web.guards import BearerToken
from cde_orchestrator.web.sign_in import SignIn

TOKEN = "correct-horse"
KEY = ServerKey()
PAGES = [
    *("/dashboard", "/dashboard/features/f", "/errors", "/errors/E902"),
    *("/health", "/health/ready", "/metrics"),
]
BROWSER = {"accept": "text/html,*/*"}


async def answer(request: Request) -> Response:
    return PlainTextResponse("let in")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("let in")
    await websocket.close()


METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"]
ROUTES = [WebSocketRoute("/socket", socket), Route("/{path:path}", answer, methods=METHODS)]


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(
        BearerToken(Starlette(routes=ROUTES), TOKEN, KEY), follow_redirects=False
    ) as made:
        yield made


def sign_in(client: TestClient, token: str = TOKEN, path: str = "/dashboard?of=f") -> int:
    return client.post(path, data={"token": token}).status_code


@pytest.mark.parametrize(
    "header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER   {TOKEN}  ", f" Bearer {TOKEN}"]
)
@pytest.mark.parametrize("method", METHODS)
def test_a_request_with_the_token_is_handed_on(
    client: TestClient, header: str, method: str
) -> None:
    assert client.request(method, "/mcp", headers={"authorization": header}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "the request has no Authorization header"),
        ([f"Basic {TOKEN}"], "its Authorization header has no bearer token"),
        ([TOKEN], "its Authorization header has no bearer token"),
        ([f"Bearer {TOKEN}", f"Bearer {TOKEN}"], "its Authorization header has no bearer token"),
        (["Bearer wrong"], "the token is wrong"),
        ([f"Bearer {TOKEN}x"], "the token is wrong"),
        ([f"Bearer {TOKEN.upper()}"], "the token is wrong"),
        (["Bearer"], "the token is wrong"),
    ],
)
def test_a_request_without_the_token_is_refused_with_the_reason(
    client: TestClient, headers: list[str], reason: str
) -> None:
    given = [("authorization", header) for header in headers]
    refused = client.post("/mcp", headers=given)

    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "E902"
    assert refused.json()["error"]["context"] == {"reason": reason}
    assert refused.headers["content-type"] == "application/json"
    assert refused.headers["content-length"] == str(len(refused.content))
    assert refused.headers["www-authenticate"] == 'Bearer realm="cde"'
    assert refused.headers["cache-control"] == "no-store"


def test_a_web_socket_needs_the_token_too(client: TestClient) -> None:
    bearing = {"authorization": f"Bearer {TOKEN}"}
    with client.websocket_connect("/socket", headers=bearing) as connection:
        assert connection.receive_text() == "let in"
    with client.websocket_connect("/socket") as connection:
        refusal = connection.receive()
    assert refusal["type"] == "http.response.body"
    assert b"E902" in refusal["body"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("HEAD", "/health", 200),
        ("POST", "/health", 401),
        ("GET", "/health/ready", 401),
        ("GET", "/dashboard/static/page.css", 200),
        ("HEAD", "/dashboard/static/page.css", 401),
        ("GET", "/dashboard/static", 200),
        ("GET", "/dashboard/statics", 401),
        ("GET", "/errors", 200),
        ("GET", "/errors/E101", 200),
        ("POST", "/errors/E101", 401),
        ("GET", "/errorsx", 401),
        ("GET", "/metrics", 401),
        ("GET", "/", 401),
    ],
)
def test_only_what_says_nothing_is_told_to_anybody(
    client: TestClient, method: str, path: str, status: int
) -> None:
    assert client.request(method, path).status_code == status


def test_a_browser_is_shown_a_form_that_is_kept_nowhere(client: TestClient) -> None:
    shown = client.get("/dashboard", headers=BROWSER)

    assert shown.status_code == 401
    form = asset("sign-in.html")
    assert form is not None
    assert shown.text == form.content.decode().replace("<!--problem-->", "")
    assert "<form" in shown.text
    assert "<!--problem-->" not in shown.text
    assert 'role="alert"' not in shown.text
    assert shown.headers["content-type"].startswith("text/html")
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]


def test_where_the_form_is_missing_a_browser_is_refused_all_the_same(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "asset", lambda name: None)
    shown = client.get("/dashboard", headers=BROWSER)

    assert (shown.status_code, shown.text) == (401, "")


@pytest.mark.parametrize("path", ["/", "/errorsx", "/mcp", "/dashboards"])
def test_the_form_is_the_dashboards_alone(client: TestClient, path: str) -> None:
    assert client.get(path, headers=BROWSER).headers["content-type"] == "application/json"


def test_a_program_is_shown_no_form(client: TestClient) -> None:
    refused = client.get("/dashboard", headers={"accept": "application/json"})
    assert refused.headers["content-type"] == "application/json"


def test_the_posted_token_gives_a_cookie_that_no_script_and_no_other_page_can_use(
    client: TestClient,
) -> None:
    signed_in = client.post("/dashboard/f?of=a&b", data={"token": f" {TOKEN} "})
    cookie = signed_in.headers["set-cookie"]

    assert signed_in.status_code == 303
    assert signed_in.headers["location"] == "/dashboard/f?of=a&b"
    assert re.fullmatch(r"cde_[0-9a-f]{12}=[0-9a-f]{64}; HttpOnly; Path=/; SameSite=strict", cookie)
    assert TOKEN not in cookie
    assert "frame-ancestors 'none'" in signed_in.headers["content-security-policy"]
    assert client.post("/dashboard", data={"token": TOKEN}).headers["location"] == "/dashboard"


@pytest.mark.parametrize("path", PAGES)
def test_the_cookie_lets_a_browser_look_at_pages(client: TestClient, path: str) -> None:
    assert sign_in(client) == 303
    assert client.get(path).text == "let in"
    assert client.head(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/mcp"), ("GET", "/mcp"), ("PUT", "/dashboard"), ("GET", "/"), ("GET", "/errorsx")],
)
def test_the_cookie_opens_nothing_else(client: TestClient, method: str, path: str) -> None:
    assert sign_in(client) == 303
    assert client.request(method, path).status_code == 401


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "<b>"])
def test_another_token_is_refused_in_the_form(client: TestClient, token: str) -> None:
    refused = client.post("/dashboard", data={"token": token})

    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    problem = "The server requires a bearer token, and the token is wrong."
    assert f'<p class="problem" role="alert">{problem}</p>' in refused.text


@pytest.mark.parametrize(
    "cookie",
    ["{name}=wrong", "{name}=", "other={value}", "{name}x={value}", "{name}={value}x", "[[=]]"],
)
def test_another_cookie_is_none(client: TestClient, cookie: str) -> None:
    known = SignIn(TOKEN.encode(), KEY)
    header = cookie.format(name=known._name, value=known._value)

    assert client.get("/metrics", headers={"cookie": header}).status_code == 401
    whole = f"theme=dark; {known._name}={known._value}"
    assert client.get("/metrics", headers={"cookie": whole}).status_code == 200


def test_the_cookie_of_another_token_is_another_one() -> None:
    one, other = SignIn(b"one", KEY), SignIn(b"other", KEY)
    assert one._name != other._name
    assert one._value != other._value
    assert (one._name, one._value) == (SignIn(b"one", KEY)._name, SignIn(b"one", KEY)._value)


def test_a_cookie_is_good_in_later_releases_too() -> None:
    known = SignIn(b"one", KEY)
    assert known._name == "cde_b4ccaa657c03"
    assert known._value == "2745f036bee57fd1a692622d52a0bed72bda5bcbfa0a6a9c061e76ac17de5bb8"


@pytest.mark.parametrize(
    ("more", "status"), [(0, 303), (1, 401)], ids=["as large as it may be", "larger"]
)
def test_a_form_has_a_size(client: TestClient, more: int, status: int) -> None:
    body = f"token={TOKEN}&filling=".encode()
    body += b"x" * (8_192 - len(body) + more)

    assert client.post("/dashboard", content=body).status_code == status


@pytest.mark.parametrize(("fields", "status"), [(9, 303), (10, 401)])
def test_a_form_has_few_fields(client: TestClient, fields: int, status: int) -> None:
    body = f"token={TOKEN}" + "&a=b" * fields
    assert client.post("/dashboard", content=body.encode()).status_code == status


def test_a_cookie_that_cannot_be_read_is_none(client: TestClient) -> None:
    header = {"cookie": f"{SignIn(TOKEN.encode(), KEY)._name}=x; a{{b=c"}
    assert client.get("/metrics", headers=header).status_code == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_the_cookie_changes_nothing(client: TestClient, method: str) -> None:
    assert sign_in(client) == 303
    assert client.request(method, "/metrics").status_code == 401


def test_headers_are_spelled_as_the_protocol_asks(client: TestClient) -> None:
    raw = [name for name, _ in client.post("/mcp").headers.raw]
    assert raw == [b"content-type", b"content-length", b"www-authenticate", b"cache-control"]


def test_a_ticket_signs_one_browser_in_and_no_other(client: TestClient) -> None:
    ticket = KEY.ticket()
    first = client.post("/dashboard", data={"once": ticket})
    again = client.post("/dashboard", data={"once": ticket})

    assert (first.status_code, again.status_code) == (303, 401)
    assert first.headers["location"] == "/dashboard"
    assert "set-cookie" not in again.headers
    assert "opened before" in again.text


def test_a_ticket_is_not_for_another_user_of_the_machine(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = KEY.ticket(person=True)
    with monkeypatch.context() as others:
        others.setattr(signing_in, "is_of_another_user", lambda client, server: True)
        stolen = client.post("/dashboard", data={"once": ticket})
        assert (stolen.status_code, "set-cookie" in stolen.headers) == (401, False)
        assert "another user of this machine" in stolen.text
    assert client.post("/dashboard", data={"once": ticket}).status_code == 303  # not used up


@pytest.mark.parametrize("ticket", ["", "-", "x", "\u00fc", TOKEN])
def test_another_word_is_no_ticket(client: TestClient, ticket: str) -> None:
    assert client.post("/dashboard", data={"once": ticket}).status_code == 401


def test_a_ticket_of_another_server_or_a_part_of_one_is_none(client: TestClient) -> None:
    for ticket in (ServerKey().ticket(), KEY.ticket()[:-1], KEY.proof("x")):
        assert client.post("/dashboard", data={"once": ticket}).status_code == 401


def test_a_browser_that_signs_out_is_let_in_no_more(client: TestClient) -> None:
    client.post("/dashboard", data={"once": KEY.ticket(person=True)})
    (session,) = [value for name, value in client.cookies.items() if name.endswith("_person")]
    assert client.get("/dashboard").status_code == 200
    answer = client.post("/dashboard", data={"out": "1"})

    assert (answer.status_code, answer.json()) == (200, {"person": None})
    assert dict(client.cookies) == {}
    assert not KEY.knows(session)
    assert client.get("/dashboard").status_code == 401
    assert client.post("/dashboard", data={"out": "1"}).status_code == 200
