"""The programs whose agents cde serves: the file that connects each one, and its form.

A client starts ``cde serve`` itself, or reaches a server that runs. What it is given is an entry
with the name ``cde`` in one of its own configuration files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal, TypeAlias

Scope: TypeAlias = Literal["user", "project"]
"""``user``: all projects of a person; ``project``: a file in the repository."""
Entry: TypeAlias = Mapping[str, Any]

NAME = "cde"
"""What the entry is called."""
TOKEN_VARIABLE = "CDE_HTTP_TOKEN"  # noqa: S105 - the variable, not a token
WORKSPACE = "${workspaceFolder}"
"""What editors replace by the folder that is open."""


@dataclass(frozen=True, slots=True)
class UserFile:
    """A file in the home: ``folder / below``.

    Attributes:
        below: its path below the folder.
        folder: where that is below the home.
        variable: the environment variable that names another folder.
    """

    below: str
    folder: str = ""
    variable: str = ""

    def at(self, home: PurePath, environment: Mapping[str, str]) -> PurePath:
        """The file's path; a variable that depends on the current folder is ignored."""
        named = type(home)(environment.get(self.variable, "") if self.variable else "")
        return (named if named.is_absolute() else home / self.folder) / self.below


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program that agents run in.

    Attributes:
        name: how it is named in commands.
        title: how it calls itself.
        user: its file in the home, by platform; ``""`` for all others.
        project: its file in a project; None where it reads none.
        other_suffix: of a file with the same name that it reads too; empty for none.
        scope: where the entry is written unless somebody says so.
        section: the member of the file that has the servers.
        programs: commands that are there where it is installed.
        kind: the entry's ``type``, where it says one.
        one_list: whether the entry has the program and its arguments in one list.
        more: what the entry says in addition, for any kind of server.
        address: the member with the URL of a server that runs; None: it reaches none by a file.
        address_kind: the entry's ``type`` then.
        token: how the entry refers to the variable with the token.
        session: how the server finds the folder: the client starts it there, or replaces a
            variable of its own; ``pinned``: it does neither, and the entry names one project.
        steps: what a person still has to do, by scope.
    """

    name: str
    title: str
    user: Mapping[str, UserFile]
    project: str | None = None
    other_suffix: str = ""
    scope: Scope = "user"
    section: str = "mcpServers"
    programs: tuple[str, ...] = ()
    kind: str | None = None
    one_list: bool = False
    more: Entry = field(default_factory=dict)
    address: str | None = "url"
    address_kind: str | None = None
    token: str = "${CDE_HTTP_TOKEN}"  # noqa: S105 - a reference
    session: Literal["folder", "variable", "pinned"] = "folder"
    steps: Mapping[Scope, str] = field(default_factory=dict)

    def user_file(self, home: PurePath, platform: str, environment: Mapping[str, str]) -> PurePath:
        """Its file in the home, on a platform as ``sys.platform`` names it."""
        return self.user.get(platform, self.user[""]).at(home, environment)

    def words(self, command: str, root: str) -> list[str]:
        """What the client starts: ``command`` is ``cde``, ``root`` the project's folder."""
        named = {"variable": ["--project", WORKSPACE], "pinned": ["--project", root]}
        return [command, "serve", *named.get(self.session, [])]

    def starting(self, words: Sequence[str]) -> Entry:
        """The entry that starts a server by these words."""
        program = {"command": words[0], "args": [*words[1:]]}
        said = {"command": [*words]} if self.one_list else program
        return {**_kind(self.kind), **said, **self.more}

    def reaching(self, url: str) -> Entry:
        """The entry that reaches a server at a URL; the token is in the client's environment."""
        if self.token == TOKEN_VARIABLE:  # which the client reads itself
            proof: Entry = {"bearer_token_env_var": TOKEN_VARIABLE}
        else:
            proof = {"headers": {"Authorization": f"Bearer {self.token}"}}
        return {**_kind(self.address_kind), str(self.address): url, **proof, **self.more}

    @property
    def own_keys(self) -> frozenset[str]:
        """The members of an entry that are the product's; others are a person's."""
        return frozenset({*self.starting([NAME]), *self.reaching(""), "args"})


def started_words(entry: Entry) -> list[str]:
    """What an entry starts, the program first; empty where it starts nothing."""
    command, arguments = entry.get("command"), entry.get("args", [])
    first = command if isinstance(command, list) else [command] if command else []
    rest = arguments if isinstance(arguments, list) else []
    return [str(each) for each in (*first, *rest)]


def is_own(entry: Entry) -> bool:
    """Whether an entry is about this product, and not another program of that name."""
    words = started_words(entry)
    names = {PurePath(word.replace("\\", "/")).stem for word in words}
    return not words or bool(names & {NAME, "cde_orchestrator", "cde-orchestrator"})


