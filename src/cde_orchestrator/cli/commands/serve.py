"""The command that serves agents and editors."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from cde_orchestrator.cli.console.endable_input import EndableInput
from cde_orchestrator.cli.console.output import print_to_stderr, say_json
from cde_orchestrator.cli.console.wording import clean
from cde_orchestrator.cli.session.boundary import INTERRUPTED
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.session.help import examples
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.observability.logs.setup import log_to_project
from cde_orchestrator.infrastructure.settings.settings import load_settings
from cde_orchestrator.infrastructure.system.file_ops import read_secret
from cde_orchestrator.infrastructure.system.gc_tuning import collections_paused

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


_IN_FILES = r"""
[dim]In ~/.codex/config.toml of Codex, once for all projects[/dim]
  \[mcp_servers.cde]
  command = "cde"
  args = ["serve"]
  required = true
[dim]In .cursor/mcp.json of Cursor[/dim]
  {"mcpServers": {"cde": {"command": "cde", "args": ["serve"]}}}
[dim]In .vscode/mcp.json of VS Code[/dim]
  {"servers": {"cde": {"type": "stdio", "command": "cde", "args": ["serve"]}}}"""


@top_level.command(
    epilog=examples(
        "claude mcp add cde -- cde serve",
        "gemini mcp add --scope user cde cde serve",
        "cde serve --transport http --port 0",
    )
    + _IN_FILES,
)
def serve(
    call: Call,
    transport: Annotated[
        Transport,
        typer.Option(help="stdio: a client starts this command. http: clients connect to it."),
    ] = Transport.STDIO,
    host: Annotated[str, typer.Option(help="The address to listen on, for http.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="The port, for http; 0 picks a free one.")
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
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="Require the bearer token in this file on every http request. "
            f"The variable {TOKEN_VARIABLE} does the same.",
            readable=False,
        ),
    ] = None,
) -> None:
    """Serve the project to AI agents and editors over MCP until the client or Ctrl-C ends it.

    With --json, http prints its address on standard output.
    """
    signal.signal(signal.SIGTERM, _end)
    load_settings(Path(os.devnull))  # no server begins in an environment that is not valid
    root = call.root
    log_to_project(root)
    pinned = call.project is not None
    if transport is Transport.HTTP:
        token = bearer_token(token_file)
        _serve_http(root, token, pinned=pinned, host=host, port=port, as_json=call.as_json)
    elif health_port is None:
        _serve_stdio(root, pinned=pinned)
    else:
        _serve_with_pages(root, token_file, pinned=pinned, host=host, port=health_port)


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
        reason = f"it has {len(token)} characters, and at least {SHORTEST_TOKEN} are required"
        raise CDESystemError.of("E924", source=source, reason=reason)
    return token


def _serve_http(
    root: Path, token: str | None, *, pinned: bool, host: str, port: int, as_json: bool
) -> None:
    with listening(host, port, root) as listener:
        url = f"{_address(host, listener)}/mcp"
        if as_json:
            port = listener.getsockname()[1]
            say_json({"url": url, "host": host, "port": port, "project": str(root)})
        _tell(f"CDE Orchestrator serves {root} at {url} (Ctrl-C ends)")
        _warn_of_network(listener, token, "change the project")
        with collections_paused():
            from cde_orchestrator.server import HttpSide, run_http  # noqa: PLC0415 - not for help

        run_http(root, pinned=pinned, at=HttpSide(host, listener, token))


def _serve_with_pages(
    root: Path, token_file: Path | None, *, pinned: bool, host: str, port: int
) -> None:
    """Serve over stdio, and pages too; where they cannot be had, the tools go on without."""
    token = bearer_token(token_file)
    try:
        listener = listening(host, port, root)
    except CDESystemError as error:
        # A client starts one server for each session, and only the first one gets the port.
        about = {"host": host, "port": port, "error_code": error.code, "reason": error.message}
        get_logger(__name__).warning("pages_not_served", **about)
        _tell(f"{error.message} The tools are served without the pages.")
        _serve_stdio(root, pinned=pinned)
        return
    with listener:
        url = _address(host, listener)
        _tell(f"The health of {root} is at {url}/health, its pages at {url}/dashboard")
        _warn_of_network(listener, token, "see what happens in the project")
        _serve_stdio(root, pinned=pinned, pages=(host, listener, token))


def _address(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _warn_of_network(listener: socket.socket, token: str | None, can: str) -> None:
    if token is None and not listener.getsockname()[0].startswith(_LOOPBACK):
        _tell(
            f"Anyone who reaches this address can {can}: no token is required. "
            "Use --token-file to require one."
        )


def _serve_stdio(
    root: Path, *, pinned: bool, pages: tuple[str, socket.socket, str | None] | None = None
) -> None:
    if sys.stdin is None:
        return
    if sys.stdin.isatty():
        command = f"claude mcp add cde -- cde serve --project {shlex.quote(str(root))}"
        _tell(f"Waiting for an MCP client on standard input. To connect one: {command}")
    with collections_paused():
        from cde_orchestrator.server import HttpSide, run_stdio  # noqa: PLC0415 - not for help

    side = None if pages is None else HttpSide(*pages)
    if sys.platform == "win32":
        run_stdio(root, pinned=pinned, pages=side)
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
            run_stdio(root, pinned=pinned, pages=side)
        finally:  # what ``end`` writes to is about to be closed
            signal.signal(signal.SIGTERM, _end)
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.SIGINT in received:
        raise SystemExit(INTERRUPTED)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _tell(line: str) -> None:
    print_to_stderr(f"{clean(line)}\n")
