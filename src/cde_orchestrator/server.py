"""The MCP server, assembled: tools, their boundary, transports."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any, NoReturn

from anyio import CancelScope, move_on_after, to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CallToolResult, InputRequiredResult, TextContent, Tool
from starlette.types import ASGIApp  # which the SDK imports anyway

from cde_orchestrator import __version__
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError, ValidationError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.observability.correlation import call_context, calling
from cde_orchestrator.infrastructure.observability.logs.setup import keep_lost_lines, keep_tending
from cde_orchestrator.infrastructure.observability.operations import MCP_REQUEST
from cde_orchestrator.infrastructure.observability.tracing import below, start_tracing
from cde_orchestrator.infrastructure.system.cancellation import cancellable
from cde_orchestrator.infrastructure.system.gc_tuning import tune_garbage_collector
from cde_orchestrator.infrastructure.system.installation import unexpected
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.mcp_tools import alerts, errors
from cde_orchestrator.mcp_tools._answered_input import AnsweredInput
from cde_orchestrator.mcp_tools._boundary import as_cde_error, error_result, text_of
from cde_orchestrator.mcp_tools._calls import LoggedRequests
from cde_orchestrator.mcp_tools.introduction import CACHE_HINTS, DESCRIPTION, ICONS, INSTRUCTIONS
from cde_orchestrator.mcp_tools.sdk import input_schema, protocol_server
from cde_orchestrator.served_project import ServedProject

if TYPE_CHECKING:
    from cde_orchestrator.web.http_side import HttpSide
    from cde_orchestrator.web.live import EndingServer, LiveChanges

GRACE_SECONDS = 3
"""How long a change may take that is being written when its call is cancelled."""

CONNECTION_SECONDS = 1
"""How long connections have to finish when the server is asked to end, which takes 3 seconds."""

NOTICE_SECONDS = 5
"""After which an answer goes without what a person has to decide."""

WATCH_AFTER_SECONDS = 2.0
"""After which a server begins to watch: its first answers come sooner without."""

log = get_logger(__name__)


class OrchestratorServer(MCPServer[None]):
    """An MCP server whose every tool answers a failure with a code and fixes.

    Args:
        served: the project served.
        core: whether only the tools of the loop are listed; the others can be called, too, for
            errors and prompts name them.
        options: as of ``MCPServer``.
    """

    def __init__(self, served: ServedProject, *, core: bool = False, **options: Any) -> None:
        super().__init__("cde-orchestrator", **options)
        self._served = served
        self._core = core
        self._late: set[asyncio.Task[Any]] = set()
        self._has_tools = False

    def add_tools(self) -> None:
        """Import and add all tools, unless they are there; a session begins without them.

        Raises:
            CDESystemError: E931 or E999, the installation lacks something that they import.
        """
        if self._has_tools:
            return
        try:
            from cde_orchestrator.mcp_tools.all_tools import register_all

            register_all(self, self._served)
        except Exception as error:
            log.exception("tools_not_loaded")
            raise unexpected(error) from error
        self._has_tools = True

    async def list_tools(self) -> list[Tool]:
        """All tools, or those of the loop."""
        self.add_tools()
        from cde_orchestrator.mcp_tools.all_tools import core_of

        tools = await super().list_tools()
        return core_of(tools) if self._core else tools

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        context: Context[None, Any] | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """Run a tool; errors of the product are results, but for a tool that does not exist.

        Raises:
            MCPError: E309, with the error as its data.
        """
        try:
            self.add_tools()
            result = await self._in_time(name, self._stated(name, arguments), context)
        except (ToolError, CDEError) as raised:
            result = self._refusal(raised, name, arguments)
        if isinstance(result, CallToolResult):
            await self._add_notice(result)
        return result

    async def _add_notice(self, result: CallToolResult) -> None:
        """Add what a person has to decide about the project, unless its disk is very slow."""
        with move_on_after(NOTICE_SECONDS):
            words = await to_thread.run_sync(
                self._served.application.notice, abandon_on_cancel=True
            )
            if words is not None:
                result.content.insert(0, TextContent(type="text", text=words))
                result.structured_content = {"notice": words, **(result.structured_content or {})}

    async def get_prompt(self, name: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse: there are none, and the SDK takes an unknown one for a failure of ours."""
        raise MCPError(INVALID_PARAMS, f"Unknown prompt: {name}")

    async def run_stdio_async(self) -> None:
        """Serve over standard input and output; a call that is no JSON is answered, too."""
        async with stdio_server() as (incoming, outgoing):
            server = protocol_server(self)
            answered = AnsweredInput(incoming, outgoing, self._refuse_unreadable)
            await server.run(answered, outgoing, server.create_initialization_options())

    def _refuse_unreadable(self, name: str, reason: str) -> CallToolResult:
        with calling("mcp"):
            error = ValidationError.of("E305", argument="arguments", reason=reason)
            return self._refusal(error, name, {})

    def _refusal(
        self, raised: Exception, name: str, arguments: Mapping[str, Any]
    ) -> CallToolResult:
        about = {"method": "tools/call", "name": name}
        ended = self._served.end_call(MCP_REQUEST, as_cde_error(raised) or raised, about, arguments)
        return error_result(ended or CDESystemError.of("E999"), self._served.place)

    async def _in_time(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        """The tool's answer; what takes too long goes on, for no change is cut in half.

        Where the client cancels the call, what runs for it, a check or tests, is ended.

        Raises:
            CDESystemError: E923, there is no answer in time.
        """
        seconds = self._served.application.settings.call_timeout_seconds
        with cancellable() as cancellation:
            work = asyncio.create_task(super().call_tool(name, arguments, context))
        self._late.add(work)
        work.add_done_callback(self._late.discard)
        try:
            finished, _ = await asyncio.wait({work}, timeout=seconds)
        except asyncio.CancelledError:
            work.add_done_callback(_take_no_answer)
            if cancellation.cancel():
                with CancelScope(shield=True):
                    await asyncio.wait({work}, timeout=GRACE_SECONDS)
            raise
        if not finished:
            work.add_done_callback(_log_late_answer)
            raise CDESystemError.of("E923", tool=name, seconds=seconds)
        return work.result()

    def _stated(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that say something.

        Clients fill in those that they could omit, with null or an empty text; only a value of
        any kind may be an empty text.

        Raises:
            ValidationError: E305, there is no such argument.
            MCPError: E309, there is no such tool.
        """
        schema = input_schema(self, name)
        if schema is None:
            unknown = ValidationError.of("E309", tool=name)
            result = error_result(unknown, self._served.place)
            raise MCPError(INVALID_PARAMS, text_of(result), result.structured_content) from unknown
        known = schema.get("properties", {})
        for argument in arguments:
            if argument not in known:
                reason = f"the tool takes: {', '.join(known) or 'no arguments'}"
                raise ValidationError.of("E305", argument=argument, reason=reason)
        required = schema.get("required", [])

        def is_omitted(argument: str, value: Any) -> bool:
            kinds = known[argument]["type"]
            is_any = isinstance(kinds, list) and "string" in kinds
            return argument not in required and (value is None or (value == "" and not is_any))

        return {key: value for key, value in arguments.items() if not is_omitted(key, value)}


def build_server(served: ServedProject, *, core: bool = False) -> OrchestratorServer:
    """The server for a project, ready to run on any transport; ``core`` as of the server."""
    subscriptions = alerts.AlertSubscriptions()
    server = OrchestratorServer(
        served,
        core=core,
        subscriptions=subscriptions,
        title="CDE Orchestrator",
        description=DESCRIPTION,
        icons=ICONS,
        instructions=INSTRUCTIONS,
        cache_hints=CACHE_HINTS,
        version=__version__,
        log_level="WARNING",
    )
    server.middleware.append(LoggedRequests(served.end_call))
    errors.register_resource(server)
    alerts.register(server, served, subscriptions)
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
    """
    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.applications import Starlette

    from cde_orchestrator.web import calls, guards, routes

    key = key or ServerKey()
    if tools:
        server = build_server(served, core=core)
        server.add_tools()  # the transport reads their schemas by itself
        # Names are checked for every path, around all of it.
        unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        app = server.streamable_http_app(host=host, transport_security=unchecked)
    else:
        app = Starlette()
    app.router.routes.extend(routes.all_routes(served, live, key))
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
    from cde_orchestrator.adapters.runners.server_file import announced

    with _serving(root, pinned=pinned) as served:
        server = _http_server(served, at, asked_to_end, tools=True, core=core)
        with announced(root, at.host, at.port, at.key):
            server.run(sockets=[at.listener])


@contextmanager
def _serving_pages(served: ServedProject, at: HttpSide) -> Iterator[None]:
    """Serve pages and probes from a thread of their own."""
    from cde_orchestrator.adapters.runners.server_file import announced

    server = _http_server(served, at, tools=False)
    thread = Thread(target=server.run, args=([at.listener],), name="cde-http", daemon=True)
    thread.start()
    try:
        with announced(served.application.root, at.host, at.port, at.key):
            yield
    finally:
        server.should_exit = True
        thread.join(GRACE_SECONDS)


def _http_server(
    served: ServedProject, at: HttpSide, asked_to_end: Callable[[], bool] = bool, **offer: bool
) -> EndingServer:
    import uvicorn

    from cde_orchestrator.web.connections import BACKLOG, BoundedConnection
    from cde_orchestrator.web.live import EndingServer, LiveChanges

    live = LiveChanges()
    where: dict[str, Any] = {"host": at.host, "address": at.address, "allowed": at.allowed, **offer}
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


def _take_no_answer(work: asyncio.Task[Any]) -> None:
    """Nobody waits for it any more; how it ended is in the log of its operation."""
    if not work.cancelled():
        work.exception()


def _log_late_answer(work: asyncio.Task[Any]) -> None:
    failed = not work.cancelled() and work.exception() is not None
    log.warning("answer_came_late", cancelled=work.cancelled(), failed=failed)
