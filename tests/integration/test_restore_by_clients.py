"""An MCP client asks its person for a restore; no call restores without one."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp.client.context import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from cde_orchestrator.domain.errors.template import plain
from tests.command_line import cde, in_words
from tests.integration.asked_person import Person, filled_in
from tests.integration.mcp_client import Agent, stdio_agent

pytestmark = pytest.mark.anyio

RESTORE = {"action": "restore", "at": 3}


@pytest.fixture(params=["2026-07-28", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways in which the protocol asks."""
    return str(request.param)


def yes() -> ElicitResult:
    return filled_in(restore=True)


async def previewed(agent: Agent) -> dict[str, Any]:
    """The call that restores the state with the feature ``first`` alone, of two."""
    for name in ("first", "second"):
        await agent.call("cde_startFeature", prompt="Anything", name=name)
    preview = await agent.call("cde_recoverState", **RESTORE)
    assert preview["difference"]["removed"] == ["second"]
    return {**RESTORE, "token": preview["token"]}


async def count(agent: Agent) -> int:
    """How many features there are."""
    return int((await agent.call("cde_listFeatures"))["total"])


async def test_a_person_is_shown_what_is_lost_and_how_to_undo_it(project: Path, mode: str) -> None:
    person = Person(yes())
    async with stdio_agent(project, mode=mode, elicit=person) as agent:
        done = await agent.call("cde_recoverState", **await previewed(agent))
        assert not done["dry_run"]
        assert await count(agent) == 1
        past = await agent.call("cde_recoverState", action="history")
    (question,) = person.asked
    assert plain(project) in question.message
    assert "- second" in question.message
    undo = f"cde state restore --at {done['sequence'] - 1}"
    assert undo in question.message
    assert past["changes"][0]["actor"].startswith("person:")
    assert cde(*undo.split()[1:], cwd=project).returncode == 0
    assert "second" in in_words(cde("list", cwd=project)).stdout


@pytest.mark.parametrize(
    "answer",
    [
        filled_in(restore=False),
        filled_in(),
        ElicitResult(action="decline"),
        ElicitResult(action="cancel"),
    ],
)
async def test_whoever_does_not_say_yes_changes_nothing(
    project: Path, mode: str, answer: ElicitResult
) -> None:
    async with stdio_agent(project, mode=mode, elicit=Person(answer)) as agent:
        error = await agent.refused("cde_recoverState", **await previewed(agent))
        assert error["code"] == "E335"
        assert "Nothing was changed" in error["message"]
        assert await count(agent) == 2


async def test_what_changes_while_the_person_reads_is_not_overwritten(
    project: Path, mode: str
) -> None:
    start = partial(cde, "start", "Meanwhile", cwd=project)
    person = Person(yes(), meanwhile=start)
    async with stdio_agent(project, mode=mode, elicit=person) as agent:
        error = await agent.refused("cde_recoverState", **await previewed(agent))
        assert error["code"] == "E211"
        assert await count(agent) == 3


@pytest.mark.parametrize("variable", ["CDE_ELICITATION", "CDE_RUN_ID", None])
async def test_where_nobody_can_be_asked_the_command_is_named(
    project: Path, mode: str, variable: str | None
) -> None:
    """The setting forbids it, ``cde run`` started the agent, or the client does not ask."""
    person = Person(yes())
    elicit = person if variable else None
    given = {"CDE_ELICITATION": "refused", "CDE_RUN_ID": "1-2"}
    environment: Any = {variable: given[variable]} if variable else {}
    async with stdio_agent(project, mode=mode, elicit=elicit, **environment) as agent:
        call = await previewed(agent)
        error = await agent.refused("cde_recoverState", **call)
        assert error["code"] == "E335"
        assert await count(agent) == 2
    assert person.asked == []
    assert "cde state restore --at 3" in error["suggestions"][0]
    (command,) = [each["command"] for each in error["fixes"] if each["tool"] is None]
    assert cde(*command.split()[1:], "--yes", cwd=project).returncode == 0
    assert "second" not in in_words(cde("list", cwd=project)).stdout


async def test_a_preview_names_the_command_where_nobody_can_be_asked(project: Path) -> None:
    async with stdio_agent(project) as agent:
        await previewed(agent)
        result = await agent.raw("cde_recoverState", RESTORE)
    assert result.structured_content is not None
    following = result.structured_content["next"]
    assert following["tool"] == "cde_listFeatures"
    assert "cde state restore --at 3" in following["why"]


async def test_a_token_of_another_restore_is_refused_before_anybody_is_asked(
    project: Path, mode: str
) -> None:
    person = Person()
    async with stdio_agent(project, mode=mode, elicit=person) as agent:
        call = await previewed(agent)
        assert (await agent.refused("cde_recoverState", **{**call, "at": 1}))["code"] == "E211"
    assert person.asked == []


async def test_a_call_that_is_cancelled_while_the_person_reads_restores_nothing(
    project: Path,
) -> None:
    """In the revision in which the call waits for the answer."""
    reads, goes_on = asyncio.Event(), asyncio.Event()

    async def person(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        reads.set()
        await goes_on.wait()
        return yes()

    async with stdio_agent(project, mode="legacy", elicit=person) as agent:
        call = await previewed(agent)
        calling = asyncio.create_task(agent.raw("cde_recoverState", call))
        await reads.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        goes_on.set()
        assert await count(agent) == 2
        past = (await agent.call("cde_recoverState", action="history"))["changes"]
        assert past[0]["operation"] == "start_feature"
