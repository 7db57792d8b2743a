"""A person is asked at a terminal, and named as the operating system knows them."""

from __future__ import annotations

import getpass
import io
import os
import pwd
import socket
from collections.abc import Iterator
from typing import TextIO

import pytest

from cde_orchestrator.infrastructure.system.process_guard import MARK
from cde_orchestrator.infrastructure.trust.person import (
    AGENTS,
    SESSIONS,
    agent_at_work,
    agent_session,
    person_name,
    terminal_problem,
    user_name,
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody that sets a variable is at work."""
    for name in (*AGENTS, *SESSIONS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def screen() -> Iterator[TextIO]:
    """A terminal that is not this process's own."""
    ours, theirs = os.openpty()
    with open(theirs, "w", encoding="utf-8") as stream:
        yield stream
    os.close(ours)


def test_at_a_terminal_a_person_can_be_asked(screen: TextIO) -> None:
    assert terminal_problem([screen, screen]) is None


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("other", [io.StringIO(), None])
def test_without_one_nobody_can(screen: TextIO, number: int, other: TextIO | None) -> None:
    streams: list[TextIO | None] = [screen, screen]
    streams[number] = other
    assert terminal_problem(streams) == "there is no terminal to ask in"


@pytest.mark.parametrize("variable", sorted(AGENTS))
def test_an_agent_is_no_person(
    screen: TextIO, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    assert agent_at_work() is None
    monkeypatch.setenv(variable, "1")
    assert terminal_problem([screen, screen]) == agent_at_work() == AGENTS[variable]


@pytest.mark.parametrize(
    ("variables", "known"),
    [
        ({}, ("", "")),
        ({"CLAUDE_CODE_SESSION_ID": "one"}, ("", "")),
        ({"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "one"}, ("Claude Code", "one")),
        ({"CODEX_THREAD_ID": "two"}, ("Codex", "two")),
        ({"GEMINI_CLI": "1"}, ("Gemini CLI", "")),
        ({"CLAUDECODE": "1", MARK: "1"}, ("", "")),
    ],
)
def test_the_variables_name_the_program_and_its_session(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], known: tuple[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert agent_session() == known


def test_no_variable_names_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    known = user_name()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody")
    assert getpass.getuser() == "somebody"
    assert user_name() == known
    assert person_name() == f"person:{known}@{socket.gethostname()}"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert user_name() == str(os.getuid())
