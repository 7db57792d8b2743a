"""The project's past, through a real MCP client."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.asked_person import Person, filled_in
from tests.integration.mcp_client import stdio_agent

pytestmark = pytest.mark.anyio


async def test_a_restore_is_shown_then_confirmed_and_can_be_undone(project: Path) -> None:
    person = Person(filled_in(restore=True), filled_in(restore=True))
    async with (
        stdio_agent(project, elicit=person) as agent,
        stdio_agent(project, elicit=person) as other,
    ):
        for name in ("first", "second"):
            await agent.call("cde_startFeature", prompt="Anything", name=name)
        past = (await agent.call("cde_recoverState", action="history"))["changes"]
        assert [change["feature"] for change in past[:2]] == ["second", "first"]
        earlier = past[1]["sequence"]

        dry = await agent.call("cde_recoverState", action="restore", at=earlier)
        assert dry["dry_run"]
        assert dry["difference"]["removed"] == ["second"]
        assert (await other.call("cde_listFeatures"))["total"] == 2

        done = await agent.call(
            "cde_recoverState", action="restore", at=earlier, token=dry["token"]
        )
        assert not done["dry_run"]
        assert (await other.call("cde_listFeatures"))["total"] == 1

        undo = {"action": "restore", "at": done["sequence"] - 1}
        again = await other.call("cde_recoverState", **undo)
        await other.call("cde_recoverState", **undo, token=again["token"])
        assert (await agent.call("cde_listFeatures"))["total"] == 2
        assert (await agent.call("cde_recoverState", action="verify"))["whole"]


async def test_a_restore_needs_the_token_of_the_state_that_it_found(project: Path) -> None:
    async with stdio_agent(project) as agent:
        dry = await agent.call("cde_recoverState", action="restore", at=1)
        await agent.call("cde_startFeature", prompt="Meanwhile")
        error = await agent.refused("cde_recoverState", action="restore", at=1, token=dry["token"])
        assert error["code"] == "E211"
        assert (await agent.call("cde_listFeatures"))["total"] == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"action": "restore"}, "E305"),
        ({"action": "restore", "at": 1, "backup": "state.json"}, "E305"),
        ({"action": "restore", "at": 99}, "E208"),
        ({"action": "restore", "at": -1}, "E208"),
        ({"action": "restore", "backup": "../../etc/passwd"}, "E209"),
        ({"action": "history", "limit": 0}, "E305"),
        ({"action": "history", "feature": "nobody"}, "E102"),
        ({"action": "wipe"}, "E305"),
    ],
)
async def test_what_cannot_be_restored_is_refused(
    project: Path, arguments: dict[str, object], code: str
) -> None:
    async with stdio_agent(project) as agent:
        assert (await agent.refused("cde_recoverState", **arguments))["code"] == code
