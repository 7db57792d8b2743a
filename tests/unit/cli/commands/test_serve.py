"""Listening for clients."""

from __future__ import annotations

import shlex
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from cde_orchestrator import server
from cde_orchestrator.cli.commands import serve
from cde_orchestrator.cli.commands.serve import bearer_token, listening
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDESystemError
from tests.unit.cli.conftest import Terminal


def test_port_0_takes_a_free_port_and_listens_at_once() -> None:
    with listening("localhost", 0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address[:2]):
            assert address[1] > 0


def test_a_port_can_be_taken_again_as_soon_as_its_server_ended() -> None:
    with listening("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            connection, _ = first.accept()
            connection.close()

    with listening("127.0.0.1", port) as second:
        assert second.getsockname()[1] == port


@pytest.mark.parametrize("host", ["", "127.0.0.1", "host.invalid", "a" * 70, "\ud800"])
def test_an_address_that_cannot_be_had_is_e901(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CDESystemError) as refused:
        listening(host, taken.getsockname()[1])

    assert refused.value.code == "E901"
    assert refused.value.context["host"] == host
    assert refused.value.context["reason"]


@pytest.mark.parametrize(
    ("arguments", "host", "pinned"),
    [([], "127.0.0.1", False), (["--host", "0.0.0.0", "--project", "."], "0.0.0.0", True)],
)
def test_http_is_announced_and_a_network_warned_of(
    at_project: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    host: str,
    pinned: bool,
) -> None:
    served: list[tuple[object, ...]] = []

    def run(root: Path, *, pinned: bool, at: server.HttpSide) -> None:
        assert at.token is None
        served.append((root, pinned, at.host, at.listener.getsockname()[1]))

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(server, "run_http", run)

    assert at_project.run("serve", "--transport", "http", "--port", "0", *arguments) == ""

    [(root, was_pinned, given_host, port)] = served
    assert (root, was_pinned, given_host) == (at_project.folder, pinned, host)
    assert f" at http://{host}:{port}/mcp (Ctrl-C ends)\n" in at_project.stderr
    assert ("no token is required" in at_project.stderr) == (host == "0.0.0.0")


@pytest.mark.parametrize(
    "content", ["", " \n", "1234", "has two words in it", "ünïcödé-is-no-header", b"\xff" * 20]
)
def test_a_token_that_cannot_be_used_is_e924(tmp_path: Path, content: str | bytes) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    for source in (file, tmp_path / "missing", tmp_path):
        with pytest.raises(CDESystemError) as refused:
            bearer_token(source)
        assert refused.value.code == "E924"
        assert refused.value.context["source"] == str(source)


def test_the_token_comes_from_the_file_else_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("of-the-file-0123456789\n")
    monkeypatch.delenv("CDE_HTTP_TOKEN", raising=False)
    assert bearer_token(None) is None
    monkeypatch.setenv("CDE_HTTP_TOKEN", "of-the-environment-0123456789")
    assert bearer_token(None) == "of-the-environment-0123456789"
    assert bearer_token(file) == "of-the-file-0123456789"
    monkeypatch.setenv("CDE_HTTP_TOKEN", "")
    with pytest.raises(CDESystemError):
        bearer_token(None)


def test_serving_over_stdio_without_a_standard_input_ends(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", None)

    serve._serve_stdio(at_project.folder, pinned=True)


def test_the_fix_of_a_taken_address_serves_the_project_that_was_asked_for(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0) as taken, pytest.raises(CDESystemError) as refused:
        listening("127.0.0.1", taken.getsockname()[1], tmp_path)
    fix = ErrorFormatter.payload(refused.value)["fixes"][0]
    assert shlex.split(fix["command"])[-2:] == ["--project", str(tmp_path)]


@pytest.mark.parametrize("words", [["list"], ["serve", "--transport", "http", "--port", "0"]])
def test_logging_is_set_up_once_for_a_command(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    set_up, configure = [], structlog.configure

    def counted(**options: Any) -> None:
        set_up.append(options)
        configure(**options)

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(server, "run_http", lambda *_, **__: None)
    monkeypatch.setattr(structlog, "configure", counted)
    at_project.run(*words)
    assert (at_project.exit_code, len(set_up)) == (0, 1)


def test_no_server_begins_in_an_environment_that_is_not_valid(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(server, "run_http", lambda *_, **__: pytest.fail("it serves"))
    monkeypatch.setenv("CDE_LOG_LEVEL", "LOUD")
    assert at_project.refused("serve", "--transport", "http", "--port", "0") == "E314"
