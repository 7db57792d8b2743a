"""``cde dashboard``: one server in the background, found again, and ended."""

from __future__ import annotations

import json
import urllib.request
import webbrowser
from collections.abc import Iterator

import pytest

from cde_orchestrator.adapters.runners.server_file import usual_port
from cde_orchestrator.cli.commands import dashboard
from cde_orchestrator.cli.commands.serve import listening
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from tests.let_in import bearer
from tests.unit.cli.conftest import Terminal


@pytest.fixture
def ending(at_project: Terminal) -> Iterator[Terminal]:
    """A terminal whose server in the background is ended."""
    yield at_project
    at_project.run("dashboard", "--stop")


def test_the_dashboard_is_served_opened_found_again_and_ended(
    ending: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def browse(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", browse)

    first = ending.answer("dashboard")
    again = ending.answer("dashboard", "--no-open")
    told = ending.run("dashboard", "--no-open")

    assert (first["started"], first["opened"], first["sign_in"]) == (True, True, None)
    assert (again["started"], again["opened"]) == (False, False)
    assert (first["url"], first["pid"]) == (again["url"], again["pid"])
    addresses = [*opened, again["sign_in"], told.split()[4]]
    assert {each.partition("#once=")[0] for each in addresses} == {first["url"]}
    assert len(set(addresses)) == 3
    assert "within ten minutes" in told
    assert "That browser reads only" in told  # nobody is at a terminal here
    assert not again["acts"]
    data = urllib.request.Request(first["url"] + "/data", headers=bearer(ending.folder))
    with urllib.request.urlopen(data) as answer:
        assert json.load(answer)["project"]["name"] == "shop"

    stopped = ending.answer("dashboard", "--stop")
    assert stopped == {"url": first["url"], "pid": first["pid"], "stopped": True}
    assert ending.answer("dashboard", "--stop")["stopped"] is False


def test_the_next_server_has_the_same_port_unless_another_program_has_it(ending: Terminal) -> None:
    first = ending.answer("dashboard", "--no-open")
    port = int(first["url"].removesuffix("/dashboard").rpartition(":")[2])
    assert port == usual_port(ending.folder)

    ending.run("dashboard", "--stop")
    again = ending.answer("dashboard", "--no-open")
    assert again["pid"] != first["pid"]
    assert again["url"] == first["url"], "else a browser loses what somebody typed"

    ending.run("dashboard", "--stop")
    with listening("127.0.0.1", port):
        other = ending.answer("dashboard", "--no-open")
    assert other["started"]
    assert other["url"] != first["url"]


def test_a_server_that_does_not_start_is_e935(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDE_HTTP_TOKEN", "short")

    assert at_project.refused("dashboard", "--no-open") == "E935"


def test_a_screen_that_only_shows_is_signed_in_without_a_person(
    ending: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def ticket(_key: ServerKey, *, person: bool = False) -> str:
        asked.append(person)
        return "word"

    monkeypatch.setattr(dashboard, "terminal_problem", lambda _streams: None)
    monkeypatch.setattr(ServerKey, "ticket", ticket)
    for words in ((), ("--read-only",)):
        ending.answer("dashboard", "--no-open", *words)
    assert asked == [True, False]
