"""Each request over HTTP is a call in the log; none of them can fill the disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.web.calls import MOST_REFUSALS, LoggedRequests
from cde_orchestrator.web.guards import Names, guarded, names_of


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedProject]:
    served = ServedProject(tmp_path, pinned=True)
    yield served
    served.close()
    stop_logging()


def ask(app: LoggedRequests, path: str, kind: str = "http") -> bytes:
    """What is answered to a request."""
    body = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        body.append(message.get("body", b""))

    scope = {"type": kind, "method": "GET", "path": path, "query_string": b""}
    scope["headers"] = [(b"host", b"localhost")]
    asyncio.run(app(scope, receive, send))
    return b"".join(body)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


def test_who_has_no_token_is_logged_a_few_times_a_minute(served: ServedProject) -> None:
    now = [0.0]
    app = LoggedRequests(
        guarded(hello, names_of("localhost", "127.0.0.1"), "token", ServerKey()),
        served.end_call,
        lambda: now[0],
    )
    with capture_logs() as entries:
        for _ in range(MOST_REFUSALS + 5):
            ask(app, "/anything")
    refused = [entry for entry in entries if entry["event"] == "operation_refused"]
    assert {entry["error_code"] for entry in refused} == {"E902"}
    assert len(refused) == MOST_REFUSALS
    now[0] += 61
    with capture_logs() as entries:
        ask(app, "/anything")
    assert [entry["event"] for entry in entries] == ["operation_started", "operation_refused"]


def test_what_nobody_foresaw_is_logged_and_raised(served: ServedProject) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    app = LoggedRequests(broken, served.end_call)
    with capture_logs() as entries, pytest.raises(ZeroDivisionError):
        ask(app, "/errors")
    assert [entry["event"] for entry in entries] == ["operation_started", "operation_failed"]


def test_what_is_no_request_is_handed_on(served: ServedProject) -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"

    with capture_logs() as entries:
        ask(LoggedRequests(lifespan, served.end_call), "", "lifespan")
    assert entries == []


def test_a_refusal_counts_in_the_metrics_under_one_name(served: ServedProject) -> None:
    app = LoggedRequests(
        guarded(hello, names_of("localhost", "127.0.0.1"), "token", ServerKey()), served.end_call
    )
    for path in ("/else", "/dashboard", "/anything"):
        ask(app, path)
    totals, _ = served.application._meter.totals()
    assert {name: dict(each.outcomes) for name, each in totals.items()} == {
        "http_request": {("refused", "E902"): 3}
    }


@pytest.mark.parametrize(
    ("path", "status", "counted"),
    [
        ("/metrics", 405, True),  # nobody who watches asks so
        ("/health/ready", 503, False),  # what a probe is to hear is no refusal of it
        ("/mcp", 400, True),
        ("/mcp", 503, True),
        ("/errors", 500, True),
        ("/metrics", 200, False),
    ],
)
def test_what_is_refused_counts_wherever_it_was_asked(
    served: ServedProject, path: str, status: int, counted: bool
) -> None:
    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("", status)(scope, receive, send)

    ask(LoggedRequests(answered, served.end_call), path)
    totals, _ = served.application._meter.totals()
    refused = {"http_request": {("refused", "E305"): 1}}
    assert {name: dict(each.outcomes) for name, each in totals.items()} == (
        refused if counted else {}
    )


def test_who_is_refused_is_shown_the_id_of_the_call(served: ServedProject) -> None:
    app = LoggedRequests(
        guarded(hello, names_of("localhost", "127.0.0.1"), "token", ServerKey()), served.end_call
    )
    with capture_logs() as entries:
        error = json.loads(ask(app, "/anything"))["error"]

    assert error["correlation_id"] == entries[-1]["correlation_id"]
    assert entries[-1]["event"] == "operation_refused"


def test_a_foreign_host_is_refused_and_is_no_failure_of_ours(served: ServedProject) -> None:
    names = names_of("another.host", "127.0.0.2")
    guard = guarded(hello, Names(names.own - {"localhost"}), "token", ServerKey())
    ask(LoggedRequests(guard, served.end_call), "/anything")
    totals, _ = served.application._meter.totals()
    assert {name: dict(each.outcomes) for name, each in totals.items()} == {
        "http_request": {("refused", "E938"): 1}
    }
