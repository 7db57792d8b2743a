"""``cde connect``: each entry is started as it is, and is the only thing that changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.clients.json_text import parsed
from cde_orchestrator.adapters.runners.server_file import kept_token
from cde_orchestrator.domain.clients import CLIENTS, started_words
from cde_orchestrator.domain.hooks import settings_of
from tests.command_line import installation
from tests.integration.cli.commands import cde, environment
from tests.integration.test_mcp import http_server
from tests.terminal import of_a_person, terminal

__all__ = ["http_server"]  # a fixture


class Home:
    """A person's home, and a project, in which commands are given.

    Args:
        folder: the home.
        project: the project.
        forks: whether the servers are forked that are started by their entries.
    """

    def __init__(self, folder: Path, project: Path, *, forks: bool = True) -> None:
        self.folder, self.project = folder, project
        self.kind = "installed" if forks else "commands"
        bin_folder = installation() if forks else Path(sys.executable).parent
        self.variables = {
            "HOME": str(folder),
            "PATH": f"{bin_folder}{os.pathsep}/usr/bin{os.pathsep}/bin",
            **dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "CODEX_HOME"), ""),
        }

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return cde(*words, cwd=self.project, kind=self.kind, **{**self.variables, **more})

    def rows(self, *words: str, **more: str) -> list[dict[str, Any]]:
        done = self.run(*words, "--json", **more)
        rows: list[dict[str, Any]] = json.loads(done.stdout)["clients"]
        return rows

    def error(self, *words: str, **more: str) -> dict[str, Any]:
        done = self.run(*words, "--json", **more)
        assert done.returncode == 1, done
        error: dict[str, Any] = json.loads(done.stdout)["error"]
        return error

    def files(self) -> dict[str, bytes]:
        """All files of the home and the project's own, but for what the product keeps."""
        found = {}
        for top in (self.folder, self.project):
            for path in top.rglob("*"):
                own = {".cde", "cde-orchestrator"} & set(path.parts)
                if path.is_file() and not own and ".git" not in path.parts:
                    found[str(path)] = path.read_bytes()
        return found


@pytest.fixture
def home(tmp_path: Path, project: Path) -> Home:
    folder = tmp_path / "me"
    folder.mkdir()
    return Home(folder, project)


def test_all_clients_are_connected_by_what_works_and_removed_again(home: Home) -> None:
    before = home.files()

    rows = home.rows("connect", *CLIENTS, "--yes")

    assert {row["client"]: row["outcome"] for row in rows} == dict.fromkeys(CLIENTS, "connected")
    assert {row["tools"] for row in rows} == {14}
    for row in rows:
        words = started_words(row["entry"])
        program = words[0]
        assert program == "cde" if row["scope"] == "project" else Path(program).is_absolute()
        assert Path(row["path"]).is_file()
    codex = tomllib.loads((home.folder / ".codex" / "config.toml").read_text())
    assert codex["mcp_servers"]["cde"]["required"] is True
    assert "--project" not in codex["mcp_servers"]["cde"]["args"]
    connected = home.files()

    again = home.rows("connect", *CLIENTS, "--yes")
    assert {row["outcome"] for row in again} == {"unchanged"}
    assert home.files() == connected

    removed = home.rows("connect", *CLIENTS, "--remove", "--yes")
    assert {row["outcome"] for row in removed} == {"removed"}
    assert home.files() == before


def test_the_program_that_is_installed_here_is_connected(home: Home) -> None:
    """Each entry starts a new interpreter."""
    home = Home(home.folder, home.project, forks=False)

    rows = home.rows("connect", "codex", "vscode", "--yes")

    assert [(row["outcome"], row["tools"]) for row in rows] == [("connected", 14)] * 2
    own = Path(sys.executable).with_name("cde")
    assert [started_words(row["entry"])[0] for row in rows] == [str(own), "cde"]


def test_a_file_with_comments_is_the_same_afterwards(home: Home) -> None:
    file = home.folder / ".gemini" / "settings.json"
    file.parent.mkdir()
    text = '// mine\r\n{\r\n  "mcpServers": {"a": {"command": "x"}}, // others\r\n}'
    file.write_bytes(text.encode())

    (row,) = home.rows("connect", "gemini", "--yes")

    assert row["outcome"] == "connected"
    assert "// others" in file.read_text()
    assert Path(row["copy"]).read_bytes() == text.encode()
    home.rows("connect", "gemini", "--remove", "--yes")
    assert file.read_bytes() == text.encode()


