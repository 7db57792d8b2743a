"""A body that is too large is refused in the words of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE as LIMIT
from starlette.testclient import TestClient

from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_app
from tests.let_in import BEARER, TOKEN

HEADERS = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
    "host": "127.0.0.1:8787",
    **BEARER,
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """What asks a served project over HTTP."""
    served = ServedProject(tmp_path, pinned=True)
    app = build_app(served, host="127.0.0.1", address="127.0.0.1", token=TOKEN)
    with TestClient(app, base_url="http://127.0.0.1:8787", headers=HEADERS) as client:
        yield client
    served.close()
    stop_logging()


def test_a_body_whose_size_is_declared_is_refused_with_that_size(client: TestClient) -> None:
    answer = client.post("/mcp", content=b"x" * (LIMIT + 1))

    assert answer.status_code == 413
    error = answer.json()["error"]
    assert error["code"] == "E315"
    assert error["context"]["size_bytes"] == LIMIT + 1
    assert error["context"]["limit_bytes"] == LIMIT


def test_a_body_that_comes_in_parts_is_refused_where_it_grows_too_large(
    client: TestClient,
) -> None:
    part = b"x" * 1024 * 1024
    answer = client.post("/mcp", content=(part for _ in range(LIMIT // len(part) + 1)))

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "E315"


def test_any_other_answer_is_left_as_it_is(client: TestClient) -> None:
    assert client.post("/mcp", content=b"x" * LIMIT).status_code == 400
    assert client.get("/errors/E315").status_code == 200
