"""Each client's file and form, on each system."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest

from cde_orchestrator.domain.clients import (
    CLIENTS,
    TOKEN_VARIABLE,
    WORKSPACE,
    Client,
    is_own,
    started_words,
)

HOME = PurePosixPath("/home/me")
MAC = PurePosixPath("/Users/me")
WINDOWS = PureWindowsPath("C:/Users/me")

FILES = {
    "claude-code": (".claude.json", ".claude.json", ".claude.json"),
    "claude-desktop": (
        ".config/Claude/claude_desktop_config.json",
        "Library/Application Support/Claude/claude_desktop_config.json",
        "AppData/Roaming/Claude/claude_desktop_config.json",
    ),
    "cursor": (".cursor/mcp.json",) * 3,
    "vscode": (
        ".config/Code/User/mcp.json",
        "Library/Application Support/Code/User/mcp.json",
        "AppData/Roaming/Code/User/mcp.json",
    ),
    "codex": (".codex/config.toml",) * 3,
    "gemini": (".gemini/settings.json",) * 3,
    "opencode": (".config/opencode/opencode.json",) * 3,
    "windsurf": (".codeium/windsurf/mcp_config.json",) * 3,
    "zed": (
        ".config/zed/settings.json",
        ".config/zed/settings.json",
        "AppData/Roaming/Zed/settings.json",
    ),
    "copilot": (".copilot/mcp-config.json",) * 3,
}


def test_each_client_is_here() -> None:
    assert [*CLIENTS] == [*FILES]
    assert all(name == client.name for name, client in CLIENTS.items())


@pytest.mark.parametrize("name", CLIENTS)
def test_its_file_is_where_the_client_reads_it(name: str) -> None:
    files = CLIENTS[name].user_file
    expected = FILES[name]

    assert files(HOME, "linux", {}) == HOME / expected[0]
    assert files(MAC, "darwin", {}) == MAC / expected[1]
    assert files(WINDOWS, "win32", {}) == WINDOWS / expected[2]


@pytest.mark.parametrize(
    ("name", "platform", "variable", "below"),
    [
        ("claude-code", "linux", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("codex", "darwin", "CODEX_HOME", "config.toml"),
        ("gemini", "linux", "GEMINI_CLI_HOME", ".gemini/settings.json"),
        ("copilot", "linux", "COPILOT_HOME", "mcp-config.json"),
        ("opencode", "darwin", "XDG_CONFIG_HOME", "opencode/opencode.json"),
        ("vscode", "linux", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
        ("zed", "linux", "XDG_CONFIG_HOME", "zed/settings.json"),
    ],
)
def test_a_variable_names_another_folder(
    name: str, platform: str, variable: str, below: str
) -> None:
    file = CLIENTS[name].user_file

    assert file(HOME, platform, {variable: "/other"}) == PurePosixPath("/other") / below
    relative = file(HOME, platform, {variable: "other"})
    assert relative == file(HOME, platform, {variable: ""}) == file(HOME, platform, {})


def test_application_data_of_windows_may_be_elsewhere() -> None:
    file = CLIENTS["claude-desktop"].user_file(WINDOWS, "win32", {"APPDATA": "D:/Data"})
    assert file == PureWindowsPath("D:/Data/Claude/claude_desktop_config.json")


FORMS = {
    "claude-code": {"type": "stdio", "command": "cde", "args": ["serve"]},
    "claude-desktop": {"command": "cde", "args": ["serve", "--project", "/p"]},
    "cursor": {"type": "stdio", "command": "cde", "args": ["serve", "--project", WORKSPACE]},
    "vscode": {"type": "stdio", "command": "cde", "args": ["serve", "--project", WORKSPACE]},
    "codex": {"command": "cde", "args": ["serve"], "required": True},
    "gemini": {"command": "cde", "args": ["serve"], "trust": True},
    "opencode": {"type": "local", "command": ["cde", "serve"], "enabled": True},
    "windsurf": {"command": "cde", "args": ["serve", "--project", "/p"]},
    "zed": {"command": "cde", "args": ["serve"]},
    "copilot": {"type": "local", "command": "cde", "args": ["serve"], "tools": ["*"]},
}


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.name)
def test_its_entry_has_the_form_that_the_client_reads(client: Client) -> None:
    words = client.words("cde", "/p")
    entry = client.starting(words)

    assert entry == FORMS[client.name]
    assert started_words(entry) == words
    assert is_own(entry)
    assert entry.keys() <= client.own_keys


BEARER = {"headers": {"Authorization": "Bearer ${CDE_HTTP_TOKEN}"}}
EDITOR = {"headers": {"Authorization": "Bearer ${env:CDE_HTTP_TOKEN}"}}
URL = "http://127.0.0.1:8787/mcp"
REACHED = {
    "claude-code": {"type": "http", "url": URL, **BEARER},
    "cursor": {"url": URL, **EDITOR},
    "vscode": {"type": "http", "url": URL, **EDITOR},
    "codex": {"url": URL, "bearer_token_env_var": TOKEN_VARIABLE, "required": True},
    "gemini": {"httpUrl": URL, **BEARER, "trust": True},
    "opencode": {
        "type": "remote",
        "url": URL,
        "headers": {"Authorization": "Bearer {env:CDE_HTTP_TOKEN}"},
        "enabled": True,
    },
    "windsurf": {"serverUrl": URL, **EDITOR},
    "copilot": {"type": "http", "url": URL, **BEARER, "tools": ["*"]},
}


def test_a_server_at_a_url_is_named_without_its_token() -> None:
    reached = {
        name: client.reaching(URL) for name, client in CLIENTS.items() if client.address is not None
    }
    assert reached == REACHED
    assert all(is_own(entry) for entry in reached.values())


def test_no_entry_for_a_session_names_one_project() -> None:
    """A list of servers for all projects would serve the wrong one, silently."""
    for client in CLIENTS.values():
        named = "/p" in client.words("cde", "/p")
        assert named == (client.session == "pinned")


@pytest.mark.parametrize(
    "words",
    [
        *(["cde", "serve"], ["/home/me/.local/bin/cde", "serve"], ["C:\\x\\cde.exe", "serve"]),
        *(["python", "-m", "cde_orchestrator", "serve"], ["uvx", "cde-orchestrator", "serve"]),
    ],
)
def test_the_product_is_known_by_what_is_started(words: list[str]) -> None:
    assert is_own({"command": words[0], "args": words[1:]})
    assert is_own({"command": words})


@pytest.mark.parametrize("entry", [{"command": "dolphin"}, {"command": ["startcde", "x"]}])
def test_another_program_of_that_name_is_not_the_product(entry: dict[str, object]) -> None:
    assert not is_own(entry)


def test_an_entry_that_starts_nothing_has_no_words() -> None:
    assert started_words({}) == []
    assert started_words({"command": 5, "args": "serve"}) == ["5"]
    assert PurePath(".mcp.json").as_posix() == CLIENTS["claude-code"].project
