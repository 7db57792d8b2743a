"""What a person asks for by name in their client: prompts, and what is proposed for arguments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    GetPromptResult,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
)

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.mcp_tools._fitting import REPLY_LIMIT
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from tests.integration.deliverables import deliverable

pytestmark = pytest.mark.anyio

FEATURES = ["search", "login", "logout"]


@asynccontextmanager
async def asked(root: Path, mode: str = "auto") -> AsyncIterator[Client]:
    """A client of a project with three features, ``logout`` the newest."""
    served = ServedProject(root, pinned=True)
    served.handle(OnboardProject())
    for name in FEATURES:
        served.handle(StartFeature(prompt=f"Add {name} for everybody", name=name))
    async with Client(build_server(served), mode=mode) as client:
        yield client
    served.close()


def words(result: Any) -> str:
    """The text of a prompt, which is one message of the person."""
    assert isinstance(result, GetPromptResult)
    (message,) = result.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    assert len(message.content.text) <= REPLY_LIMIT
    return message.content.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_five_prompts_are_offered_with_a_title_and_their_arguments(
    tmp_path: Path, mode: str
) -> None:
    async with asked(tmp_path, mode) as client:
        listed = (await client.list_prompts()).prompts
    assert {each.name: [(a.name, a.required) for a in each.arguments or []] for each in listed} == {
        "start_feature": [("goal", True), ("workflow", False)],
        "next_phase": [("feature", False)],
        "resume_feature": [("feature", False)],
        "review_feature": [("feature", False)],
        "explain_error": [("code", True)],
    }
    assert all(each.title and each.description for each in listed)
    assert all(a.description for each in listed for a in each.arguments or [])


async def test_the_next_phase_is_the_prompt_of_the_newest_open_feature_or_the_one_named(
    tmp_path: Path,
) -> None:
    async with asked(tmp_path) as client:
        newest = words(await client.get_prompt("next_phase"))
        empty = words(await client.get_prompt("next_phase", {"feature": ""}))
        named = words(await client.get_prompt("next_phase", {"feature": "login"}))
        status = await client.call_tool("cde_getFeatureStatus", {"feature_id": "logout"})
    assert status.structured_content is not None
    assert status.structured_content["phase"]["prompt"].rstrip() in newest
    assert newest == empty
    assert 'cde_submitWork(feature_id="login", phase_id="define"' in named


async def test_a_prompt_changes_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path) as client:
        before = await client.call_tool("cde_recoverState", {"action": "history"})
        start = words(
            await client.get_prompt("start_feature", {"goal": "Add a cart", "workflow": "lean"})
        )
        resume = words(await client.get_prompt("resume_feature", {"feature": "login"}))
        review = words(await client.get_prompt("review_feature", {"feature": "login"}))
        explained = words(await client.get_prompt("explain_error", {"code": "e101"}))
        after = await client.call_tool("cde_recoverState", {"action": "history"})
    assert "workflow='lean')" in start
    assert start.endswith("The goal:\n\nAdd a cart\n")
    assert "cde_resumeFeature(feature_id='login')" in resume
    assert "Add login for everybody" in review
    assert "E101" in explained
    assert before.structured_content is not None
    assert after.structured_content is not None
    assert before.structured_content["changes"] == after.structured_content["changes"]


async def test_a_review_names_each_accepted_output(tmp_path: Path) -> None:
    async with asked(tmp_path) as client:
        status = await client.call_tool("cde_getFeatureStatus", {"feature_id": "login"})
        (output,) = (status.structured_content or {})["phase"]["outputs"]
        results = {output["id"]: deliverable(output)}
        about = {"feature_id": "login", "phase_id": "define", "results": results}
        assert not (await client.call_tool("cde_submitWork", about)).is_error
        review = words(await client.get_prompt("review_feature", {"feature": "login"}))
    assert f"cde://features/login/outputs/{output['id']}" in review
    assert "cde_rollbackFeature(feature_id='login', to_phase='define'" in review


async def test_where_nothing_is_open_the_way_on_is_named(tmp_path: Path) -> None:
    served = ServedProject(tmp_path, pinned=True)
    served.handle(OnboardProject())
    async with Client(build_server(served)) as client:
        for name in ("next_phase", "resume_feature", "review_feature"):
            assert "cde_startFeature(" in words(await client.get_prompt(name))
    served.close()


@pytest.mark.parametrize(
    ("name", "arguments", "words_of_it", "code"),
    [
        ("none", {}, "Unknown prompt", None),
        ("start_feature", {}, "Missing argument: goal", None),
        ("start_feature", {"goal": ""}, "Missing argument: goal", None),
        ("next_phase", {"other": "1"}, "Unknown argument: other", None),
        ("start_feature", {"goal": "Add", "workflow": "none"}, "E306", "E306"),
        ("next_phase", {"feature": "nobody"}, "E102", "E102"),
        ("explain_error", {"code": "E777"}, "E321", "E321"),
    ],
)
async def test_what_cannot_be_filled_in_is_the_callers_error(
    tmp_path: Path, name: str, arguments: dict[str, str], words_of_it: str, code: str | None
) -> None:
    async with asked(tmp_path) as client:
        with pytest.raises(MCPError, match=words_of_it) as refused:
            await client.get_prompt(name, arguments)
    assert refused.value.error.code == INVALID_PARAMS
    data = refused.value.error.data
    assert (data["error"]["code"] if data else None) == code


async def test_arguments_are_proposed(tmp_path: Path) -> None:
    async with asked(tmp_path) as client:

        async def proposed(prompt: str, argument: str, begun: str) -> list[str]:
            ref = PromptReference(type="ref/prompt", name=prompt)
            result = await client.complete(ref, {"name": argument, "value": begun})
            assert result.completion.total == len(result.completion.values)
            return result.completion.values

        assert await proposed("next_phase", "feature", "") == FEATURES[::-1]
        assert await proposed("review_feature", "feature", "LOG") == ["logout", "login"]
        assert await proposed("start_feature", "workflow", "LE") == ["lean"]
        assert await proposed("explain_error", "code", "e10") == [f"E10{n}" for n in range(1, 8)]
        nothing = await client.complete(
            PromptReference(type="ref/prompt", name="start_feature"), {"name": "goal", "value": "a"}
        )
        assert nothing.completion.values == []
        for unknown in (
            PromptReference(type="ref/prompt", name="none"),
            ResourceTemplateReference(type="ref/resource", uri="cde://none/{name}"),
        ):
            with pytest.raises(MCPError, match="Unknown") as refused:
                await client.complete(unknown, {"name": "feature", "value": ""})
            assert refused.value.error.code == INVALID_PARAMS


async def test_more_than_the_protocol_allows_is_counted(tmp_path: Path) -> None:
    served = ServedProject(tmp_path, pinned=True)
    served.handle(OnboardProject())
    for number in range(101):
        served.handle(StartFeature(prompt="Add it", name=f"many-{number}"))
    async with Client(build_server(served)) as client:
        ref = PromptReference(type="ref/prompt", name="next_phase")
        completion = (await client.complete(ref, {"name": "feature", "value": "many"})).completion
    served.close()
    assert (len(completion.values), completion.total, completion.has_more) == (100, 101, True)


async def test_a_project_that_is_not_set_up_proposes_nothing(tmp_path: Path) -> None:
    served = ServedProject(tmp_path, pinned=True)
    async with Client(build_server(served)) as client:
        ref = PromptReference(type="ref/prompt", name="next_phase")
        assert (
            await client.complete(ref, {"name": "feature", "value": ""})
        ).completion.values == []
        with pytest.raises(MCPError, match="E004"):
            await client.get_prompt("next_phase")
    served.close()