def test_what_is_there_is_connected_with_all(home: Home) -> None:
    assert home.error("connect", "--all", "--yes")["code"] == "E332"
    printed = home.rows("connect", "claude-desktop", "cursor", "--print")
    assert [row["client"] for row in printed] == ["claude-desktop", "cursor"]
    (home.folder / ".codex").mkdir()
    (home.folder / ".cursor").mkdir()

    assert [row["client"] for row in home.rows("connect", "--all", "--yes")] == ["cursor", "codex"]

    listed = {row["client"]: row for row in home.rows("connect")}
    assert [name for name, row in listed.items() if row["present"]] == ["cursor", "codex"]
    assert listed["codex"]["connected"] == {"user": str(home.folder / ".codex" / "config.toml")}
    shown = home.run("connect").stdout
    assert "~/.cursor/mcp.json" in shown


def test_one_that_fails_does_not_stop_the_others(home: Home) -> None:
    broken = home.folder / ".gemini" / "settings.json"
    broken.parent.mkdir()
    broken.write_text("{")

    done = home.run("connect", "gemini", "codex", "--yes")

    assert done.returncode == 1
    assert "Gemini CLI  not connected" in done.stdout
    assert "E330" in done.stdout
    assert "Codex       connected  14 tools  ~/.codex/config.toml" in done.stdout
    assert broken.read_text() == "{"
    rows = {row["client"]: row for row in home.rows("connect")}
    assert str(broken) in rows["gemini"]["problem"]


def test_an_entry_can_be_printed_and_nothing_changes(home: Home) -> None:
    before = home.files()

    done = home.run("connect", "codex", "vscode", "--print")

    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == str(home.folder / ".codex" / "config.toml")
    assert lines[1] == "[mcp_servers.cde]"
    assert tomllib.loads("\n".join(lines[1 : lines.index("")]))["mcp_servers"]["cde"]["required"]
    path, snippet = done.stdout.split("\n\n")[1].split("\n", 1)
    assert path == str(home.project / ".vscode" / "mcp.json")
    assert json.loads(snippet)["servers"]["cde"]["command"] == "cde"
    assert home.files() == before


@pytest.mark.parametrize("scope", ["user", "project"])
def test_a_scope_is_a_file_of_its_own(home: Home, scope: str) -> None:
    (row,) = home.rows("connect", "claude-code", "--scope", scope, "--yes")

    place = home.folder / ".claude.json" if scope == "user" else home.project / ".mcp.json"
    assert (row["path"], row["scope"]) == (str(place), scope)
    (other,) = home.rows("connect", "claude-code", "--scope", scope, "--yes", "--remove")
    assert other["outcome"] == "removed"
    assert not place.exists()
    (absent,) = home.rows("connect", "claude-code", "--remove", "--yes")
    assert absent["outcome"] == "absent"


def test_an_entry_elsewhere_is_named(home: Home) -> None:
    home.rows("connect", "claude-code", "--scope", "project", "--yes")
    (second,) = home.rows("connect", "claude-code", "--yes")
    assert f"{home.project / '.mcp.json'} has an entry too; one is enough" in second["steps"]
    home.rows("connect", "claude-code", "--remove", "--yes")
    (absent,) = home.rows("connect", "claude-code", "--remove", "--yes")
    assert absent["steps"] == [f"{home.project / '.mcp.json'} has one: --scope project"]


def test_a_server_at_a_url_is_reached_with_the_token(home: Home, http_server: str) -> None:
    url = http_server.removesuffix("/mcp")
    words = ("connect", "codex", "claude-code", "--url", url, "--yes")

    rows = home.rows(*words, CDE_HTTP_TOKEN=kept_token(home.project)[0])

    assert {row["tools"] for row in rows} == {14}
    assert {row["entry"]["url"] for row in rows} == {http_server}
    assert kept_token(home.project)[0] not in str(home.files())
    home.rows("connect", "codex", "--yes")
    entry = tomllib.loads((home.folder / ".codex" / "config.toml").read_text())["mcp_servers"][
        "cde"
    ]
    assert entry.keys() == {"command", "args", "required"}


def test_a_server_at_a_url_that_does_not_let_us_in_is_refused(home: Home, http_server: str) -> None:
    reasons = {
        ("codex", http_server, ""): "asks for a token",
        ("codex", http_server, "0123456789abcdef0"): "refuses the token",
        ("codex", "http://127.0.0.1:1/mcp", ""): "no answer",
        ("codex", f"{http_server}/more", kept_token(home.project)[0]): "status 404",
    }
    for (name, url, token), reason in reasons.items():
        error = home.error("connect", name, "--url", url, "--yes", CDE_HTTP_TOKEN=token)
        assert (error["code"], reason in error["message"]) == ("E331", True), error
    for name, url in {"zed": http_server, "codex": "ftp://x", "cursor": "http://a:b@c"}.items():
        assert home.error("connect", name, "--url", url, "--yes")["code"] == "E332"
    assert [path for path in home.files() if ".codex" in path] == []


