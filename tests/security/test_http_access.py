"""Nobody is let in by a server over HTTP without the token, nor by another name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cde_orchestrator.adapters.runners.callers import _process, is_own
from cde_orchestrator.adapters.runners.server_file import FILE, server_folder
from cde_orchestrator.domain.lease import Process
from tests.command_line import cde, in_words, program
from tests.let_in import TOKEN
from tests.security.http_stage import served

PRIVATE = (
    *("/dashboard", "/dashboard/data", "/dashboard/events", "/dashboard/features/x"),
    *("/health/ready", "/health/metrics", "/metrics", "/mcp", "/nothing"),
)
INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "page", "version": "1"},
        },
    }
)
OVER_MCP = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
}
ON_A_NETWORK = ["--host", "0.0.0.0", "--token-file"]


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    """A token that a person gives."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return str(file)


def test_without_being_asked_a_server_asks_for_a_token(project: Path) -> None:
    with served(project) as server:
        answers = {path: server.ask(path) for path in PRIVATE}
        called = server.ask("/mcp", OVER_MCP, "POST", INITIALIZE)
        let_in = server.ask("/mcp", {**OVER_MCP, **server.token}, "POST", INITIALIZE)
        public = [server.ask(path).status for path in ("/health", "/errors/E902")]
        log = server.log.read_text()

    assert {answer.status for answer in (*answers.values(), called)} == {401}
    assert {answer.code for answer in (*answers.values(), called)} == {"E902"}
    assert (let_in.status, public) == (200, [200, 200])
    file = Path(server.said["token_file"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert project not in file.parents, "where whoever made the project could have put one"
    token = file.read_text().strip()
    assert token not in log + json.dumps(server.said)
    for kept in project.rglob("*"):
        assert kept.is_dir() or token.encode() not in kept.read_bytes()


def test_a_server_of_pages_alone_asks_for_it_too(project: Path) -> None:
    process = subprocess.Popen(
        [*program(), "serve", "--health-port", "0"],
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline() + process.stderr.readline()
    finally:
        process.communicate("", timeout=60)
    assert "Clients send the token that is in " in said


def test_without_a_token_only_a_person_who_says_so_serves_this_machine(project: Path) -> None:
    with served(project, "--no-token") as server:
        assert server.ask("/dashboard/data").status == 200
        assert server.ask("/mcp", OVER_MCP, "POST", INITIALIZE).status == 200
        foreign = server.ask("/dashboard/data", {"Host": "evil.example"})
        assert (foreign.status, foreign.code) == (421, "E938")
        assert "no token is asked for" in server.log.read_text()


@pytest.mark.parametrize("words", [[], ["--no-token"]])
def test_a_network_is_not_served_without_a_token_that_was_given(
    project: Path, words: list[str]
) -> None:
    words = ["serve", "--transport", "http", "--host", "0.0.0.0", "--port", "0", *words, "--json"]
    done = in_words(cde(*words, cwd=project, environment={**os.environ}))
    assert json.loads(done.stdout)["error"]["code"] == "E936"


def test_on_a_network_foreign_names_and_pages_are_refused_for_every_address(
    project: Path, token_file: str
) -> None:
    with served(project, *ON_A_NETWORK, token_file) as server:
        for path in ("/health", "/errors", "/dashboard/static/base.js", *PRIVATE):
            by_name = server.ask(path, {**server.token, "Host": "evil.example"})
            by_page = server.ask(path, {**server.token, "Origin": "http://evil.example"})
            assert (by_name.status, by_name.code) == (421, "E938"), path
            assert (by_page.status, by_page.code) == (403, "E938"), path
        headers = {**OVER_MCP, **server.token}
        for foreign in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            called = server.ask("/mcp", {**headers, **foreign}, "POST", INITIALIZE)
            assert called.code == "E938"
        own = {"Host": "192.0.2.1:8787", "Origin": "http://192.0.2.1:8787"}
        assert server.ask("/mcp", {**headers, **own}, "POST", INITIALIZE).status == 200
        assert server.ask("/mcp", headers, "POST", INITIALIZE).status == 200


def test_a_name_that_is_allowed_is_one(project: Path, token_file: str) -> None:
    words = [*ON_A_NETWORK, token_file, "--allow-host", "cde.example"]
    with served(project, *words) as server:
        headers = {**server.token, "Host": "cde.example", "Origin": "https://cde.example"}
        assert server.ask("/dashboard/data", headers).status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_path_of_mcp_with_a_slash_is_answered_with_the_right_one(
    project: Path, method: str
) -> None:
    with served(project) as server:
        wrong = server.ask("/mcp/", server.token, method)
        other = server.ask("/health", server.token, "POST")

    assert (wrong.status, wrong.code) == (404, "E324")
    assert b"For MCP clients: /mcp" in wrong.body
    assert (other.status, other.code, other.headers["allow"]) == (405, "E305", "GET, HEAD")


@contextmanager
def answering() -> Iterator[tuple[str, list[str]]]:
    """The address of a server that answers everything with success, and what it was asked."""
    asked: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Agree."""
            asked.append(str(self.headers))
            self.send_response(200)
            self.send_header("CDE-Proof", self.headers.get("CDE-Challenge", ""))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def victim() -> Iterator[Process]:
    """A process of this person that has nothing to do with the project."""
    process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    yield _process(process.pid)
    process.kill()
    process.wait()


@pytest.mark.parametrize("place", ["project", "user"])
def test_a_file_that_names_everything_truly_ends_no_process_and_is_sent_no_token(
    project: Path, victim: Process, place: str
) -> None:
    kept = server_folder(project)
    folder = project / ".cde" if place == "project" else kept
    folder.mkdir(parents=True, exist_ok=True)
    with answering() as (url, asked):
        content = {"url": url, "process": asdict(victim), "background": True, "key": "0" * 64}
        (folder / FILE).write_text(json.dumps(content))
        (folder / FILE).chmod(0o600)
        try:
            stopped = dashboard(project, "--stop")
            opened = dashboard(project, "--no-open")
        finally:
            (folder / FILE).unlink(missing_ok=place == "user")
            dashboard(project, "--stop")

    assert stopped == {"url": None, "pid": None, "stopped": False}
    assert is_own(victim)
    assert opened["started"]
    assert not opened["url"].startswith(url)
    token = (kept / "http-token").read_text().strip()
    assert token not in "".join(asked)
    assert bool(asked) == (place == "user")


def test_a_token_from_elsewhere_is_not_taken(project: Path) -> None:
    for planted in (project / ".cde" / "http-token", project / "http-token"):
        planted.write_text("A" * 43 + "\n")
    with served(project) as server:
        refused = server.ask("/dashboard/data", {"Authorization": f"Bearer {'A' * 43}"})
        assert refused.status == 401
        assert server.ask("/dashboard/data", server.token).status == 200


def test_a_copy_of_a_project_has_a_token_of_its_own(project: Path) -> None:
    copy = project.parent / "copy"
    shutil.copytree(project, copy)
    with served(project) as one, served(copy) as other:
        assert one.token != other.token
        assert other.ask("/metrics", one.token).status == 401


def dashboard(project: Path, *words: str) -> Any:
    """The reply of ``cde dashboard``."""
    done = cde("dashboard", *words, "--json", cwd=project, environment={**os.environ})
    return json.loads(in_words(done).stdout)
