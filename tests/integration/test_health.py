"""Probes and metrics of the real server, over HTTP and beside stdio."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import parser

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from tests.command_line import program
from tests.disks import remount, small_disk
from tests.integration.mcp_client import stdio_agent
from tests.let_in import BEARER, TOKEN, bearer

OVER_HTTP = ("--transport", "http", "--port", "0", "--json")
ENDPOINTS = ("/health", "/health/ready", "/health/metrics", "/metrics")
CALM: dict[str, Any] = {"CDE_ALERT_MEMORY_PERCENT": "100", "CDE_ALERT_DISK_FREE_MB": "0"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


Ask = Callable[..., Answer]


def asking(address: str, token: Mapping[str, str]) -> Ask:
    """A function that asks the server at an address, with the token unless it is given another."""

    def ask(path: str, method: str = "GET", **headers: str) -> Answer:
        named = {
            name.replace("_", "-"): value for name, value in {**token, **headers}.items() if value
        }
        request = urllib.request.Request(address + path, headers=named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    return ask


@contextmanager
def served(project: Path, *words: str, **environment: str) -> Iterator[Ask]:
    """A server over HTTP in a process of its own."""
    server = subprocess.Popen(
        [*program(environment), "serve", *OVER_HTTP, "--project", str(project), *words],
        stdout=subprocess.PIPE,
        env={**os.environ, **CALM, **environment},
        text=True,
    )
    assert server.stdout is not None
    told = ""
    while not told.endswith("}\n"):
        told += server.stdout.readline()
    try:
        said = json.loads(told)
        given = BEARER if said["token_file"] is None else bearer(project)
        yield asking(said["url"].removesuffix("/mcp"), given)
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)


def until(ask: Callable[[], Answer], status: int) -> Answer:
    """The first answer with this status."""
    deadline = time.monotonic() + 60
    while (answer := ask()).status != status:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer


def test_every_endpoint_answers_and_is_not_stored(project: Path) -> None:
    application = build_application(project)
    application.handle(StartFeature(prompt="Add a login page", name="login"))
    application.close()
    with served(project) as ask:
        answers = {path: ask(path) for path in ENDPOINTS}
        heads = {path: ask(path, "HEAD") for path in ENDPOINTS}
        posted = ask("/health", "POST")
        foreign = [ask(path, Host="evil.example") for path in ENDPOINTS]
        text = ask("/health/metrics?format=prometheus")
        by_accept = ask("/health/metrics", Accept="text/plain;version=0.0.4")
        opened = ask("/metrics", Accept="application/openmetrics-text;version=1.0.0")
        wrong = ask("/health/metrics?format=xml")

    assert {answer.status for answer in (*answers.values(), *heads.values())} == {200}
    assert [answer.status for answer in (posted, wrong)] == [405, 400]
    assert [answer.status for answer in foreign] == [421] * 4
    for path in ENDPOINTS:
        assert answers[path].headers["Cache-Control"] == "no-store"
        assert heads[path].body == b""
        assert heads[path].headers["Content-Type"] == answers[path].headers["Content-Type"]
    assert answers["/health"].json == {"status": "alive"}
    assert answers["/health/ready"].json["ready"] is True
    health = answers["/health/metrics"].json
    assert health["status"] == "healthy"
    assert health["metrics"]["active_features"] == 1
    assert wrong.json["error"]["code"] == "E305"
    for answer in (answers["/metrics"], text, by_accept):
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        read: Any = parser
        families = {each.name for each in read.text_string_to_metric_families(answer.body.decode())}
        assert {"cde_operations", "cde_operation_duration_seconds", "cde_build_info"} <= families
    assert opened.headers["Content-Type"].startswith("application/openmetrics-text")
    assert opened.body.endswith(b"# EOF\n")


def test_only_life_is_told_to_those_without_the_token(project: Path) -> None:
    with served(project, CDE_HTTP_TOKEN=TOKEN) as ask:
        without = {path: ask(path, Authorization="").status for path in ENDPOINTS}
        known = {path: ask(path, Authorization=f"Bearer {TOKEN}").status for path in ENDPOINTS}
        assert ask("/health", "HEAD", Authorization="").status == 200
        assert ask("/health", "POST", Authorization="").status == 401

    assert without == {path: 200 if path == "/health" else 401 for path in ENDPOINTS}
    assert set(known.values()) == {200}


@pytest.mark.own_disk
def test_a_disk_that_takes_no_writes_makes_it_unready_until_it_does_again(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", "8m") as project:
        application = build_application(project)
        application.handle(OnboardProject())
        application.close()
        logs = project / ".cde" / "logs"
        if logs.exists():
            shutil.rmtree(logs)
        (tmp_path / "logs").mkdir()
        logs.symlink_to(tmp_path / "logs")  # a disk with an open file cannot be made read-only
        with served(project) as ask:
            until(lambda: ask("/health/ready"), 200)
            remount(project, "ro")
            unready = until(lambda: ask("/health/ready"), 503)
            assert ask("/health").status == 200
            assert ask("/health/metrics").json["status"] == "unhealthy"
            remount(project, "rw")
            until(lambda: ask("/health/ready"), 200)

    assert unready.json["ready"] is False
    reasons = {each["check"]: each["error_code"] for each in unready.json["reasons"]}
    assert reasons["state_file_writable"] == "E203"
    assert all(each["message"] for each in unready.json["reasons"])
    assert int(unready.headers["Retry-After"]) > 0


@pytest.mark.anyio
async def test_a_stdio_server_opens_the_same_on_a_port(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ask = asking(f"http://127.0.0.1:{port}", bearer(project))
    async with stdio_agent(project, options=["--health-port", str(port)], **CALM) as agent:
        await agent.call("cde_startFeature", prompt="Add a login page")
        answers = {path: ask(path) for path in ENDPOINTS}
        assert ask("/mcp").status == 404
        assert ask("/health", Host="evil.example").status == 421
        health = await agent.call("cde_getHealth")

    assert {answer.status for answer in answers.values()} == {200}
    assert b'operation="start_feature",outcome="ok"' in answers["/metrics"].body
    assert health["metrics"]["active_features"] == 1
    with pytest.raises(OSError, match="refused"):
        ask("/health")


@pytest.mark.anyio
async def test_tools_are_served_though_the_port_for_pages_is_taken(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with stdio_agent(project, options=["--health-port", port], **CALM) as agent:
            started = await agent.call("cde_startFeature", prompt="Add a login page")

    assert started["feature"]["status"] == "defining"
    lines = (project / ".cde" / "logs" / "cde.log").read_text().splitlines()
    (told,) = [line for line in map(json.loads, lines) if line["event"] == "pages_not_served"]
    assert (told["error_code"], told["port"]) == ("E901", int(port))