def test_what_is_started_must_have_the_tools(home: Home) -> None:
    fake = home.folder / "bin" / "cde"
    fake.parent.mkdir()
    answer = '{"jsonrpc": "2.0", "id": 2, "result": {"tools": [{"name": "other"}]}}'
    says = {
        "exit 3": "it said nothing",
        "echo cannot run >&2; exit 1": "cannot run",
        f"read line; echo '{answer}'": "no tools of cde, but other",
        'read line; echo \'{"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}\'': "refuses",
    }
    for script, reason in says.items():
        fake.write_text(f"#!/bin/sh\n{script}\n")
        fake.chmod(0o755)
        path = f"{fake.parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
        error = home.error("connect", "vscode", "--yes", PATH=path)
        assert (error["code"], reason in error["message"]) == ("E331", True), error
    assert not (home.project / ".vscode").exists()


def test_a_persons_own_variables_are_used_and_those_of_a_project_are_not(home: Home) -> None:
    entry = {"command": "cde", "args": ["serve"], "env": {"CDE_LOG_LEVEL": "NONSENSE", "A": "1"}}
    file = home.project / ".mcp.json"
    for place in (file, home.folder / ".claude.json"):
        place.write_text(json.dumps({"mcpServers": {"cde": {**entry, "env": {"PATH": "/x"}}}}))

    (row,) = home.rows("connect", "claude-code", "--scope", "project", "--yes")

    assert (row["tools"], row["kept"]) == (14, ["env"])
    assert json.loads(file.read_text())["mcpServers"]["cde"]["env"] == {"PATH": "/x"}
    (row,) = home.rows("connect", "claude-code", "--yes")  # by its path, no PATH is needed
    assert (row["tools"], row["kept"]) == (14, ["env"])


def test_an_agent_and_nobody_connect_nothing(home: Home) -> None:
    nobody = home.error("connect", "codex")
    assert nobody["code"] == "E332"
    assert "--yes was not given" in nobody["message"]
    agent = home.error("connect", "codex", "--yes", CLAUDECODE="1")
    assert agent["code"] == "E332"
    assert "only a person connects clients" in agent["message"]
    assert home.files() == Home(home.folder, home.project).files()
    assert not (home.folder / ".codex").exists()


