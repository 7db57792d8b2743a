"""Listening for clients."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from cde_orchestrator import server
from cde_orchestrator.adapters.runners import server_file
from cde_orchestrator.adapters.runners.server_file import (
    FILE,
    kept_token,
    server_folder,
    usual_port,
)
from cde_orchestrator.cli.commands import serve
from cde_orchestrator.cli.commands.serve import bearer_token, listening
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.web.http_side import HttpSide
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


class Http:
    """What would be served, instead of serving it."""

    def __init__(self) -> None:
        self.served: list[tuple[Path, bool, HttpSide]] = []

    def __call__(
        self,
        root: Path,
        *,
        pinned: bool,
        at: HttpSide,
        asked_to_end: Callable[[], bool],
        core: bool,
    ) -> None:
        """Note it."""
        assert not asked_to_end()
        assert not core
        self.served.append((root, pinned, at))


@pytest.fixture
def http(monkeypatch: pytest.MonkeyPatch) -> Http:
    """Serves nothing over HTTP."""
    made = Http()
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(server, "run_http", made)
    return made


OVER_HTTP = ("serve", "--transport", "http", "--port", "0")


def test_http_asks_for_a_token_that_stays_and_is_yours_alone(
    at_project: Terminal, http: Http
) -> None:
    for pinned in (False, True):
        assert at_project.run(*OVER_HTTP, *["--project", "."] * pinned) == ""
        said = at_project.stderr
    first, second = http.served

    assert [each[:2] for each in http.served] == [
        (at_project.folder, False),
        (at_project.folder, True),
    ]
    token, file = kept_token(at_project.folder)
    assert first[2].token == second[2].token == token
    assert len(token) == 43
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert re.search(r" at http://127\.0\.0\.1:[0-9]+/mcp \(Ctrl-C ends\)\n", said)
    assert f"Clients send the token that is in {file}" in said
    assert token not in said
    assert "#once=" not in said, "which is for a terminal alone"


def test_port_0_is_the_project_s_own_one_and_any_other_where_it_is_taken(
    at_project: Terminal, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    def port() -> int:
        said: int = json.loads(at_project.run(*OVER_HTTP, "--json"))["port"]
        return said

    own = usual_port(at_project.folder)
    assert port() == own
    assert usual_port(at_project.folder.parent) != own
    with listening("127.0.0.1", own):
        assert port() not in {0, own}

    monkeypatch.setattr(server_file, "user_state_folder", lambda: None)
    assert json.loads(at_project.run(*OVER_HTTP, "--no-token", "--json"))["port"] not in {0, own}


def test_a_terminal_is_shown_an_address_that_signs_in_once(
    at_project: Terminal, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "is_terminal", lambda _: True)
    at_project.run(*OVER_HTTP)

    [(_, _, side)] = http.served
    found = re.search(r"http://127\.0\.0\.1:[0-9]+/dashboard#once=(\S+)", at_project.stderr)
    assert found is not None
    assert side.key.take(found[1])

    at_project.run(*OVER_HTTP, "--no-token")
    assert "#once=" not in at_project.stderr


def test_the_token_that_is_given_is_the_one_and_none_is_kept(
    at_project: Terminal, http: Http, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    given.write_text("0123456789abcdef\n")
    given.chmod(0o600)
    words = ["--host", "0.0.0.0", "--allow-host", "cde.example", "--token-file", str(given)]
    answer = json.loads(at_project.run(*OVER_HTTP, *words, "--json"))

    [(_, _, side)] = http.served
    assert (side.host, side.token, side.allowed) == (
        "0.0.0.0",
        "0123456789abcdef",
        ("cde.example",),
    )
    assert answer["token_file"] is None
    assert not server_folder(at_project.folder).exists()


def test_a_server_that_only_shows_is_found_by_no_command(at_project: Terminal, http: Http) -> None:
    for words, found in (((), True), (("--read-only",), False)):
        at_project.run(*OVER_HTTP, *words)
        side = http.served[-1][2]
        assert side.read_only is not found
        with listening("127.0.0.1", 0) as listener:
            here = replace(side, listener=listener)
            with server._announced(at_project.folder, here):
                assert (server_folder(at_project.folder) / FILE).exists() is found


def test_without_a_token_it_is_said_who_is_let_in(at_project: Terminal, http: Http) -> None:
    at_project.run(*OVER_HTTP, "--no-token")

    [(_, _, side)] = http.served
    assert side.token is None
    assert "no token is asked for" in at_project.stderr


def test_a_token_and_none_are_not_both_asked_for(at_project: Terminal, http: Http) -> None:
    assert at_project.refused(*OVER_HTTP, "--no-token", "--token-file", "file") == "E305"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::ffff:0.0.0.0"])
@pytest.mark.parametrize("words", [[], ["--no-token"]])
def test_a_network_is_served_with_a_token_that_was_given_alone(
    at_project: Terminal, http: Http, host: str, words: list[str]
) -> None:
    assert at_project.refused(*OVER_HTTP, "--host", host, *words) == "E936"
    pages = ["serve", "--health-port", "0", "--host", host, *words]
    assert at_project.refused(*pages) == "E936"
    assert http.served == []


def test_a_token_file_that_others_could_read_is_made_anew(tmp_path: Path) -> None:
    first, file = kept_token(tmp_path)
    assert kept_token(tmp_path)[0] == first
    file.chmod(0o644)
    second, _ = kept_token(tmp_path)
    assert second != first
    file.write_text("short\n")
    third, _ = kept_token(tmp_path)
    assert third not in {first, second}
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    assert kept_token(tmp_path)[0] not in {first, second, third}
    assert not file.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_where_no_token_can_be_kept_it_is_said_which_file(
    at_project: Terminal, http: Http, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert at_project.refused(*OVER_HTTP) == "E203"
    assert http.served == []


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

    serve._serve_stdio(at_project.folder, pinned=True, core=False)


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
