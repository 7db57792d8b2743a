"""Where the tools of the loop alone are offered, no other one is named: the command is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.infrastructure.observability.correlation import offering
from cde_orchestrator.mcp_tools._boundary import error_result
from cde_orchestrator.mcp_tools.all_tools import CORE, TOOLS
from tests.command_line import cde
from tests.integration.mcp_client import Agent, stdio_agent, text_of
from tests.unit.test_error_formatting import error_about

pytestmark = pytest.mark.anyio

OTHERS = {tool.name for tool in TOOLS} - CORE
CORE_ONLY = ("--tools", "core")


def others_in(*shown: object) -> set[str]:
    """The tools that are named and not offered."""
    return OTHERS & set(re.findall(r"cde_\w+", " ".join(map(str, shown))))


@pytest.mark.parametrize("code", sorted(ERROR_MESSAGES))
async def test_no_error_names_another_tool(code: str) -> None:
    with offering(CORE):
        result = error_result(error_about(code, "x"), {"path": "/home/me/shop"})
    assert others_in(text_of(result), result.structured_content) == set()
    assert f"cde explain {code}" in text_of(result)
    assert result.structured_content is not None
    for fix in result.structured_content["error"]["fixes"]:
        assert fix["command"].startswith("cde")


async def test_with_all_tools_they_are_named() -> None:
    """Else the test above proves nothing."""
    results = [error_result(error_about(code, "x"), {"path": "/"}) for code in ERROR_MESSAGES]
    assert others_in(*map(text_of, results)) >= {"cde_onboardProject", "cde_recoverState"}


async def called(agent: Agent, tool: str, **arguments: Any) -> tuple[str, Any]:
    """Both channels of an answer."""
    result = await agent.raw(tool, arguments)
    return text_of(result), result.structured_content


async def test_no_answer_of_the_loop_names_another_tool(project: Path) -> None:
    work = {"feature_id": "shop", "phase_id": "define"}
    async with stdio_agent(project, options=CORE_ONLY) as agent:
        shown: list[object] = [agent.client.instructions]
        calls: list[tuple[str, dict[str, Any]]] = [
            ("cde_listFeatures", {}),
            ("cde_startFeature", {"prompt": "Sell", "name": "shop"}),
            ("cde_startFeature", {"prompt": "Sell", "name": "shop"}),
            ("cde_startFeature", {"prompt": "Sell", "workflow": "none"}),
            ("cde_getFeatureStatus", {"feature_id": "shop", "detail": "full"}),
            ("cde_getFeatureStatus", {"feature_id": "nobody"}),
            ("cde_saveProgress", {**work, "note": "Half"}),
            ("cde_submitWork", work),
            ("cde_submitWork", {**work, "failed": True, "reason": "No"}),
            ("cde_resumeFeature", {"feature_id": "shop"}),
            ("cde_listFeatures", {"status": "none"}),
        ]
        for tool, arguments in calls:
            shown += await called(agent, tool, **arguments)
        for prompt in (await agent.client.list_prompts()).prompts:
            given = {"start_feature": {"goal": "Sell"}, "explain_error": {"code": "E004"}}
            shown.append(await agent.client.get_prompt(prompt.name, given.get(prompt.name)))
        shown.append(await agent.client.read_resource("cde://errors/E004"))
        assert cde("project", "archive", cwd=project).returncode == 0
        archived = await called(agent, "cde_listFeatures", status="completed")
    assert others_in(*shown, *archived) == set()
    assert "cde project activate" in archived[0]


async def test_a_folder_that_is_not_set_up_is_set_up_by_the_command(tmp_path: Path) -> None:
    async with stdio_agent(None, cwd=tmp_path, options=CORE_ONLY) as agent:
        text, content = await called(agent, "cde_startFeature", prompt="Sell")
    assert others_in(text, content) == set()
    assert content["error"]["code"] == "E004"
    assert "cde init" in content["error"]["fixes"][0]["command"]
