"""The command that serves agents and editors."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cde_orchestrator.cli.console.endable_input import EndableInput
from cde_orchestrator.cli.console.output import is_terminal, print_to_stderr, say_json
from cde_orchestrator.cli.console.wording import clean
from cde_orchestrator.cli.session.boundary import INTERRUPTED
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.session.help import examples
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError, ValidationError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.text import counted
from cde_orchestrator.infrastructure.observability.logs.setup import log_to_project
from cde_orchestrator.infrastructure.settings.settings import load_settings
from cde_orchestrator.infrastructure.system.file_ops import read_secret
from cde_orchestrator.infrastructure.system.gc_tuning import collections_paused
from cde_orchestrator.infrastructure.trust.person import terminal_problem

if TYPE_CHECKING:
    from cde_orchestrator.web.http_side import HttpSide

top_level = Commands()

DEFAULT_PORT = 8787
TOKEN_VARIABLE = "CDE_HTTP_TOKEN"  # noqa: S105 - where the token is, not the token
SHORTEST_TOKEN = 16
"""Characters of a bearer token at least; 16 random ones cannot be guessed over a network."""
_BACKLOG = 128
_LOOPBACK = ("127.", "::1")


class Transport(StrEnum):
    """How a client reaches the server."""

    STDIO = "stdio"
    HTTP = "http"


class Tools(StrEnum):
    """Which tools a client is offered."""

    ALL = "all"
    CORE = "core"


_TokenFile = Annotated[
    Path | None,
    typer.Option(
        help="Require the bearer token in this file of every http request, as the variable "
        f"{TOKEN_VARIABLE} does. Without either, a token is made, and its file is named.",
        readable=False,
    ),
]
_NoToken = Annotated[
    bool,
    typer.Option(
        "--no-token", help="Require no token: every program on this machine may do everything."
    ),
]
_AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A further host name that http requests may use, as behind a proxy. May be repeated.",
    ),
]


_ReadOnly = Annotated[
    bool,
    typer.Option(
        "--read-only",
        help="Let nobody change anything on the pages, as for a screen on the wall. "
        "MCP tools are not affected.",
    ),
]


@top_level.command(
    epilog=examples(
        "cde connect claude-code",
        "cde serve --transport http --port 8787",
        'CDE_HTTP_TOKEN="$(cat FILE)" cde connect codex --url http://127.0.0.1:8787',
    ),
)
def serve(
    call: Call,
    transport: Annotated[
        Transport,
        typer.Option(help="stdio: a client starts this command. http: clients connect to it."),
    ] = Transport.STDIO,
    host: Annotated[str, typer.Option(help="The address to listen on, for http.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65_535,
            help="The port, for http; 0 picks one for the project, or any free one if it is taken.",
        ),
    ] = DEFAULT_PORT,
    health_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="With stdio, also open /health, /metrics and /dashboard on this port; 0 picks a "
            "free one. With http they are on its own port.",
        ),
    ] = None,
    token_file: _TokenFile = None,
    no_token: _NoToken = False,
    allow_host: _AllowHost = None,
    read_only: _ReadOnly = False,
    tools: Annotated[
        Tools,
        typer.Option(help="core lists only the six tools of the loop, for clients that allow few."),
    ] = Tools.ALL,
) -> None:
    """Serve the project to AI agents and editors over MCP until the client or Ctrl-C ends it.

    With --json, http prints its address on standard output.
    """
    signal.signal(signal.SIGTERM, _ASKED_TO_END)
    load_settings(Path(os.devnull))  # no server begins in an environment that is not valid
    root = call.root
    log_to_project(root)
    pinned = call.project is not None
    core = tools is Tools.CORE
    is_http = transport is Transport.HTTP
    if not is_http and health_port is None:
        _serve_stdio(root, pinned=pinned, core=core)
        return
    allowed = tuple(allow_host or ())
    gate = _gate(token_file, allowed, no_token=no_token, read_only=read_only)
    offer = {"pinned": pinned, "core": core}
    if is_http:
        _serve_http(root, gate, offer, host=host, port=port, as_json=call.as_json)
    else:
        _serve_with_pages(root, gate, offer, host=host, port=health_port or 0)


def listening(host: str, port: int, project: Path = Path()) -> socket.socket:
    """A socket that listens on the address, for a project.

    Raises:
        CDESystemError: E901, the address cannot be had.
    """
    facts = {"host": host, "port": port, "project_path": str(project)}
    if not host:  # to the system it would mean every address there is
        raise CDESystemError.of("E901", reason="no host is named", **facts)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a host name"
        raise CDESystemError.of("E901", reason=reason, **facts) from error
    return listener


def bearer_token(file: Path | None) -> str | None:
    """The token that http requests must bear: of the file, else of the environment.

    Raises:
        CDESystemError: E924, it cannot be used.
    """
    if file is None and TOKEN_VARIABLE not in os.environ:
        return None
    source = TOKEN_VARIABLE if file is None else str(file)
    try:
        token = (os.environ[source] if file is None else read_secret(file).decode()).strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CDESystemError.of("E924", source=source, reason=reason) from error
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise CDESystemError.of("E924", source=source, reason="it is not one word of plain ASCII")
    if len(token) < SHORTEST_TOKEN:
        reason = (
            f"it has {counted(len(token), 'character')}, and at least {SHORTEST_TOKEN} are required"
        )
        raise CDESystemError.of("E924", source=source, reason=reason)
    return token


@dataclass(frozen=True)
class _Gate:
    """Who is let in over HTTP.

    Attributes:
        given: the token that a person gave.
        open: whether no token is asked for.
        allowed: further names of the server.
        read_only: whether nothing can be changed over its pages.
    """

    given: str | None
    open: bool
    allowed: tuple[str, ...]
    read_only: bool

    def side(self, root: Path, host: str, listener: socket.socket) -> tuple[HttpSide, Path | None]:
        """What is served there, and the file of the token that was made for it.

        Raises:
            CDESystemError: E936, a network reaches it and no token was given.
            StateError: E203, E204 or E205, the token that was made cannot be kept.
        """
        address = str(listener.getsockname()[0]).removeprefix("::ffff:")
        if self.given is None and not address.startswith(_LOOPBACK):
            raise CDESystemError.of("E936", host=host, address=address)
        from cde_orchestrator.adapters.runners.server_file import kept_token  # noqa: PLC0415

        with collections_paused():
            from cde_orchestrator.web.http_side import HttpSide  # noqa: PLC0415 - not for help

        token, file = (self.given, None) if self.given or self.open else kept_token(root)
        return HttpSide(host, listener, token, self.allowed, self.read_only), file


def _gate(file: Path | None, allowed: tuple[str, ...], *, no_token: bool, read_only: bool) -> _Gate:
    """What the options ask for.

    Raises:
        CDESystemError: E924, the token cannot be used.
        ValidationError: E305, both a token and none are asked for.
    """
    if no_token and file is not None:
        raise ValidationError.of("E305", argument="--no-token", reason="--token-file is given, too")
    return _Gate(None if no_token else bearer_token(file), no_token, allowed, read_only)


def _serve_http(
    root: Path, gate: _Gate, offer: Mapping[str, bool], *, host: str, port: int, as_json: bool
) -> None:
    with _listening_for(root, host, port) as listener:
        url = _address(host, listener)
        side, file = gate.side(root, host, listener)
        if as_json:
            port = listener.getsockname()[1]
            answer = {"url": f"{url}/mcp", "host": host, "port": port, "project": str(root)}
            say_json({**answer, "token_file": None if file is None else str(file)})
        _tell(f"CDE Orchestrator serves {root} at {url}/mcp (Ctrl-C ends)")
        _report_token(side, url, file)
        from cde_orchestrator.server import run_http  # noqa: PLC0415 - not for help

        run_http(root, at=side, asked_to_end=lambda: _ASKED_TO_END.is_so, **offer)


def _listening_for(root: Path, host: str, port: int) -> socket.socket:
    """As ``listening``; any free port is the project's usual one as long as nobody else has it."""
    if port == 0:
        from cde_orchestrator.adapters.runners.server_file import usual_port  # noqa: PLC0415

        with suppress(OSError, CDESystemError):
            return listening(host, usual_port(root), root)
    return listening(host, port, root)


