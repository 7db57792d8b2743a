"""Whoever holds connections open, and asks for nothing, keeps nobody else out."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.security.http_stage import many_files, received, served

HELD = 1_150
HALVES = {
    "nothing": b"",
    "half a head": b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "half a body": b"POST /dashboard HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nto",
    "a whole request": b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}


@pytest.mark.parametrize("half", HALVES)
def test_held_connections_do_not_keep_the_server_from_answering(project: Path, half: str) -> None:
    with many_files(HELD + 500), served(project) as server, ExitStack() as held:
        status, stream = server.listen()
        held.enter_context(stream)
        for _ in range(HELD):
            held.enter_context(server.hold(HALVES[half]))

        assert server.ask("/health").status == 200
        assert server.ask("/dashboard/data", server.token).status == 200
        assert status == 200
        assert received(stream, b"event: hello"), "who is served is not sent away"


def test_streams_have_a_number_and_the_next_one_is_sent_away_politely(project: Path) -> None:
    with served(project) as server, ExitStack() as held:
        streams = []
        for _ in range(64):
            status, stream = server.listen()
            assert status == 200
            streams.append(held.enter_context(stream))
        refused = server.ask("/dashboard/events", server.token)
        assert (refused.status, refused.code) == (503, "E937")
        assert int(refused.headers["retry-after"]) > 0
        assert server.ask("/mcp", server.token).status == 503
        assert server.ask("/health").status == 200
        assert server.ask("/dashboard/data", server.token).status == 200

        streams[0].close()

        while (again := server.listen())[0] == 503:
            again[1].close()
        held.enter_context(again[1])
        assert again[0] == 200
