"""The command that connects the programs that agents run in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias, TypedDict

import typer

from cde_orchestrator.application.clients.connect_client import (
    ClientReply,
    ConnectClient,
    DisconnectClient,
    ListClients,
    ShowEntry,
    client_named,
)
from cde_orchestrator.application.clients.write_guide import GuideFile, GuideReply, WriteGuide
from cde_orchestrator.application.clients.write_hooks import WriteHooks
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.cli.console.output import show
from cde_orchestrator.cli.session.boundary import FINDINGS
from cde_orchestrator.cli.session.call import Call, Commands, confirmed
from cde_orchestrator.cli.views.connect import client_list, done_about, snippets, to_connect
from cde_orchestrator.domain.client_guide import AGENTS_FILE
from cde_orchestrator.domain.clients import CLIENTS, Client, Scope
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.infrastructure.system.project_path import require_narrow
from cde_orchestrator.infrastructure.trust.person import agent_at_work, terminal_problem

top_level = Commands()

_NOT_THIS_WAY = "E332"
SCOPES: dict[str, Scope] = {"user": "user", "project": "project"}


def _scope_named(text: str) -> Any:
    if text not in SCOPES:
        raise typer.BadParameter("it is user or project", param_hint="--scope")
    return SCOPES[text]


class ClientFailure(TypedDict):
    """A client that was not connected, and why."""

    client: str
    title: str
    outcome: Literal["failed", "skipped"]
    error: dict[str, Any]


class ConnectReply(TypedDict):
    """What was done, by client, and the files that explain the phases to agents."""

    clients: list[ClientReply | ClientFailure]
    guide: list[GuideFile]


def _client_names(incomplete: str) -> list[str]:
    return [name for name in CLIENTS if name.startswith(incomplete)]


NamesArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CLIENT", help="Clients, as cde connect lists them.", autocompletion=_client_names
    ),
]
ScopeOption: TypeAlias = Annotated[
    Any,
    typer.Option(
        metavar="user|project",
        parser=_scope_named,
        help="Your own file, or one in the repository. Default: what works at once.",
    ),
]
UrlOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Reach a running server at this URL, with the token in CDE_HTTP_TOKEN."),
]

GuideOption: TypeAlias = Annotated[
    bool, typer.Option("--guide", help="Explain cde in AGENTS.md too, and add the command /cde.")
]
HooksOption: TypeAlias = Annotated[
    bool, typer.Option("--hooks", help="Let hooks of the client keep agents to their phases.")
]


@top_level.command("cde connect", "cde connect codex cursor", "cde connect vscode --print")
def connect(
    call: Call,
    names: NamesArgument = None,
    every: Annotated[
        bool, typer.Option("--all", help="All clients that are installed here.")
    ] = False,
    scope: ScopeOption = None,
    url: UrlOption = None,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the file's name and the entry; change nothing.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the entry, and nothing else.")
    ] = False,
    guide: GuideOption = False,
    hooks: HooksOption = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Change the files without a terminal.")
    ] = False,
) -> None:
    """Connect the programs that agents run in; without names, show which are connected.

    Writes an entry into the client's configuration, after starting it and listing its tools.
    The rest of the file stays as it is.
    """
    if names and every:
        raise typer.BadParameter("give names or --all")
    if only_print and (guide or hooks):
        hint = "--guide" if guide else "--hooks"
        raise typer.BadParameter("it cannot be combined with --print", param_hint=hint)
    if remove and (only_print or url is not None):
        raise typer.BadParameter(
            "it cannot be combined with --print or --url", param_hint="--remove"
        )
    chosen = [client_named(name) for name in dict.fromkeys(names or [])]
    if not (chosen or every or guide):
        if scope or url or only_print or remove or hooks:
            raise typer.BadParameter("name a client, or give --all")
        call.answer(ListClients(), client_list)
        return
    with call.application() as application:
        if every:
            chosen = _installed(application)
        if only_print:
            _print(call, application, chosen, _Asked(scope, url, every=every))
            return
        _require_person(chosen, yes=yes)
        asked = _Asked(scope, url, remove=remove, every=every)
        reply = _changed(call, application, chosen, asked)
        if guide or hooks:
            _require_project(call, application)
            reply["guide"] = _in_project(application, chosen, guide, hooks, remove=remove)
    call.say(reply, done_about)
    if any(each["outcome"] == "failed" for each in reply["clients"]):
        raise typer.Exit(FINDINGS)


def _in_project(
    application: Application, chosen: Sequence[Client], guide: bool, hooks: bool, *, remove: bool
) -> list[GuideFile]:
    """Write, or remove, what explains the phases to agents and what keeps them to these."""
    names = [each.name for each in chosen]
    wanted: list[UseCase[GuideReply]] = []
    if guide:
        wanted.append(WriteGuide(clients_named=names, remove=remove))
    if hooks:
        wanted.append(WriteHooks(clients_named=names, remove=remove))
    return [file for each in wanted for file in application.handle(each)["files"]]


def offer(call: Call) -> None:
    """Ask a person at a terminal whether to connect the clients that are installed."""
    if terminal_problem([sys.stdin, sys.stderr]) is not None:
        return
    with call.application() as application:
        listed = application.handle(ListClients())["clients"]
        new = [
            application.handle(ShowEntry(name=row["client"]))
            for row in listed
            if row["present"] and not (row["connected"] or row["problem"])
        ]
        if not new:
            return
        show(to_connect(new), on_stderr=True)
        with suppress(typer.Abort):  # who gives no answer has a project that is set up
            if confirmed("Connect them to cde?", err=True):
                chosen = [CLIENTS[each["client"]] for each in new]
                reply = _changed(call, application, chosen, _Asked(every=True))
                call.remark(partial(done_about, reply))


def _installed(application: Application) -> list[Client]:
    """The clients that are there; E332 where there are none."""
    listed = application.handle(ListClients())["clients"]
    found = [CLIENTS[row["client"]] for row in listed if row["present"]]
    if not found:
        raise _refusal("No client", "none of those that cde knows is installed here")
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be done about each client; ``every``: about all that are installed."""

    scope: Scope | None = None
    url: str | None = None
    remove: bool = False
    every: bool = False


