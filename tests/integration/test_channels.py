"""A client shows its model the text of an answer or the structured content: each is enough."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.types import CallToolResult

from cde_orchestrator.mcp_tools._fitting import REPLY_LIMIT, length
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from tests.integration.mcp_client import text_of

pytestmark = pytest.mark.anyio

PHASES = 6
WORDS = "AC1, T1 and F1: what was done, by whom, and how anybody can see that it works.\n"
GOALS = [40, 1_500, 4_000, 8_000]

Seen = tuple[str, dict[str, Any], str]
"""What an agent takes of an answer: the tool that is next, its arguments, and the prompt."""


def from_text(result: CallToolResult) -> Seen:
    """What the text says alone."""
    text = text_of(result)
    (call,) = re.findall(
        r"^Next: (cde_\w+\(.*?\)): .*\nProject .*\. Call [0-9a-f]{32}\.\Z", text, re.MULTILINE
    )
    parsed = ast.parse(call, mode="eval").body
    assert isinstance(parsed, ast.Call)
    assert isinstance(parsed.func, ast.Name)
    arguments = {str(each.arg): ast.literal_eval(each.value) for each in parsed.keywords}
    return parsed.func.id, arguments, text


def from_structured(result: CallToolResult) -> Seen:
    """What the structured content says alone."""
    content = result.structured_content or {}
    assert content["project"]["path"]
    assert re.fullmatch(r"[0-9a-f]{32}", content["correlation_id"])
    following = content["next"]
    return following["tool"], following["arguments"], (content.get("phase") or {}).get("prompt", "")


def results_by(prompt: str) -> dict[str, str]:
    """The texts of a phase, made of nothing but its prompt."""
    headings = [line for line in prompt.splitlines() if line.startswith("#") and "<" not in line]
    asked = re.findall(r"^  - with `(.+)`$", prompt, re.MULTILINE)
    verdicts = re.findall(r"^Verdict: <fill: (\w+)", prompt, re.MULTILINE)
    lines = [*headings, *asked, *(f"Verdict: {verdict}" for verdict in verdicts)]
    text = "\n\n".join(f"{line}\n\n{WORDS}" for line in lines) + WORDS * 30
    return dict.fromkeys(re.findall(r"^- `[^`]+` \(output `(\w+)`", prompt, re.MULTILINE), text)


def cannot_be_cut(result: CallToolResult) -> None:
    """Both channels are whole, and short enough."""
    assert length(result.structured_content) <= REPLY_LIMIT
    assert len(text_of(result)) <= REPLY_LIMIT
    assert "[cut;" not in f"{result.structured_content}{text_of(result)}"


def goal_of(size: int) -> str:
    """A goal of so many characters, on lines."""
    return ("Greet whoever calls, by the name that they give,\nat any hour. " * 200)[:size]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("size", GOALS)
@pytest.mark.parametrize("channel", [from_text, from_structured])
async def test_eight_calls_are_enough_for_a_feature_and_none_is_wasted(
    tmp_path: Path, channel: Callable[[CallToolResult], Seen], size: int, mode: str
) -> None:
    served = ServedProject(tmp_path, pinned=True)
    known: dict[str, dict[str, Any]] = {
        "cde_startFeature": {"prompt": goal_of(size), "name": "greet"}
    }
    called: list[str] = []
    async with Client(build_server(served), mode=mode) as client:

        async def call(tool: str, arguments: Mapping[str, Any]) -> Seen:
            result = await client.call_tool(tool, dict(arguments))
            assert not result.is_error, text_of(result)
            cannot_be_cut(result)
            called.append(tool)
            return channel(result)

        tool, arguments, prompt = await call("cde_onboardProject", {"path": "."})
        for _ in range(PHASES + 1):
            given = known.get(tool, {})
            if tool == "cde_submitWork":
                assert f'{tool}(feature_id="greet", phase_id="{arguments["phase_id"]}"' in prompt
                given = {"results": results_by(prompt)}
            tool, arguments, prompt = await call(tool, {**arguments, **given})
    served.close()
    submissions = ["cde_submitWork"] * PHASES
    assert called == ["cde_onboardProject", "cde_startFeature", *submissions]
    assert tool == "cde_startFeature"


@pytest.mark.parametrize("size", GOALS)
async def test_each_channel_has_the_prompt_once_and_whole_in_every_phase(
    tmp_path: Path, size: int
) -> None:
    served = ServedProject(tmp_path, pinned=True)
    about = {"feature_id": "greet"}
    looks = [
        ("cde_resumeFeature", about),
        ("cde_getFeatureStatus", about),
        ("cde_getFeatureStatus", {**about, "detail": "full"}),
    ]
    async with Client(build_server(served)) as client:
        await client.call_tool("cde_onboardProject", {"path": "."})
        await client.call_tool("cde_startFeature", {"prompt": goal_of(size), "name": "greet"})
        for _ in range(PHASES):
            for tool, arguments in looks:
                result = await client.call_tool(tool, dict(arguments))
                cannot_be_cut(result)
                content = result.structured_content or {}
                prompt = content["phase"]["prompt"].strip()
                end = 'cde_submitWork(feature_id="greet", phase_id='
                assert end in prompt[-600:]
                assert text_of(result).count(prompt) == 1
                assert f"{content}".count("Asked for, word for word") == 1
            following = content["next"]["arguments"]
            work = {**following, "results": results_by(prompt)}
            await client.call_tool("cde_submitWork", work)
        done = (await client.call_tool("cde_getFeatureStatus", about)).structured_content or {}
    served.close()
    assert done["feature"]["status"] == "completed"


async def test_what_the_prompt_does_not_quote_of_a_goal_is_in_both_channels(tmp_path: Path) -> None:
    served = ServedProject(tmp_path, pinned=True)
    goal = goal_of(7_900) + "and say goodbye."
    full = {"feature_id": "greet", "detail": "full"}
    async with Client(build_server(served)) as client:
        await client.call_tool("cde_onboardProject", {"path": "."})
        await client.call_tool("cde_startFeature", {"prompt": goal, "name": "greet"})
        for tool, arguments in (
            ("cde_getFeatureStatus", full),
            ("cde_resumeFeature", {"feature_id": "greet"}),
        ):
            result = await client.call_tool(tool, arguments)
            content = result.structured_content or {}
            assert content["goal_rest"] == goal[6_000:]
            assert "goal" not in content
            assert goal[6_000:] in text_of(result)
        await client.call_tool(
            "cde_closeFeature", {"feature_id": "greet", "outcome": "cancelled", "reason": "No"}
        )
        result = await client.call_tool("cde_getFeatureStatus", full)
    served.close()
    assert (result.structured_content or {})["goal"] == goal
    assert goal in text_of(result)
