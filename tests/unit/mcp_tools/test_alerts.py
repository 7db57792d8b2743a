"""The alerts as a resource: read by a real client, which is told when one changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.types import ResourceUpdatedNotification, TextResourceContents

from cde_orchestrator.application.ports.health import AlertEvent
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore
from cde_orchestrator.mcp_tools import alerts
from cde_orchestrator.mcp_tools.alerts import URI
from cde_orchestrator.mcp_tools.subscriptions import ResourceSubscriptions
from cde_orchestrator.orchestrator_server import OrchestratorServer
from cde_orchestrator.served_project import ServedProject

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def connected(root: Path, **options: Any) -> AsyncIterator[Client]:
    """A client of a server that looks at the alerts all the time."""
    served, subscriptions = ServedProject(root, pinned=True), ResourceSubscriptions(0.01)
    served.handle(OnboardProject())
    server = OrchestratorServer(served, subscriptions=subscriptions)
    alerts.register(server, served)
    subscriptions.serve(server, served)
    async with Client(server, **options) as client:
        yield client
    served.close()


def fire_in_another_process(root: Path) -> None:
    event: AlertEvent = {
        "at": utc_now().isoformat(),
        "name": "read_only",
        "title": "The project is read-only",
        "severity": "critical",
        "state": "firing",
        "figure": 1.0,
        "message": "It is.",
    }
    AlertStore(TelemetryStore(root)).note([event])


async def test_the_alerts_can_be_read(tmp_path: Path) -> None:
    async with connected(tmp_path) as client:
        fire_in_another_process(tmp_path)

        result = await client.read_resource(URI)

    (content,) = result.contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    told = json.loads(content.text)
    assert len(told["alerts"]) == 9
    assert [each["state"] for each in told["history"]] == ["firing"]


async def test_who_listens_is_told_of_a_change(tmp_path: Path) -> None:
    async with (
        connected(tmp_path) as client,
        client.listen(resource_subscriptions=[URI]) as changes,
    ):
        fire_in_another_process(tmp_path)
        with anyio.fail_after(60):
            async for event in changes:
                assert getattr(event, "uri", None) == URI
                return


@pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")
async def test_who_subscribed_by_an_older_protocol_is_told_until_it_unsubscribes(
    tmp_path: Path,
) -> None:
    send, receive = anyio.create_memory_object_stream[Any](10)

    async def remember(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            await send.send(message.params.uri)

    with send, receive:
        async with connected(tmp_path, mode="legacy", message_handler=remember) as client:
            await client.subscribe_resource(URI)
            fire_in_another_process(tmp_path)
            with anyio.fail_after(60):
                assert str(await receive.receive()) == URI

            await client.unsubscribe_resource(URI)
            fire_in_another_process(tmp_path)
            await anyio.sleep(0.1)
        assert receive.statistics().current_buffer_used == 0
