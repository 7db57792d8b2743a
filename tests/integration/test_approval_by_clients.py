"""An MCP client may ask its person to approve a phase; no client answers by calling a tool."""

from __future__ import annotations

import getpass
from functools import partial
from pathlib import Path

import pytest
from mcp.types import ElicitResult

from tests.command_line import cde
from tests.integration.asked_person import Person, filled_in
from tests.integration.mcp_client import Agent, stdio_agent
from tests.repository import git

pytestmark = pytest.mark.anyio

WORKFLOW = """\
version: 1
default: asked
workflows:
  asked:
    phases:
      - id: define
        prompt: standard/define.md
        outputs:
          - {id: spec, path: "specs/{feature}/spec.md"}
      - id: approve
        handler: human_input
        prompt: standard/approve-spec.md
        inputs: [spec]
        outputs:
          - {id: notes, path: "specs/{feature}/notes.md", required: false}
      - id: build
        prompt: standard/implement.md
        inputs: [spec]
"""
NOTES = "specs/shop/notes.md"
COPY = "specs/shop/spec.md.before-rollback"
BACK_DOOR = "# Specification\n\nA back door.\n"
SPEC = "# Specification\n\nA shop that sells.\n"


def yes() -> ElicitResult:
    return filled_in(approve=True)


def no(reason: str = "") -> ElicitResult:
    return filled_in(approve=False, reason=reason)


