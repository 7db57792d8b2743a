"""The model of ``make agents`` works by the product's real prompts, in either channel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mcp.types import CallToolResult

from tests.integration.mcp_client import Agent, stdio_agent, text_of
from tools.agents.conversation import Call, Conversation, Heard, Part, Result, Tool
from tools.agents.model import Script
from tools.agents.player import FEATURE, OPENING, POOR, careless, honest

CHANNELS: dict[str, Callable[[CallToolResult], str]] = {
    "text": text_of,
    "structured": lambda given: json.dumps(given.structured_content),
}


@pytest.mark.anyio
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("script", [honest, careless])
async def test_a_model_that_reads_prompts_completes_a_feature(
    tmp_path: Path, script: Script, channel: str
) -> None:
    async with stdio_agent(tmp_path) as agent:
        await agent.call("cde_onboardProject", path=str(tmp_path))
        await agent.call(
            "cde_startFeature", prompt="Greet people", workflow="quick-fix", name=FEATURE
        )
        parts = await worked(agent, script, CHANNELS[channel])
        status = await agent.call("cde_getFeatureStatus", feature_id=FEATURE)

    assert status["feature"]["status"] == "completed"
    assert any(is_poor(part) for part in parts) == (script is careless)


async def worked(
    agent: Agent, script: Script, shown: Callable[[CallToolResult], str]
) -> list[Part]:
    """What is said while a program shows its model this of each answer."""
    names = [each.name for each in (await agent.client.list_tools()).tools]
    tools = {name: Tool(name) for name in [*names, "Write"]}
    parts: list[Part] = [Heard(OPENING)]
    while isinstance(call := script(Conversation("m", parts, tools))[0], Call):
        assert not isinstance(call.arguments, str)
        if call.tool == "Write":
            write(Path(call.arguments["file_path"]), call.arguments["content"])
            given = "Written."
        else:
            given = shown(await agent.raw(call.tool, call.arguments))
        parts += [call, Result("", given)]
    return parts


def write(path: Path, text: str) -> None:
    """Write a file where its folder may be missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def is_poor(part: Part) -> bool:
    """Whether it writes nothing of use."""
    return isinstance(part, Call) and repr(POOR) in str(part.arguments)
