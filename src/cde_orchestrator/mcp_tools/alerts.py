"""The alerts as a resource; whoever subscribes to it is notified when one changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from mcp.server import MCPServer
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated, ServerEvent
from mcp.types import EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.mcp_tools._boundary import Service
from cde_orchestrator.mcp_tools.sdk import connection_of, has_listeners, protocol_server

if TYPE_CHECKING:
    from cde_orchestrator.application.ports.health import AlertEvent

log = get_logger(__name__)

URI = "cde://alerts"
LOOK_SECONDS = 5.0
"""How often the alerts are checked while a client is subscribed to anything."""


class AlertSubscriptions(InMemorySubscriptionBus):
    """Tells subscribers of both generations of the protocol, and looks only while there are any.

    Up to 2025-11-25 a session subscribes to a resource; from 2026-07-28 on it listens on a
    stream, which this is the source of. It asks instead of being notified, for the change may be
    another process's.

    Args:
        look_seconds: how often the alerts are looked at.
    """

    def __init__(self, look_seconds: float = LOOK_SECONDS) -> None:
        super().__init__()
        self._look_seconds = look_seconds
        self._connections: WeakSet[Connection] = WeakSet()
        self._service: Service | None = None
        self._looking: asyncio.Task[None] | None = None

    def serve(self, server: MCPServer, service: Service) -> None:
        """Take subscriptions of the server's sessions from now on."""
        self._service = service

        async def subscribed(
            context: ServerRequestContext[Any, Any], params: SubscribeRequestParams
        ) -> EmptyResult:
            if params.uri == URI:
                self._connections.add(connection_of(context))
                self._look()
            return EmptyResult()

        async def unsubscribed(
            context: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams
        ) -> EmptyResult:
            if params.uri == URI:
                self._connections.discard(connection_of(context))
            return EmptyResult()

        # The server has no way of its own for what the newest protocol has left behind.
        handlers = protocol_server(server)
        handlers.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribed)
        handlers.add_request_handler(
            "resources/unsubscribe", UnsubscribeRequestParams, unsubscribed
        )

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Register a stream; what ends it."""
        end = super().subscribe(listener)
        self._look()
        return end

    def _look(self) -> None:
        if self._looking is None or self._looking.done():
            looking = self._keep_looking(utc_now().isoformat())
            self._looking = asyncio.get_running_loop().create_task(looking)

    async def _keep_looking(self, began: str) -> None:
        seen = [event for event in await self._newest() if event["at"] < began]
        while has_listeners(self) or len(self._connections):
            newest = await self._newest()
            if newest != seen:
                seen = newest
                await self._tell()
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

    async def _tell(self) -> None:
        await self.publish(ResourceUpdated(uri=URI))
        for connection in list(self._connections):
            try:
                await connection.send_resource_updated(URI)
            except Exception as error:  # noqa: BLE001 - whoever went away must not silence the rest
                self._connections.discard(connection)
                log.info("alert_not_sent", notifier="session", reason=type(error).__name__)


def register(server: MCPServer, service: Service, subscriptions: AlertSubscriptions) -> None:
    """Add the resource, and subscriptions to it, to the server."""

    @server.resource(
        URI,
        name="alerts",
        title="Alerts",
        description="Every alert with its state, and the alert history; can be subscribed to.",
        mime_type="application/json",
    )
    def alerts() -> str:
        from cde_orchestrator.application.monitoring.alerts import ListAlerts

        return json.dumps(service.handle(ListAlerts()), indent=2)

    subscriptions.serve(server, service)