@pytest.fixture(params=["2026-07-28", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways in which the protocol asks."""
    return str(request.param)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the feature ``shop``, which waits for a person."""
    root = tmp_path / "project"
    root.mkdir()
    assert cde("init", cwd=root).returncode == 0
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW)
    assert cde("start", "Sell", "--name", "shop", cwd=root).returncode == 0
    (root / "specs" / "shop").mkdir(parents=True)
    (root / "specs" / "shop" / "spec.md").write_text(SPEC)
    assert cde("submit", "shop", "define", cwd=root).returncode == 0
    return root


def in_worktree(root: Path) -> Path:
    """The notes in a worktree that the feature ``shop`` has, which the project has not."""
    git(root, "init", "-q")
    git(root, "commit", "-q", "--allow-empty", "-m", "First")
    top = root.with_name(f"{root.name}-worktrees") / "shop"
    git(root, "worktree", "add", "-q", str(top))
    notes = top / NOTES
    notes.parent.mkdir(parents=True)
    notes.write_text("# Notes\n\nIt was tried.\n")
    return notes


async def phase_of(agent: Agent) -> str:
    """The phase that the feature is in."""
    told = await agent.call("cde_getFeatureStatus", feature_id="shop")
    return str(told["feature"]["current_phase"])


SUBMIT = {"feature_id": "shop", "phase_id": "approve"}


async def test_a_person_who_is_asked_at_the_client_approves(project: Path, mode: str) -> None:
    person = Person(yes())
    async with stdio_agent(project, mode=mode, elicit=person) as agent:
        told = await agent.call("cde_submitWork", **SUBMIT)
        full = await agent.call("cde_getFeatureStatus", feature_id="shop", detail="full")
    assert told["feature"]["current_phase"] == "build"
    approval = told["accepted"]["approval"]
    assert (approval["user"], approval["channel"]) == (getpass.getuser(), "elicitation")
    assert approval["place"].startswith("mcp:")
    event = full["events"][-1]
    assert (event["event"], event["channel"]) == ("approved", "elicitation")
    (question,) = person.asked
    assert "specs/shop/spec.md" in question.message
    assert approval["digest"] in question.message


async def test_a_person_is_asked_about_the_feature_s_own_worktree(project: Path, mode: str) -> None:
    notes = in_worktree(project)
    person = Person(yes())
    async with stdio_agent(project, mode=mode, elicit=person) as agent:
        told = await agent.call("cde_submitWork", **SUBMIT)
    assert f"{NOTES}: {notes.stat().st_size} bytes" in person.asked[0].message
    assert told["accepted"]["outputs"][0]["path"] == NOTES
    assert (notes.parent / "spec.md").read_text() == SPEC


async def test_what_changes_in_the_worktree_while_the_person_reads_is_not_approved(
    project: Path, mode: str
) -> None:
    person = Person(yes(), meanwhile=partial(in_worktree(project).write_text, BACK_DOOR))
    async with stdio_agent(project, mode=mode, elicit=person) as agent:
        assert (await agent.refused("cde_submitWork", **SUBMIT))["code"] == "E141"
        assert await phase_of(agent) == "approve"


async def test_a_no_with_a_reason_sends_the_feature_back(project: Path, mode: str) -> None:
    async with stdio_agent(project, mode=mode, elicit=Person(no("It must also buy"))) as agent:
        told = await agent.call("cde_submitWork", **SUBMIT)
    assert told["sent_back"]["to"] == "define"
    assert "It must also buy" in told["phase"]["prompt"]


@pytest.mark.parametrize(
    "answer", [no(), ElicitResult(action="decline"), ElicitResult(action="cancel")]
)
async def test_whoever_says_nothing_changes_nothing(
    project: Path, mode: str, answer: ElicitResult
) -> None:
    async with stdio_agent(project, mode=mode, elicit=Person(answer)) as agent:
        assert (await agent.refused("cde_submitWork", **SUBMIT))["code"] == "E140"
        assert await phase_of(agent) == "approve"


async def test_what_changes_while_the_person_reads_is_not_approved(
    project: Path, mode: str
) -> None:
    spec = project / "specs" / "shop" / "spec.md"
    person = Person(yes(), meanwhile=partial(spec.write_text, BACK_DOOR))
    async with stdio_agent(project, mode=mode, elicit=person) as agent:
        assert (await agent.refused("cde_submitWork", **SUBMIT))["code"] == "E141"
        assert await phase_of(agent) == "approve"


async def test_a_changed_output_is_put_back_before_the_person_is_asked(
    project: Path, mode: str
) -> None:
    spec, person = project / "specs" / "shop" / "spec.md", Person(yes(), yes())
    spec.write_text(BACK_DOOR)
    async with stdio_agent(project, mode=mode, elicit=person) as agent:
        error = await agent.refused("cde_submitWork", **SUBMIT)
        assert error["code"] == "E132"
        told = await agent.call(error["fixes"][0]["tool"], **error["fixes"][0]["arguments"])
    assert told["feature"]["current_phase"] == "build"
    assert told["restored"] == [{"path": "specs/shop/spec.md", "kept_as": COPY}]
    assert COPY in person.asked[1].message
    assert spec.read_text() == SPEC


async def test_a_person_who_does_not_decide_leaves_the_copy_named(project: Path, mode: str) -> None:
    (project / "specs" / "shop" / "spec.md").write_text(BACK_DOOR)
    async with stdio_agent(project, mode=mode, elicit=Person(no())) as agent:
        error = await agent.refused("cde_submitWork", **SUBMIT, restore=True)
    assert error["code"] == "E140"
    assert COPY in error["message"]
    assert (project / COPY).read_text() == BACK_DOOR


async def test_texts_beside_a_restore_are_refused_and_say_that_nothing_was_restored(
    project: Path, mode: str
) -> None:
    spec = project / "specs" / "shop" / "spec.md"
    spec.write_text(BACK_DOOR)
    async with stdio_agent(project, mode=mode, elicit=Person(yes())) as agent:
        error = await agent.refused(
            "cde_submitWork", **SUBMIT, restore=True, results={"notes": "Mine"}
        )
    assert error["code"] == "E140"
    assert "Nothing was restored" in error["message"]
    assert spec.read_text() == BACK_DOOR


async def test_an_agent_without_a_person_to_ask_puts_it_back(project: Path, mode: str) -> None:
    spec = project / "specs" / "shop" / "spec.md"
    spec.write_text(BACK_DOOR)
    async with stdio_agent(project, mode=mode) as agent:
        told = await agent.call("cde_submitWork", **SUBMIT, restore=True)
        assert told["restored"] == [{"path": "specs/shop/spec.md", "kept_as": COPY}]
        assert (await agent.refused("cde_submitWork", **SUBMIT, restore=True))["code"] == "E140"
        assert await phase_of(agent) == "approve"
    assert spec.read_text() == SPEC


async def test_without_a_person_to_ask_no_call_answers(project: Path, mode: str) -> None:
    async with stdio_agent(project, mode=mode) as agent:
        before = await agent.call("cde_getFeatureStatus", feature_id="shop", detail="full")
        for arguments in (
            SUBMIT,
            {**SUBMIT, "agent": "a person", "takeover": True},
            {**SUBMIT, "failed": True, "reason": "No"},
        ):
            error = await agent.refused("cde_submitWork", **arguments)
            assert error["code"] == "E140"
            assert any("cde approve shop" in each["command"] for each in error["fixes"])
        after = await agent.call("cde_getFeatureStatus", feature_id="shop", detail="full")
        assert after == before


async def test_a_project_may_refuse_to_ask_clients(project: Path) -> None:
    person = Person(yes())
    async with stdio_agent(project, elicit=person, CDE_ELICITATION="refused") as agent:
        assert (await agent.refused("cde_submitWork", **SUBMIT))["code"] == "E140"
    assert person.asked == []


async def test_agents_that_cde_runs_have_no_person_to_ask(project: Path) -> None:
    person = Person(yes())
    async with stdio_agent(project, elicit=person, CDE_RUN_ID="1-2") as agent:
        assert (await agent.refused("cde_submitWork", **SUBMIT))["code"] == "E140"
    assert person.asked == []
