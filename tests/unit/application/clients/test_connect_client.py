"""A client is connected by an entry that works, and reported as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cde_orchestrator.application.clients.connect_client import (
    ConnectClient,
    DisconnectClient,
    ListClients,
    ShowEntry,
    client_named,
)
from cde_orchestrator.application.clients.write_guide import WriteGuide
from cde_orchestrator.application.clients.write_hooks import WriteHooks
from cde_orchestrator.application.ports.clients import PlannedFile
from cde_orchestrator.domain.clients import Client, Entry, Scope
from cde_orchestrator.domain.exceptions import ValidationError

ROOT = Path("/project")


@dataclass
class FakeClients:
    """Clients whose files are entries in memory."""

    entries: dict[tuple[str, Scope], Entry] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    tools: int = 14
    tried: list[Entry] = field(default_factory=list)
    written: list[PlannedFile] = field(default_factory=list)

    def is_present(self, client: Client) -> bool:
        return client.name == "codex"

    def path(self, client: Client, scope: Scope) -> Path:
        return Path("/", scope, client.name)

    def entry(self, client: Client, scope: Scope) -> Entry | None:
        if client.name == "zed":
            raise ValidationError.of("E330", path="/zed", reason="it is broken")
        return self.entries.get((client.name, scope))

    def command(self, scope: Scope) -> str:
        return "cde" if scope == "project" else "/bin/cde"

    def snippet(self, client: Client, entry: Entry) -> str:
        return f"{client.section}: {entry}"

    def connected(self, client: Client, scope: Scope, entry: Entry) -> PlannedFile:
        before = self.entry(client, scope)
        mine = {key: value for key, value in (before or {}).items() if key == "env"}
        return self._planned(client, scope, before, {**mine, **entry})

    def disconnected(self, client: Client, scope: Scope) -> PlannedFile:
        return self._planned(client, scope, self.entry(client, scope), None)

    def _planned(
        self, client: Client, scope: Scope, before: Entry | None, after: Entry | None
    ) -> PlannedFile:
        was, will = (None if each is None else repr(each).encode() for each in (before, after))
        path = self.path(client, scope)
        return PlannedFile(path=path, before=was, after=will, stamp=None, mode=None, entry=after)

    def count_tools(self, client: Client, scope: Scope, entry: Entry) -> int:
        self.tried.append(entry)
        if not self.tools:
            raise ValidationError.of("E331", client=client.title, started="x", reason="no")
        return self.tools

    def guided(self, name: str, edit: Callable[[str], str]) -> PlannedFile:
        before = self.texts.get(name, "")
        after = edit(before)
        was, will = before.encode() or None, after.encode() or None
        return PlannedFile(path=Path(name), before=was, after=will, stamp=None, mode=None)

    def hooked(
        self, name: str, change: Callable[[Entry], Entry], own: Collection[str]
    ) -> PlannedFile:
        return self.guided(
            name, lambda text: json.dumps(change(json.loads(text or "{}")), sort_keys=True)
        )

    def write(self, planned: PlannedFile) -> Path | None:
        if planned.after == planned.before:
            return None
        self.written.append(planned)
        return None if planned.before is None else Path("/copy")


def test_an_entry_is_tried_as_it_will_be_and_then_written() -> None:
    clients = FakeClients({("codex", "user"): {"command": "cde", "env": {"A": "1"}}})

    reply = ConnectClient(name="codex")(root=ROOT, clients=clients)

    entry = {"env": {"A": "1"}, "command": "/bin/cde", "args": ["serve"], "required": True}
    assert clients.tried == [entry]
    assert [each.entry for each in clients.written] == [entry]
    assert (reply["outcome"], reply["kept"], reply["copy"]) == ("updated", ["env"], "/copy")
    assert (reply["tools"], reply["scope"], reply["path"]) == (14, "user", "/user/codex")


def test_an_entry_that_does_not_work_is_not_written() -> None:
    clients = FakeClients(tools=0)
    with pytest.raises(ValidationError) as refused:
        ConnectClient(name="codex")(root=ROOT, clients=clients)
    assert refused.value.code == "E331"
    assert clients.written == []


def test_what_is_connected_is_tried_and_not_written_again() -> None:
    entry = {"command": "cde", "args": ["serve"], "type": "stdio"}
    clients = FakeClients({("claude-code", "project"): {"type": "stdio", **entry}})

    reply = ConnectClient(name="claude-code", scope="project")(root=ROOT, clients=clients)

    assert (reply["outcome"], reply["steps"]) == (
        "unchanged",
        ["Claude Code asks each person once whether to use it"],
    )
    assert clients.written == []


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787/mcp"),
        ("http://127.0.0.1:8787/", "http://127.0.0.1:8787/mcp"),
        ("https://cde.example/a/mcp", "https://cde.example/a/mcp"),
    ],
)
def test_the_address_of_a_server_is_that_of_its_endpoint(url: str, address: str) -> None:
    reply = ConnectClient(name="codex", url=url)(root=ROOT, clients=FakeClients())

    assert reply["entry"] is not None
    assert reply["entry"]["url"] == address
    assert reply["steps"][0] == "set CDE_HTTP_TOKEN where Codex is started"


@pytest.mark.parametrize(
    "url", ["", "cde.example", "ftp://x", "http://", "http://x:99999", "http://a:b@c", "http://[x"]
)
def test_what_is_not_the_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ShowEntry(name="codex", url=url)(root=ROOT, clients=FakeClients())
    assert refused.value.code == "E332"


def test_an_entry_is_removed_or_said_to_be_elsewhere() -> None:
    clients = FakeClients({("codex", "project"): {"command": "cde"}})

    absent = DisconnectClient(name="codex")(clients=clients)
    removed = DisconnectClient(name="codex", scope="project")(clients=clients)

    assert (absent["outcome"], absent["steps"]) == (
        "absent",
        ["/project/codex has one: --scope project"],
    )
    assert (removed["outcome"], removed["entry"]) == ("removed", None)


def test_all_clients_are_listed_and_what_is_wrong_with_a_file() -> None:
    clients = FakeClients({("codex", "user"): {"command": "cde"}})

    rows = {row["client"]: row for row in ListClients()(clients=clients)["clients"]}

    assert rows["codex"]["connected"] == {"user": "/user/codex"}
    assert [name for name, row in rows.items() if row["present"]] == ["codex"]
    assert "it is broken" in str(rows["zed"]["problem"])


@pytest.mark.parametrize(
    ("name", "similar"),
    [
        *(("codx", "codex"), ("Claude Code", "claude-code"), ("claude", "claude-code")),
        *(("VSCode", "vscode"), ("code", "vscode"), ("xyz", "")),
    ],
)
def test_a_name_that_is_unknown_leads_to_the_nearest(name: str, similar: str) -> None:
    with pytest.raises(ValidationError) as refused:
        client_named(name)
    assert refused.value.code == "E329"
    assert refused.value.context["near"] == (similar and f" (did you mean {similar}?)")


def test_a_guide_is_written_whole_or_not_at_all() -> None:
    clients = FakeClients(texts={"AGENTS.md": "# Mine\n", ".gemini/commands/cde.toml": "other"})
    with pytest.raises(ValueError, match=r"another command"):
        WriteGuide(clients_named=["gemini"])(clients=clients)
    assert clients.written == []

    reply = WriteGuide(clients_named=["codex", "claude-code"])(clients=clients)

    assert [(each["path"], each["outcome"]) for each in reply["files"]] == [
        ("AGENTS.md", "written"),
        (".claude/commands/cde.md", "written"),
    ]


def test_hooks_are_for_the_clients_that_have_such() -> None:
    clients = FakeClients()
    reply = WriteHooks(clients_named=["cursor", "codex"])(clients=clients)
    assert reply["files"] == [{"path": ".codex/hooks.json", "outcome": "written"}]
    with pytest.raises(ValidationError) as refused:
        WriteHooks(clients_named=["cursor"])(clients=clients)
    assert refused.value.code == "E332"