def _serve_with_pages(
    root: Path, gate: _Gate, offer: Mapping[str, bool], *, host: str, port: int
) -> None:
    """Serve over stdio, and pages too; where they cannot be had, the tools go on without."""
    side: HttpSide | None = None
    with ExitStack() as listening_there:
        try:
            listener = listening_there.enter_context(listening(host, port, root))
            side, file = gate.side(root, host, listener)
        except CDEError as error:
            if error.code == "E936":
                raise
            listening_there.close()  # what nobody answers is not to be connected to
            # A client starts one server for each session, and only the first one gets the port.
            about = {"host": host, "port": port, "error_code": error.code, "reason": error.message}
            get_logger(__name__).warning("pages_not_served", **about)
            _tell(f"{error.message} The tools are served without the pages.")
        if side is not None:
            url = _address(host, listener)
            _tell(f"The health of {root} is at {url}/health, its pages at {url}/dashboard")
            _report_token(side, url, file)
        _serve_stdio(root, pages=side, **offer)


def _address(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _report_token(side: HttpSide, url: str, file: Path | None) -> None:
    if side.token is None:
        _tell("Every program and user of this machine is let in: no token is asked for.")
    if file is not None:
        _tell(f"Clients send the token that is in {file}: Authorization: Bearer TOKEN")
    if side.token is not None and is_terminal(sys.stderr):
        person = terminal_problem([sys.stdin, sys.stderr]) is None
        _tell(f"In a browser, once: {url}/dashboard#once={side.key.ticket(person=person)}")


class _AskedToEnd:
    """What a signal before the server runs does: it ends the process, and is remembered.

    Python drops an exception that is raised in a callback of the garbage collector, or while an
    object goes; then the server is not to run all the same.
    """

    is_so = False

    def __call__(self, _number: int, _frame: FrameType | None) -> NoReturn:
        self.is_so = True
        raise SystemExit(0)


_ASKED_TO_END = _AskedToEnd()


def _serve_stdio(root: Path, *, pinned: bool, core: bool, pages: HttpSide | None = None) -> None:
    if sys.stdin is None:
        return
    if sys.stdin.isatty():
        _tell(f"Waiting for an MCP client on standard input, for {root}. To connect: cde connect")
    with collections_paused():
        from cde_orchestrator.server import run_stdio  # noqa: PLC0415 - not for help

    if sys.platform == "win32":
        run_stdio(root, pinned=pinned, pages=pages, core=core)
        return
    received: list[int] = []
    with EndableInput() as standard_input:

        def end(number: int, _frame: FrameType | None) -> None:
            received.append(number)
            standard_input.end()
            # Whoever asks twice does not want to wait for what is still running.
            signal.signal(number, signal.SIG_DFL)

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        try:
            if not _ASKED_TO_END.is_so:
                run_stdio(root, pinned=pinned, pages=pages, core=core)
        finally:  # what ``end`` writes to is about to be closed
            signal.signal(signal.SIGTERM, _ASKED_TO_END)
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.SIGINT in received:
        raise SystemExit(INTERRUPTED)


def _tell(line: str) -> None:
    print_to_stderr(f"{clean(line)}\n")
