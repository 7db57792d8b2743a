"""Clients subscribe to resources, and are notified when one changes, whoever changed it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from contextvars import Context as Variables
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mcp.server import MCPServer
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    ResourceUpdated,
    ServerEvent,
)
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.mcp_tools import alerts
from cde_orchestrator.mcp_tools._boundary import Service
from cde_orchestrator.mcp_tools.sdk import connection_of, has_listeners, protocol_server

if TYPE_CHECKING:
    from cde_orchestrator.application.ports.health import AlertEvent

log = get_logger(__name__)

LOOK_SECONDS = 5.0
"""How often is checked for changes while a client is subscribed to anything."""
MOST = 100
"""Resources that are followed at once."""


class ResourceSubscriptions(InMemorySubscriptionBus):
    """Notifies subscribers of both generations of the protocol; checks only while there are any.

    Up to 2025-11-25 a session subscribes to a resource; from 2026-07-28 on it listens on a
    stream, which this is the source of. It asks instead of being notified, for the change may be
    another process's; what is cheap to ask, every time, and the rest where that is another one.

    Args:
        look_seconds: how often changes are checked for.
    """

    def __init__(self, look_seconds: float = LOOK_SECONDS) -> None:
        super().__init__()
        self._look_seconds = look_seconds
        self._sessions: WeakKeyDictionary[Connection, set[str]] = WeakKeyDictionary()
        self._streams: Counter[str] = Counter()
        self._seen: dict[str, str] = {}
        self._server: MCPServer[Any] | None = None
        self._service: Service | None = None
        self._looking: asyncio.Task[None] | None = None

    def serve(self, server: MCPServer[Any], service: Service) -> None:
        """Take subscriptions to the server's resources from now on."""
        self._server, self._service = server, service
        listen = ListenHandler(self)

        async def subscribed(
            context: ServerRequestContext[Any, Any], params: SubscribeRequestParams
        ) -> EmptyResult:
            self._require_room({params.uri})
            await self._require(params.uri, context)
            self._sessions.setdefault(connection_of(context), set()).add(params.uri)
            self._look()
            return EmptyResult()

        async def unsubscribed(
            context: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams
        ) -> EmptyResult:
            self._sessions.get(connection_of(context), set()).discard(params.uri)
            return EmptyResult()

        async def listening(
            context: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
        ) -> SubscriptionsListenResult:
            wanted = set(params.notifications.resource_subscriptions or ())
            self._require_room(wanted)
            for uri in wanted:
                await self._require(uri, context)
            self._streams.update(wanted)
            try:
                return await listen(context, params)
            finally:
                self._streams -= Counter(wanted)

        # The server has no way of its own for what the newest protocol has left behind.
        handlers = protocol_server(server)
        handlers.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribed)
        handlers.add_request_handler(
            "resources/unsubscribe", UnsubscribeRequestParams, unsubscribed
        )
        handlers.add_request_handler(
            "subscriptions/listen", SubscriptionsListenRequestParams, listening
        )

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Register a stream; what ends it."""
        end = super().subscribe(listener)
        self._look()
        return end

    @property
    def _followed(self) -> set[str]:
        return set().union(*self._sessions.values()) | set(+self._streams)

    def _require_room(self, wanted: set[str]) -> None:
        if len(self._followed | wanted) > MOST:
            raise MCPError(INVALID_PARAMS, f"At most {MOST} resources are followed at once")

    async def _require(self, uri: str, context: ServerRequestContext[Any, Any]) -> None:
        """Refuse a resource that cannot be read."""
        content = await self._digest(uri, Context(request_context=context, mcp_server=self._server))
        if uri not in self._followed:
            self._seen[uri] = content

    async def _digest(self, uri: str, context: Context[Any, Any] | None = None) -> str:
        if self._server is None:
            return ""
        contents = await self._server.read_resource(uri, context)
        text = "".join(str(each.content) for each in contents)  # type: ignore[union-attr]
        return hashlib.sha256(text.encode()).hexdigest()

    def _look(self) -> None:
        if self._looking is None or self._looking.done():
            looking = self._keep_looking(utc_now().isoformat())
            # On nobody's behalf: whoever subscribed does not work on what is looked at.
            self._looking = asyncio.get_running_loop().create_task(looking, context=Variables())

    async def _keep_looking(self, began: str) -> None:
        seen = [event for event in await self._newest() if event["at"] < began]
        mark = None
        while has_listeners(self) or self._followed:
            newest = await self._newest()
            if newest != seen:
                seen = newest
                await self._notify(alerts.URI)
            self._seen = {uri: self._seen.get(uri, "") for uri in self._followed}
            others = self._followed - {alerts.URI}
            before, mark = mark, await self._mark() if others else None
            for uri in others if mark != before else ():
                await self._compare(uri)
            await asyncio.sleep(self._look_seconds)

    async def _newest(self) -> list[AlertEvent]:
        if self._service is None:
            return []
        from cde_orchestrator.application.monitoring.alerts import WatchAlerts

        try:
            reply = await asyncio.to_thread(self._service.handle, WatchAlerts(limit=1))
        except CDEError:  # it was logged where it arose
            return []
        return reply["history"]

    async def _mark(self) -> str | None:
        """A word that is another one after a change of the project."""
        if self._service is None:
            return None
        from cde_orchestrator.application.monitoring.show_dashboard import GetPulse

        try:
            return (await asyncio.to_thread(self._service.handle, GetPulse()))["mark"]
        except CDEError:  # it was logged where it arose
            return None

    async def _compare(self, uri: str) -> None:
        try:
            content = await self._digest(uri)
        except (ResourceError, MCPError):  # it is gone, which is a change as well
            content = ""
        if self._seen.get(uri) != content:
            self._seen[uri] = content
            await self._notify(uri)

    async def _notify(self, uri: str) -> None:
        await self.publish(ResourceUpdated(uri=uri))
        for connection, uris in list(self._sessions.items()):
            if uri not in uris:
                continue
            try:
                await connection.send_resource_updated(uri)
            except Exception as error:  # noqa: BLE001 - whoever went away must not silence the rest
                self._sessions.pop(connection, None)
                log.info("alert_not_sent", notifier="session", reason=type(error).__name__)
