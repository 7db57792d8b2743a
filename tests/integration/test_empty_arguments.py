"""Clients fill in arguments that they could omit: null and an empty text say nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from tests.integration.deliverables import deliverable
from tests.integration.mcp_client import Agent, text_of

pytestmark = pytest.mark.anyio

STATED: dict[str, dict[str, Any]] = {
    "cde_onboardProject": {"path": "."},
    "cde_startFeature": {"prompt": "Add a login page"},
    "cde_submitWork": {"feature_id": "login", "phase_id": "define"},
    "cde_getFeatureStatus": {"feature_id": "login"},
    "cde_listFeatures": {},
    "cde_recoverState": {"action": "history"},
    "cde_explainError": {},
    "cde_saveProgress": {"feature_id": "login", "phase_id": "define", "note": "Half"},
    "cde_resumeFeature": {"feature_id": "login"},
    "cde_rollbackFeature": {"feature_id": "login", "to_phase": "define", "reason": "Wrong"},
}
"""What a call of each tool with optional arguments has to say."""
UNSTEADY = {"correlation_id", "report_id", "timestamp"}


def steady(content: dict[str, Any]) -> dict[str, Any]:
    """An error as it is each time; of a success, that it is one."""
    error = content.get("error", {})
    return {key: value for key, value in error.items() if key not in UNSTEADY}


async def test_null_and_an_empty_text_are_as_good_as_nothing(project: Path) -> None:
    served = ServedProject(project, pinned=True)
    async with Client(build_server(served)) as client:
        agent = Agent(client)
        await agent.call("cde_startFeature", prompt="Log in", name="login")
        tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
        optional = {
            name: [each for each in schema["properties"] if each not in schema.get("required", [])]
            for name, schema in tools.items()
        }
        assert {name for name, found in optional.items() if found} == set(STATED)
        optional["cde_saveProgress"].remove("note")  # which only a call with tasks may omit
        for tool, stated in STATED.items():
            expected = steady((await agent.raw(tool, stated)).structured_content or {})
            for value in (None, ""):
                cases = [{each: value} for each in optional[tool]]
                for filled in (*cases, dict.fromkeys(optional[tool], value)):
                    result = await agent.raw(tool, {**stated, **filled})
                    content = result.structured_content or {}
                    assert steady(content) == expected, (tool, filled, text_of(result))
    served.close()


async def test_a_note_may_be_empty_where_tasks_are_ticked_alone(project: Path) -> None:
    served = ServedProject(project, pinned=True)
    async with Client(build_server(served)) as client:
        agent = Agent(client)
        await agent.call("cde_startFeature", prompt="Log in", name="login")
        work = {"feature_id": "login", "phase_id": "define"}
        for note in ({}, {"note": None}, {"note": ""}):
            refused = await agent.refused("cde_saveProgress", **work, **note, done=["T1"])
            assert refused["code"] == "E153"
            assert (await agent.refused("cde_saveProgress", **work, **note))["code"] == "E305"
    served.close()


async def test_what_is_required_is_not_omitted(project: Path) -> None:
    served = ServedProject(project, pinned=True)
    async with Client(build_server(served)) as client:
        agent = Agent(client)
        for value in (None, ""):
            refused = await agent.raw("cde_startFeature", {"prompt": value})
            assert (refused.structured_content or {})["error"]["code"] in {"E301", "E305", "E308"}
        unknown = await agent.raw("cde_listFeatures", {"nobody": None})
        assert (unknown.structured_content or {})["error"]["code"] == "E305"
    served.close()


async def test_an_empty_text_among_the_results_and_as_data_is_kept(project: Path) -> None:
    served = ServedProject(project, pinned=True)
    async with Client(build_server(served)) as client:
        agent = Agent(client)
        phase = (await agent.call("cde_startFeature", prompt="Log in", name="login"))["phase"]
        work = {"feature_id": "login", "phase_id": "define"}
        results = {output["id"]: "" for output in phase["outputs"]}
        refused = await agent.raw("cde_submitWork", {**work, "results": results})
        assert (refused.structured_content or {})["error"]["code"] == "E111"
        await agent.call("cde_saveProgress", **work, note="Half", data="")
        feature = FilesystemProjectRepository().get(project).feature("login")
        assert feature.phases["define"].saved()[-1].data == ""
        results = {output["id"]: deliverable(output) for output in phase["outputs"]}
        await agent.call("cde_submitWork", **work, results=results, failed=None, agent="")
    served.close()
