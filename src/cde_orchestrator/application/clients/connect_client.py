"""Connect a client to cde: an entry in its configuration, proven by starting it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypedDict
from urllib.parse import urlsplit

from cde_orchestrator.application.ports.clients import ClientPrograms, PlannedFile
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.clients import (
    CLIENTS,
    TOKEN_VARIABLE,
    Client,
    Entry,
    Scope,
)
from cde_orchestrator.domain.exceptions import CDEError, ValidationError


class ClientReply(TypedDict):
    """What was done about a client.

    ``entry`` is what the product says in it; ``tools`` counts those of the server that it starts
    or reaches; ``kept`` names members of it that are a person's own; ``copy`` is the file with what
    was there before; ``steps`` are what a person still has to do.
    """

    client: str
    title: str
    scope: Scope
    path: str
    outcome: Literal["connected", "updated", "unchanged", "removed", "absent"]
    entry: dict[str, Any] | None
    tools: int | None
    kept: list[str]
    copy: str | None
    steps: list[str]


class ClientRow(TypedDict):
    """A client, whether it seems to be installed, and the files that have an entry for cde."""

    client: str
    title: str
    present: bool
    connected: dict[Scope, str]
    problem: str | None


class ClientsReply(TypedDict):
    """All clients that are known."""

    clients: list[ClientRow]


class SnippetReply(TypedDict):
    """An entry to be written by a person: the file, and what would be in it."""

    client: str
    title: str
    scope: Scope
    path: str
    snippet: str
    entry: dict[str, Any]


class ListClients(UseCase[ClientsReply], operation="list_clients", tolerant=True):
    """Show the clients: whether they are installed, and connected."""

    def __call__(self, *, clients: ClientPrograms) -> ClientsReply:
        """Raises nothing: what cannot be read is said of the client."""
        return {"clients": [_row(client, clients) for client in CLIENTS.values()]}


class ShowEntry(UseCase[SnippetReply], operation="show_client_entry", tolerant=True):
    """Show the entry of a client and the file that it belongs in; as of ``ConnectClient``."""

    name: str
    scope: Scope | None = None
    url: str | None = None

    def __call__(self, *, root: Path, clients: ClientPrograms) -> SnippetReply:
        """Raises E329 and E332."""
        client = client_named(self.name)
        scope = self.scope or client.scope
        entry = _entry(client, scope, self.url, root, clients)
        return {
            "client": client.name,
            "title": client.title,
            "scope": scope,
            "path": str(clients.path(client, scope)),
            "snippet": clients.snippet(client, entry),
            "entry": dict(entry),
        }


class ConnectClient(UseCase[ClientReply], operation="connect_client", tolerant=True):
    """Write the entry of a client, once it was started as it will be and has listed its tools.

    Attributes:
        name: the client.
        scope: which of its files; the one that works at once when None.
        url: of a server that runs, to be reached in place of one that the client starts.
    """

    name: str
    scope: Scope | None = None
    url: str | None = None

    def __call__(self, *, root: Path, clients: ClientPrograms) -> ClientReply:
        """Raises E329 to E332."""
        client = client_named(self.name)
        scope = self.scope or client.scope
        before = clients.entry(client, scope)
        wanted = _entry(client, scope, self.url, root, clients)
        planned = clients.connected(client, scope, wanted)
        entry = planned.entry or wanted
        tools = clients.count_tools(client, scope, entry)
        reply = _reply(client, scope, planned, clients)
        if planned.after != planned.before:
            reply["outcome"] = "connected" if before is None else "updated"
        steps = [client.steps[scope]] if scope in client.steps else []
        if self.url is not None:
            steps.insert(0, f"set {TOKEN_VARIABLE} where {client.title} is started")
        others = {**_row(client, clients)["connected"]}
        others.pop(scope, None)
        steps += [f"{path} has an entry too; one is enough" for path in others.values()]
        return {**reply, "tools": tools, "steps": steps}


class DisconnectClient(UseCase[ClientReply], operation="disconnect_client", tolerant=True):
    """Remove the entry of a client, and nothing else; fields as of ``ConnectClient``."""

    name: str
    scope: Scope | None = None

    def __call__(self, *, clients: ClientPrograms) -> ClientReply:
        """Raises E329, E330 and E332."""
        client = client_named(self.name)
        scope = self.scope or client.scope
        planned = clients.disconnected(client, scope)
        reply = _reply(client, scope, planned, clients)
        if planned.after != planned.before:
            return {**reply, "outcome": "removed"}
        places = _row(client, clients)["connected"]
        others = [f"{path} has one: --scope {other}" for other, path in places.items()]
        return {**reply, "outcome": "absent", "steps": others}


def client_named(name: str) -> Client:
    """The client of that name.

    Raises:
        ValidationError: E329, there is none.
    """
    if name in CLIENTS:
        return CLIENTS[name]
    titles = {client.title.lower(): client.name for client in CLIENTS.values()}
    programs = {each: client.name for client in CLIENTS.values() for each in client.programs}
    known = {**titles, **programs, **{each: each for each in CLIENTS}}
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    near = f" (did you mean {known[close[0]]}?)" if close else ""
    raise ValidationError.of("E329", client=name, near=near, clients=", ".join(CLIENTS))


def _entry(
    client: Client, scope: Scope, url: str | None, root: Path, clients: ClientPrograms
) -> Entry:
    clients.path(client, scope)
    if url is not None:
        return client.reaching(_address(client, url))
    return client.starting(client.words(clients.command(scope), str(root)))


def _address(client: Client, url: str) -> str:
    """The URL of the server's MCP endpoint; E332 where it cannot be used."""
    if client.address is None:
        raise _refusal(client.title, "its file has no entry for a server at a URL")
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        is_usable = is_usable and (parts.port is None or parts.port > 0)
    except ValueError:
        is_usable = False
    if not is_usable or parts.username is not None:
        raise _refusal(
            client.title, f"'{url}' is not the URL of a server, as http://127.0.0.1:8787"
        )
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/mcp"


def _refusal(title: str, reason: str) -> CDEError:
    return ValidationError.of("E332", client=title, reason=reason)


def _reply(
    client: Client, scope: Scope, planned: PlannedFile, clients: ClientPrograms
) -> ClientReply:
    """What is done about a client, once it is done."""
    copy = clients.write(planned)
    entry: Mapping[str, Any] = planned.entry or {}
    return {
        "client": client.name,
        "title": client.title,
        "scope": scope,
        "path": str(planned.path),
        "outcome": "unchanged",
        # What a person added may be secret.
        "entry": {key: entry[key] for key in entry if key in client.own_keys} or None,
        "tools": None,
        "kept": sorted({*entry} - client.own_keys),
        "copy": None if copy is None else str(copy),
        "steps": [],
    }


def _row(client: Client, clients: ClientPrograms) -> ClientRow:
    connected: dict[Scope, str] = {}
    problem = None
    scopes: tuple[Scope, ...] = ("user", "project") if client.project else ("user",)
    for scope in scopes:
        try:
            entry = clients.entry(client, scope)
            if entry is not None:
                connected[scope] = str(clients.path(client, scope))
        except ValidationError as error:
            problem = problem or error.message
    return {
        "client": client.name,
        "title": client.title,
        "present": clients.is_present(client),
        "connected": connected,
        "problem": problem,
    }