def _kind(kind: str | None) -> Entry:
    return {} if kind is None else {"type": kind}


def _of_applications(below: str) -> Mapping[str, UserFile]:
    """A file of an application, where each system keeps what is of that kind."""
    return {
        "": UserFile(below, ".config", "XDG_CONFIG_HOME"),
        "darwin": UserFile(below, "Library/Application Support"),
        "win32": UserFile(below, "AppData/Roaming", "APPDATA"),
    }


_FOR_ONE = "it serves this project alone, until you connect it from another one"
_ENVIRONMENT_TOKEN = "${env:CDE_HTTP_TOKEN}"  # noqa: S105 - a reference

CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        Client(
            name="claude-code",
            title="Claude Code",
            user={"": UserFile(".claude.json", "", "CLAUDE_CONFIG_DIR")},
            project=".mcp.json",
            programs=("claude",),
            kind="stdio",
            address_kind="http",
            steps={"project": "Claude Code asks each person once whether to use it"},
        ),
        Client(
            name="claude-desktop",
            title="Claude Desktop",
            user=_of_applications("Claude/claude_desktop_config.json"),
            address=None,
            session="pinned",
            steps={"user": f"restart Claude Desktop; {_FOR_ONE}"},
        ),
        Client(
            name="cursor",
            title="Cursor",
            user={"": UserFile(".cursor/mcp.json")},
            project=".cursor/mcp.json",
            programs=("cursor", "cursor-agent"),
            kind="stdio",
            token=_ENVIRONMENT_TOKEN,
            session="variable",
            steps={"project": "Cursor asks each person once whether to use it"},
        ),
        Client(
            name="vscode",
            title="VS Code",
            user=_of_applications("Code/User/mcp.json"),
            project=".vscode/mcp.json",
            scope="project",
            section="servers",
            programs=("code",),
            kind="stdio",
            address_kind="http",
            token=_ENVIRONMENT_TOKEN,
            session="variable",
            steps=dict.fromkeys(
                ("user", "project"), "VS Code asks once whether you trust the server"
            ),
        ),
        Client(
            name="codex",
            title="Codex",
            user={"": UserFile("config.toml", ".codex", "CODEX_HOME")},
            project=".codex/config.toml",
            section="mcp_servers",
            programs=("codex",),
            # Without it the first turn of a session often has no tools.
            more={"required": True},
            token=TOKEN_VARIABLE,
            steps={"project": "Codex reads it in a project that you trust: answer yes"},
        ),
        Client(
            name="gemini",
            title="Gemini CLI",
            user={"": UserFile(".gemini/settings.json", "", "GEMINI_CLI_HOME")},
            project=".gemini/settings.json",
            programs=("gemini",),
            # It may call the tools without asking, which it must where nobody answers.
            more={"trust": True},
            address="httpUrl",
            steps=dict.fromkeys(
                ("user", "project"),
                "Gemini CLI starts no server in a folder that you do not trust: answer yes",
            ),
        ),
        Client(
            name="opencode",
            title="OpenCode",
            user={"": UserFile("opencode/opencode.json", ".config", "XDG_CONFIG_HOME")},
            project="opencode.json",
            other_suffix=".jsonc",
            section="mcp",
            programs=("opencode",),
            kind="local",
            one_list=True,
            more={"enabled": True},
            address_kind="remote",
            token="{env:CDE_HTTP_TOKEN}",  # noqa: S106 - a reference
        ),
        Client(
            name="windsurf",
            title="Windsurf",
            user={"": UserFile(".codeium/windsurf/mcp_config.json")},
            programs=("windsurf",),
            address="serverUrl",
            token=_ENVIRONMENT_TOKEN,
            session="pinned",
            steps={"user": f"refresh the servers in Windsurf; {_FOR_ONE}"},
        ),
        Client(
            name="zed",
            title="Zed",
            user={
                "": UserFile("zed/settings.json", ".config", "XDG_CONFIG_HOME"),
                "darwin": UserFile(".config/zed/settings.json"),
                "win32": UserFile("Zed/settings.json", "AppData/Roaming", "APPDATA"),
            },
            project=".zed/settings.json",
            section="context_servers",
            programs=("zed", "zeditor"),
            address=None,  # it could only hold the token itself
            steps={"project": "Zed asks whether you trust the folder"},
        ),
        Client(
            name="copilot",
            title="Copilot CLI",
            user={"": UserFile("mcp-config.json", ".copilot", "COPILOT_HOME")},
            project=".github/mcp.json",
            programs=("copilot",),
            kind="local",
            more={"tools": ["*"]},
            address_kind="http",
            steps={"project": "Copilot CLI reads it in a folder that you trust"},
        ),
    )
}