def _print(call: Call, application: Application, chosen: Sequence[Client], asked: _Asked) -> None:
    """Print the entries, and change nothing."""
    shown = []
    for each in chosen:
        try:
            entry = ShowEntry(name=each.name, scope=asked.scope, url=asked.url)
            shown.append(application.handle(entry))
        except CDEError as error:
            if not (asked.every and error.code == _NOT_THIS_WAY):
                raise
    call.say({"clients": shown}, snippets)


def _changed(
    call: Call, application: Application, chosen: Sequence[Client], asked: _Asked
) -> ConnectReply:
    """Connect or disconnect each; one that fails is no reason to stop, unless it is the only."""
    rows: list[ClientReply | ClientFailure] = []
    for each in chosen:
        use_case = (
            DisconnectClient(name=each.name, scope=asked.scope)
            if asked.remove
            else ConnectClient(name=each.name, scope=asked.scope, url=asked.url)
        )
        try:
            if (asked.scope or each.scope) == "project":
                _require_project(call, application)
            rows.append(application.handle(use_case))
        except CDEError as error:
            if len(chosen) == 1 and not asked.every:
                raise
            is_skipped = asked.every and error.code == _NOT_THIS_WAY
            failure: ClientFailure = {
                "client": each.name,
                "title": each.title,
                "outcome": "skipped" if is_skipped else "failed",
                "error": dict(ErrorFormatter.payload(error)),
            }
            rows.append(failure)
    return {"clients": rows, "guide": []}


def _require_project(call: Call, application: Application) -> None:
    """Refuse to write into a folder that is only viewed, or that holds all projects.

    Raises:
        ValidationError: E305, nobody named the folder; E325 to E327.
    """
    application.require_trusted()
    if call.project is None:
        require_narrow(application.root)


def _require_person(chosen: Sequence[Client], *, yes: bool) -> None:
    """Refuse to change what starts programs for anybody but a person.

    Raises:
        ValidationError: E332, an agent calls, or nobody is there and ``--yes`` was not given.
    """
    titles = ", ".join(each.title for each in chosen) or AGENTS_FILE
    if (reason := agent_at_work()) is not None:
        raise _refusal(titles, f"only a person connects clients, and {reason}")
    problem = terminal_problem([sys.stdin])
    if problem is not None and not yes:
        raise _refusal(titles, f"{problem}, and --yes was not given")


def _refusal(title: str, reason: str) -> CDEError:
    return ValidationError.of(_NOT_THIS_WAY, client=title, reason=reason)