def test_a_link_in_a_project_is_not_followed(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (home.project / ".cursor").symlink_to(outside)

    error = home.error("connect", "cursor", "--scope", "project", "--yes")

    assert error["code"] == "E330"
    assert [*outside.iterdir()] == []


def test_a_home_is_no_project(home: Home) -> None:
    at_home = Home(home.folder, home.folder)
    assert at_home.error("connect", "vscode", "--yes")["code"] == "E305"
    assert at_home.error("connect", "--guide", "--yes")["code"] == "E305"
    assert at_home.files() == {}


def test_what_a_person_added_is_not_printed(home: Home) -> None:
    entry = {"command": "cde", "args": ["serve"], "env": {"NAME": "secret"}}
    (home.folder / ".claude.json").write_text(json.dumps({"mcpServers": {"cde": entry}}))
    done = home.run("connect", "claude-code", "--yes", "--json")
    assert "secret" not in done.stdout + done.stderr
    assert json.loads(done.stdout)["clients"][0]["kept"] == ["env"]
    assert "secret" in (home.folder / ".claude.json").read_text()


def test_one_project_is_named_only_where_it_is_set_up(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = ("connect", "claude-desktop", "--yes", "--project", str(elsewhere))
    assert "is not set up" in home.error(*words)["message"]


@pytest.mark.parametrize(
    "words",
    [
        *(["codex", "--all"], ["--print"], ["--remove"], ["--url", "http://x"]),
        *(["codex", "--remove", "--print"], ["codex", "--scope", "here"], ["--guide", "--print"]),
    ],
)
def test_options_that_do_not_go_together_are_refused(home: Home, words: list[str]) -> None:
    assert home.run("connect", *words).returncode == 2


def at_home(home: Home) -> dict[str, str]:
    """The environment of a person there."""
    return of_a_person(environment(**home.variables))


def test_at_a_terminal_the_command_is_the_persons_word(home: Home) -> None:
    with terminal(
        "connect", "codex", cwd=home.project, environment=at_home(home), kind=home.kind
    ) as screen:
        written = screen.end()

    assert "✓ Codex  connected  14 tools  ~/.codex/config.toml" in written
    assert (home.folder / ".codex" / "config.toml").is_file()


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_who_sets_up_a_project_is_offered_what_is_installed(
    home: Home, tmp_path: Path, answer: str
) -> None:
    (home.folder / ".codex").mkdir()
    new = tmp_path / "new"
    new.mkdir()
    with terminal("init", cwd=new, environment=at_home(home), kind=home.kind) as screen:
        asked = screen.read_until("Connect them to cde? [y/N]")
        screen.type(answer)
        written = screen.end()

    assert screen.code == 0
    assert "Project new is set up" in asked
    assert "Codex  ~/.codex/config.toml" in asked
    is_connected = (home.folder / ".codex" / "config.toml").exists()
    assert is_connected == (answer == "y") == ("✓ Codex  connected  14 tools" in written)


def test_nobody_is_asked_where_nothing_is_to_connect(home: Home, tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        with terminal("init", cwd=folder, environment=at_home(home), kind=home.kind) as screen:
            assert "Connect them" not in screen.end()
        home.rows("connect", "codex", "--yes")
    assert cde("init", cwd=tmp_path, **home.variables).returncode == 0


def test_phases_are_explained_in_the_files_that_agents_read(home: Home) -> None:
    guide = home.project / "AGENTS.md"
    guide.write_bytes(b"# Mine\r\n")
    before = home.files()

    done = home.run("connect", "gemini", "codex", "--guide", "--yes")

    assert done.returncode == 0
    assert "✓ written  " in done.stdout
    assert guide.read_bytes().startswith(b"# Mine\r\n\r\n<!-- cde: begin -->\r\n")
    command = home.project / ".gemini" / "commands" / "cde.toml"
    assert "{{args}}" in tomllib.loads(command.read_text())["prompt"]
    changed = home.files()
    answer = json.loads(home.run("connect", "gemini", "--guide", "--yes", "--json").stdout)
    assert {each["outcome"] for each in answer["guide"]} == {"unchanged"}
    assert home.files() == changed

    home.rows("connect", "gemini", "codex", "--guide", "--remove", "--yes")

    assert home.files() == before
    command.write_text("mine")
    alone = json.loads(home.run("connect", "--guide", "--yes", "--json").stdout)
    assert [Path(each["path"]).name for each in alone["guide"]] == ["AGENTS.md"]
    assert home.error("connect", "gemini", "--guide", "--yes")["code"] == "E330"
    assert command.read_text() == "mine"


def test_hooks_are_written_next_to_a_persons_own_and_removed_alone(home: Home) -> None:
    claude = home.project / ".claude" / "settings.json"
    claude.parent.mkdir()
    mine = {"hooks": [{"type": "command", "command": "notify-send done"}]}
    stop = json.dumps([mine])
    claude.write_text(f'{{\n  // by hand\n  "hooks": {{\n    "Stop": {stop}\n  }}\n}}\n')
    before = home.files()
    names = ("claude-code", "codex", "gemini")

    done = home.run("connect", *names, "--hooks", "--yes")

    assert done.returncode == 0
    assert "✓ written  " in done.stdout
    text = claude.read_text()
    own = settings_of("claude-code")
    assert "  // by hand\n" in text
    assert parsed(text) == {"hooks": {**own, "Stop": [mine, *own["Stop"]]}}
    codex = json.loads((home.project / ".codex" / "hooks.json").read_text())
    assert codex == {"hooks": settings_of("codex")}
    changed = home.files()
    answer = json.loads(home.run("connect", *names, "--hooks", "--yes", "--json").stdout)
    assert {each["outcome"] for each in answer["guide"]} == {"unchanged"}
    assert home.files() == changed

    home.rows("connect", *names, "--hooks", "--remove", "--yes")

    assert home.files() == before


def test_hooks_are_not_written_where_they_cannot_be(home: Home) -> None:
    assert home.error("connect", "cursor", "--hooks", "--yes")["code"] == "E332"
    codex = home.project / ".codex" / "hooks.json"
    codex.parent.mkdir()
    for content in ('{"hooks": []}', '{"hooks": {"Stop": {}}}', '{"hooks": {"Stop": [1]}}', "["):
        codex.write_text(content)
        assert home.error("connect", "codex", "--hooks", "--yes")["code"] == "E330"
        assert codex.read_text() == content
