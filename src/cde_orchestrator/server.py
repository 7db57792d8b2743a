"""The MCP server, assembled: what it offers, and transports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp  # which the SDK imports anyway

from cde_orchestrator import __version__
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.observability.logs.setup import keep_lost_lines, keep_tending
from cde_orchestrator.infrastructure.observability.tracing import below, start_tracing
from cde_orchestrator.infrastructure.system.gc_tuning import tune_garbage_collector
from cde_orchestrator.infrastructure.system.installation import home_page
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.mcp_tools import alerts, completions, errors, resources
from cde_orchestrator.mcp_tools._calls import LoggedRequests
from cde_orchestrator.mcp_tools.introduction import (
    CACHE_HINTS,
    CORE_INSTRUCTIONS,
    DESCRIPTION,
    ICONS,
    INSTRUCTIONS,
)
from cde_orchestrator.mcp_tools.subscriptions import ResourceSubscriptions
from cde_orchestrator.orchestrator_server import GRACE_SECONDS, OrchestratorServer
from cde_orchestrator.served_project import ServedProject

if TYPE_CHECKING:
    from cde_orchestrator.web.http_side import HttpSide
    from cde_orchestrator.web.live import EndingServer, LiveChanges

CONNECTION_SECONDS = 1
"""How long connections have to finish when the server is asked to end, which takes 3 seconds."""

WATCH_AFTER_SECONDS = 2.0
"""After which a server begins to watch: its first answers come sooner without."""

log = get_logger(__name__)


def build_server(served: ServedProject, *, core: bool = False) -> OrchestratorServer:
    """The server for a project, ready to run on any transport; ``core`` as of the server."""
    subscriptions = ResourceSubscriptions()
    server = OrchestratorServer(
        served,
        core=core,
        subscriptions=subscriptions,
        title="CDE Orchestrator",
        description=DESCRIPTION,
        icons=ICONS,
        website_url=home_page(),
        instructions=CORE_INSTRUCTIONS if core else INSTRUCTIONS,
        cache_hints=CACHE_HINTS,
        version=__version__,
        log_level="WARNING",
    )
    server.middleware.append(LoggedRequests(served.end_call))
    errors.register_resource(server)
    alerts.register(server, served)
    resources.register(server, served)
    subscriptions.serve(server, served)
    completions.register(server, served)
    return server


def build_app(
    served: ServedProject,
    *,
    host: str,
    address: str,
    token: str | None,
    allowed: Sequence[str] = (),
    key: ServerKey | None = None,
    live: LiveChanges | None = None,
    tools: bool = True,
    core: bool = False,
    read_only: bool = False,
    server: OrchestratorServer | None = None,
) -> ASGIApp:
    """MCP at ``/mcp`` and everything else that is served over HTTP, guarded.

    Args:
        served: the project served.
        host: the name that the server was asked to listen on.
        address: the numeric address that it is bound to.
        token: what every request must bear; None for no token.
        allowed: further names by which the server may be asked.
        key: what commands of the same user know the server by.
        live: notifies the dashboard's pages of what changed.
        tools: whether MCP is served there.
        core: as of ``OrchestratorServer``.
        read_only: as of ``HttpSide``; the tools are not meant by it.
        server: what is served there, where it offers more than the product does.
    """
    from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.applications import Starlette
    from starlette.routing import Route

    from cde_orchestrator.mcp_tools.resumable import ResumableSessions
    from cde_orchestrator.mcp_tools.sdk import protocol_server
    from cde_orchestrator.web import calls, guards, routes

    key = key or ServerKey()
    if tools:
        server = server or build_server(served, core=core)
        server.add_tools()  # the transport reads their schemas by itself
        # Names are checked for every path, around all of it.
        unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        sessions = ResumableSessions(protocol_server(server), unchecked)
        mcp = Route("/mcp", endpoint=StreamableHTTPASGIApp(sessions))
        app = Starlette(routes=[mcp], lifespan=lambda _: sessions.run())
    else:
        app = Starlette()
    app.router.routes.extend(routes.all_routes(served, live, key, read_only=read_only))
    app.add_exception_handler(405, routes.not_served)
    names = guards.names_of(host, address, allowed)
    return calls.LoggedRequests(guards.guarded(app, names, token, key), served.end_call)


def run_stdio(
    root: Path, *, pinned: bool, pages: HttpSide | None = None, core: bool = False
) -> None:
    """Serve the project over standard input and output until the input ends.

    With ``pages``, everything that is served over HTTP but MCP is served there meanwhile.
    """
    with _serving(root, pinned=pinned) as served:
        server = build_server(served, core=core)
        with nullcontext() if pages is None else _serving_pages(served, pages):
            server.run("stdio")


def run_http(
    root: Path,
    *,
    pinned: bool,
    at: HttpSide,
    asked_to_end: Callable[[], bool] = bool,
    core: bool = False,
) -> None:
    """Serve the project over streamable HTTP at ``/mcp`` until the process is asked to end.

    ``asked_to_end`` is whether it was before the server itself listens to signals.
    """
    with _serving(root, pinned=pinned) as served:
        server = _http_server(served, at, asked_to_end, tools=True, core=core)
        with _announced(root, at):
            server.run(sockets=[at.listener])


@contextmanager
def _serving_pages(served: ServedProject, at: HttpSide) -> Iterator[None]:
    """Serve pages and probes from a thread of their own."""
    server = _http_server(served, at, tools=False)
    thread = Thread(target=server.run, args=([at.listener],), name="cde-http", daemon=True)
    thread.start()
    try:
        with _announced(served.application.root, at):
            yield
    finally:
        server.should_exit = True
        thread.join(GRACE_SECONDS)


def _announced(root: Path, at: HttpSide) -> AbstractContextManager[None]:
    """Let ``cde dashboard`` find the server, unless nobody can act on its pages."""
    from cde_orchestrator.adapters.runners.server_file import announced

    return nullcontext() if at.read_only else announced(root, at.host, at.port, at.key)


def _http_server(
    served: ServedProject, at: HttpSide, asked_to_end: Callable[[], bool] = bool, **offer: bool
) -> EndingServer:
    import uvicorn

    from cde_orchestrator.web.connections import BACKLOG, BoundedConnection
    from cde_orchestrator.web.live import EndingServer, LiveChanges

    live = LiveChanges()
    where: dict[str, Any] = {"host": at.host, "address": at.address, "allowed": at.allowed}
    where |= {**offer, "read_only": at.read_only}
    app = build_app(served, **where, token=at.token, key=at.key, live=live)
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        ws="none",
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=CONNECTION_SECONDS,
    )
    server = EndingServer(config, live, asked_to_end)
    # A connection that is cut because the server was asked to end is no error.
    logging.getLogger("uvicorn.error").addFilter(lambda _: not server.should_exit)
    return server


@contextmanager
def _serving(root: Path, *, pinned: bool) -> Iterator[ServedProject]:
    tune_garbage_collector()
    served = ServedProject(root, pinned=pinned)
    start_tracing(str(root))
    keep_lost_lines()
    tending = keep_tending()
    watching = Timer(WATCH_AFTER_SECONDS, served.watch)
    watching.daemon = True
    watching.start()
    log.info("server_started", path=str(root), pinned=pinned)
    call = call_context()
    try:
        with below(call.traceparent):
            yield served
    finally:
        watching.cancel()
        served.close()
        tending.set()
        log.info("server_stopped", duration_ms=call.watch.elapsed_ms)
