"""The command line as a process: pipes that close, disks that are full, signals, terminals."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import TIMEOUT_SECONDS, Forked
from tests.integration.cli.commands import CDE, answer, cde, environment, refused
from tests.let_in import bearer

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@contextmanager
def process(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that runs beside the test, and not after it."""
    started = subprocess.Popen(
        [*CDE, *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def on_terminal(*arguments: str, cwd: Path, columns: int = 80, **env: str) -> str:
    """What a command writes on a terminal, standard error among it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with Path(os.devnull).open() as nothing:
        variables = environment(TERM="xterm-256color", **env)
        streams = (nothing.fileno(), theirs, theirs)
        started = Forked(*arguments, cwd=cwd, environment=variables, streams=streams)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65_536):
            written += chunk
    except OSError:  # how a terminal says that its other side is closed
        pass
    os.close(ours)
    started.wait()
    return written.decode().replace("\r\n", "\n")


def read_object(started: subprocess.Popen[str]) -> dict[str, Any]:
    """The first indented JSON object that a process prints."""
    assert started.stdout is not None
    text = ""
    for line in started.stdout:
        text += line
        if line == "}\n":
            break
    value: dict[str, Any] = json.loads(text)
    return value


def test_a_reader_that_goes_away_ends_the_command_quietly(project: Path) -> None:
    with process("workflow", "show", "--json", cwd=project) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()

        assert started.wait() == 141
        assert started.stderr.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_an_output_that_takes_nothing_is_told(project: Path, arguments: list[str]) -> None:
    answer("start", "x", cwd=project)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*CDE, *arguments],
            cwd=project,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == f"cde: standard output: {os.strerror(28)}\n"


def test_an_interrupted_command_ends_quietly_with_130(project: Path) -> None:
    with process("start", "-", cwd=project) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        assert started.stderr is not None
        # More than a pipe holds: once all of it is gone, the command surely is reading.
        started.stdin.write("Half a prompt " * 20_000)
        started.stdin.flush()
        started.send_signal(signal.SIGINT)
        try:
            exit_code = started.wait(10)
        except subprocess.TimeoutExpired:
            # The interpreter misses a signal that comes right before its system call.
            started.send_signal(signal.SIGINT)
            exit_code = started.wait()
        out, err = started.stdout.read(), started.stderr.read()

    assert (exit_code, out, err) == (130, "", "")
    assert answer("list", cwd=project)["total"] == 0


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_serving_over_stdio_though_the_client_is_still_there(
    project: Path, number: signal.Signals, exit_code: int
) -> None:
    with process("serve", cwd=project) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.write(json.dumps(INITIALIZE) + "\n")
        started.stdin.flush()
        greeting = json.loads(started.stdout.readline())
        started.send_signal(number)

        assert greeting["result"]["serverInfo"]["name"] == "cde-orchestrator"
        assert started.wait() == exit_code
        assert started.stdout.read() == ""


def test_the_end_of_the_input_ends_serving_over_stdio(project: Path) -> None:
    done = cde("serve", cwd=project, stdin=json.dumps(INITIALIZE) + "\n")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["id"] == 1


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_http_is_served_on_a_free_port_until_a_signal(
    project: Path, number: signal.Signals, exit_code: int
) -> None:
    with process("serve", "--transport", "http", "--port", "0", "--json", cwd=project) as started:
        address = read_object(started)
        request = urllib.request.Request(
            address["url"],
            json.dumps(INITIALIZE).encode(),
            {
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                **bearer(project),
            },
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            assert b"cde-orchestrator" in response.read()
        started.send_signal(number)

        assert set(address) == {"url", "host", "port", "project", "token_file"}
        assert started.wait() == exit_code
        out, err = started.communicate()
    assert out == ""
    assert err == (
        f"CDE Orchestrator serves {project} at {address['url']} (Ctrl-C ends)\n"
        f"Clients send the token that is in {address['token_file']}: Authorization: Bearer TOKEN\n"
    )


def test_an_address_in_use_is_refused_before_anything_is_served(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refused("serve", "--transport", "http", "--port", str(port), cwd=project)

    assert error["code"] == "E901"
    assert (error["context"]["host"], error["context"]["port"]) == ("127.0.0.1", port)


def test_serving_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    assert refused("serve", "--project", "nope", cwd=tmp_path)["code"] == "E001"


def test_a_terminal_gets_marks_colours_and_what_fits_its_width(project: Path) -> None:
    answer("start", "Add a login page", cwd=project)

    narrow = on_terminal("list", cwd=project, columns=60)
    wide = on_terminal("list", cwd=project, columns=120)
    plain = on_terminal("status", "add-a-login-page", cwd=project, NO_COLOR="1")

    assert "●" in narrow
    assert "\x1b[33m" in narrow
    assert "UPDATED" not in narrow
    assert "just now" in wide
    assert "    \x1b[2mAdd a login page\x1b[0m" in narrow
    assert "╭─ Now: " in plain
    assert "\x1b[3" not in plain
    bare = re.sub(r"\x1b\[[0-9;]*m", "", plain)
    assert "○ review" in bare
    assert all(len(line) <= 80 for line in bare.splitlines())


def test_a_terminal_is_safe_from_what_a_project_holds(tmp_path: Path) -> None:
    folder = tmp_path / "evil\x1b]0;owned\x07"
    folder.mkdir()
    answer_name = on_terminal("init", "--name", "[blink]x[/blink]", cwd=folder)
    workflow = folder / ".cde" / "workflow.yml"
    text = workflow.read_text(encoding="utf-8").replace("Mends one", "\x9b31m Mends [red]one", 1)
    workflow.write_text(text, encoding="utf-8")

    shown = on_terminal("workflow", "list", cwd=folder)
    told = on_terminal("workflow", "validate", cwd=folder)

    assert "[blink]x[/blink]" in answer_name
    for written in (answer_name, shown, told):
        assert "\x1b]0;" not in written
        assert "\x9b" not in written


def test_a_server_on_a_terminal_says_how_to_connect(project: Path) -> None:
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [*CDE, "serve"],
        cwd=project,
        env=environment(),
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(theirs)
    assert started.stderr is not None
    hint = started.stderr.readline().decode()
    os.write(ours, b"\x04")

    assert started.wait() == 0
    assert started.stderr.read() == b""
    started.stderr.close()
    os.close(ours)
    assert hint.startswith("Waiting for an MCP client")
    assert str(project) in hint


DROPPED = """
import gc, signal
from cde_orchestrator.__main__ import main

set_handler = signal.signal

def ask(phase, _):
    gc.callbacks.remove(ask)
    signal.raise_signal(signal.SIGTERM)  # what its handler raises in a callback is dropped

def asked_at_once(number, handler):
    before = set_handler(number, handler)
    if number == signal.SIGTERM:
        signal.signal = set_handler
        gc.callbacks.append(ask)
        gc.collect()
    return before

signal.signal = asked_at_once
main()
"""


@pytest.mark.parametrize("words", [["--transport", "http", "--port", "0"], []])
def test_a_server_that_is_asked_to_end_while_it_starts_ends(
    project: Path, words: list[str]
) -> None:
    served = [sys.executable, "-c", DROPPED, "serve", "--project", str(project), *words]
    with subprocess.Popen(served, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        try:
            code = server.wait(TIMEOUT_SECONDS)
        finally:
            server.kill()
        assert server.stderr is not None
        said = server.stderr.read().decode()
    assert code == 0, said
    assert "Exception ignored" in said


def test_a_summary_on_a_terminal_gives_nobody_the_prompt(project: Path) -> None:
    agents = ["alf", "bea", "carl"]
    commands = {
        "alf": ["resume", "alf", "--agent", "alf"],
        "bea": ["grow", "bea", "research", "--agent", "bea"],
    }
    text = "## Question\nWhy?\n## Criteria\nms\n## Method\nrun\n" + "a b " * 90
    for agent in agents:
        answer("start", "Why is it slow?", "-w", "research", "-n", agent, cwd=project)
        words = commands.get(agent, ["resume", agent, "--agent", agent])
        if agent == "carl":  # whose output somebody reads
            assert "\n# Question\n" in cde(*words, cwd=project).stdout
        else:
            assert "\n# Question\n" not in on_terminal(*words, cwd=project)

    results = ("--results", json.dumps({"question": text}))
    printed = {
        agent: cde("submit", agent, "question", *results, "--agent", agent, cwd=project).stdout
        for agent in agents
    }

    still = {agent: "given for this feature still holds" in printed[agent] for agent in agents}
    assert still == {"alf": False, "bea": False, "carl": True}
