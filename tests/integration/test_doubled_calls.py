"""A client that sends a call twice without a key gets one answer, and nothing is done twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client

from cde_orchestrator.bootstrap import Application
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.project_ports import ProjectPorts
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from cde_orchestrator.testing import ManualClock
from tests.integration.mcp_client import Agent

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def agent_on(project: Path) -> AsyncIterator[Agent]:
    """An agent on a server for which no time passes: calls are doubled for a moment only."""
    clock = ManualClock(utc_now())

    def without_time(*world: Any) -> ProjectPorts:
        ports = ProjectPorts(*world)
        ports.clock = clock
        return ports

    served = ServedProject(project, pinned=True)
    served.application = Application(project, without_time)
    with closing(served):
        async with Client(build_server(served)) as client:
            yield Agent(client)


async def twice(agent: Agent, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    """The answers to a call that was sent twice, without waiting in between."""
    answers: list[dict[str, Any]] = []

    async def call() -> None:
        answers.append(await agent.call(tool, **arguments))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        tasks.start_soon(call)
    return answers


async def test_a_doubled_start_is_one_feature(project: Path) -> None:
    async with agent_on(project) as agent:
        first, second = await twice(agent, "cde_startFeature", prompt="Add login")
        assert first == second
        assert (await agent.call("cde_listFeatures"))["total"] == 1


async def test_another_name_or_goal_or_key_is_another_feature(project: Path) -> None:
    async with agent_on(project) as agent:
        for more in (
            {"prompt": "Add login"},
            {"prompt": "Add login", "name": "second"},
            {"prompt": "Add login", "workflow": "quick-fix"},
            {"prompt": "Add logout"},
            {"prompt": "Add login", "idempotency_key": "k"},
        ):
            await agent.call("cde_startFeature", **more)
        assert (await agent.call("cde_listFeatures"))["total"] == 5


async def test_what_was_worked_on_meanwhile_is_no_doubled_start(project: Path) -> None:
    async with agent_on(project) as agent:
        await agent.call("cde_startFeature", prompt="Add login")
        given = {"feature_id": "add-login", "phase_id": "define"}
        await agent.call("cde_saveProgress", **given, note="Begun")
        again = await agent.call("cde_startFeature", prompt="Add login")
    assert again["feature"]["name"] == "add-login-2"


async def test_a_doubled_failure_costs_one_attempt(project: Path) -> None:
    async with agent_on(project) as agent:
        await agent.call("cde_startFeature", prompt="Add login")
        given = {"feature_id": "add-login", "phase_id": "define", "failed": True}
        answers = await twice(agent, "cde_submitWork", **given, reason="It broke")
        assert [answer["attempts_left"] for answer in answers] == [2, 2]
        another = await agent.call("cde_submitWork", **given, reason="It broke again")
        assert another["attempts_left"] == 1


async def test_doubled_progress_is_saved_once(project: Path) -> None:
    async with agent_on(project) as agent:
        await agent.call("cde_startFeature", prompt="Add login")
        given = {"feature_id": "add-login", "phase_id": "define"}
        answers = await twice(agent, "cde_saveProgress", **given, note="Half way", data=[1])
        assert [answer["kept"] for answer in answers] == [1, 1]
        another = await agent.call("cde_saveProgress", **given, note="Half way", data=[2])
        assert another["kept"] == 2
