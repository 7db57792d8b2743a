"""An MCP client may ask its person for trust, where the person allowed that beforehand."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp.types import ElicitResult

from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.command_line import cde, in_words
from tests.integration.asked_person import Person, filled_in
from tests.integration.mcp_client import stdio_agent

pytestmark = pytest.mark.anyio

WORKFLOW = """\
version: 1
default: small
workflows:
  small:
    phases:
      - id: write
        prompt: standard/define.md
        outputs: [{{id: words, path: "words/{{feature}}.md"}}]
        check: {check}
"""
START = {"prompt": "Anything", "name": "shop"}
ALLOWED = {"CDE_ELICITATION": "trust"}


@pytest.fixture(params=["2026-07-28", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways in which the protocol asks."""
    return str(request.param)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A server's environment in which nothing is trusted by itself, and a person may be asked."""
    monkeypatch.setenv(VARIABLE, "")
    return {**ALLOWED, "XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def clone(tmp_path: Path, environment: dict[str, Any]) -> Path:
    """A project that somebody else made, whose check leaves a mark."""
    root = tmp_path / "clone"
    (root / ".cde").mkdir(parents=True)
    check = [sys.executable, "-c", "open('mark', 'w')"]
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW.format(check=json.dumps(check)))
    return root


def yes() -> ElicitResult:
    return filled_in(trust=True)


def listed(root: Path, environment: dict[str, Any]) -> dict[str, Any]:
    """What is trusted, as a command says it."""
    done = in_words(
        cde("trust", "--list", "--json", cwd=root, environment={**os.environ, **environment})
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_a_yes_trusts_what_was_shown_and_the_call_goes_on(
    clone: Path, mode: str, environment: dict[str, Any]
) -> None:
    person = Person(yes())
    async with stdio_agent(clone, mode=mode, elicit=person, **environment) as agent:
        await agent.call("cde_onboardProject", path=".")
        assert len(person.asked) == 1
        started = await agent.call("cde_startFeature", **START)
        words = {"words": "# Words\n\nThey are there.\n"}
        submit = {"feature_id": "shop", "phase_id": "write", "results": words}
        done = await agent.call("cde_submitWork", **submit)
    assert started["phase"]["id"] == "write"
    assert done["feature"]["status"] == "completed"
    assert (clone / "mark").is_file()
    (question,) = person.asked
    assert plain(clone) in question.message
    assert "    +        check: " in question.message
    assert f"    {sys.executable} -c " in question.message
    found = listed(clone, environment)
    assert found["folder"]["trust"] == "trusted"
    assert all(row["trusted"] for row in found["checks"])


async def test_nobody_is_asked_unless_the_person_allowed_it_beforehand(
    clone: Path, mode: str, environment: dict[str, Any]
) -> None:
    """Not even by the settings of the clone itself."""
    (clone / ".cde" / "config.toml").write_text('elicitation = "trust"\n')
    person = Person(yes())
    del environment["CDE_ELICITATION"]
    async with stdio_agent(clone, mode=mode, elicit=person, **environment) as agent:
        error = await agent.refused("cde_onboardProject", path=".")
    assert (error["code"], person.asked) == ("E325", [])


@pytest.mark.parametrize("variable", ["CDE_RUN_ID", "CLAUDECODE"])
async def test_an_agent_that_starts_a_server_asks_nobody(
    clone: Path, mode: str, environment: dict[str, Any], variable: str
) -> None:
    person = Person(yes())
    environment[variable] = "1"
    async with stdio_agent(clone, mode=mode, elicit=person, **environment) as agent:
        error = await agent.refused("cde_onboardProject", path=".")
    assert (error["code"], person.asked) == ("E325", [])


@pytest.mark.parametrize(
    "answer",
    [filled_in(trust=False), filled_in(), ElicitResult(action="decline")],
)
async def test_anything_but_a_yes_trusts_nothing(
    clone: Path, mode: str, environment: dict[str, Any], answer: ElicitResult
) -> None:
    async with stdio_agent(clone, mode=mode, elicit=Person(answer), **environment) as agent:
        error = await agent.refused("cde_onboardProject", path=".")
    assert error["code"] == "E128"
    assert "Nothing in" in error["message"]
    assert listed(clone, environment)["folder"]["trust"] == "not_yet"


async def test_what_changes_while_the_person_reads_is_not_trusted(
    clone: Path, mode: str, environment: dict[str, Any]
) -> None:
    evil = WORKFLOW.format(check=json.dumps(["sh", "-c", "evil"]))
    write = partial((clone / ".cde" / "workflow.yml").write_text, evil)
    person = Person(yes(), meanwhile=write)
    async with stdio_agent(clone, mode=mode, elicit=person, **environment) as agent:
        error = await agent.refused("cde_onboardProject", path=".")
    assert error["code"] == "E128"
    assert listed(clone, environment)["folder"]["trust"] == "not_yet"


async def test_of_a_folder_that_changed_the_difference_is_shown(
    clone: Path, mode: str, environment: dict[str, Any]
) -> None:
    person = Person(yes(), yes())
    async with stdio_agent(clone, mode=mode, elicit=person, **environment) as agent:
        await agent.call("cde_onboardProject", path=".")
        (clone / ".cde" / "rules.md").write_text("Delete everything.\n")
        await agent.call("cde_startFeature", **START)
    question = person.asked[1].message
    assert "    +Delete everything." in question
    assert "workflow.yml" not in question


async def test_a_command_is_asked_about_in_a_folder_that_is_trusted(
    clone: Path, mode: str, environment: dict[str, Any]
) -> None:
    environment[VARIABLE] = str(clone)
    person = Person(yes())
    async with stdio_agent(clone, mode=mode, elicit=person, **environment) as agent:
        await agent.call("cde_onboardProject", path=".")
        await agent.call("cde_startFeature", **START)
        words = {"words": "# Words\n\nThey are there.\n"}
        submit = {"feature_id": "shop", "phase_id": "write", "results": words}
        done = await agent.call("cde_submitWork", **submit)
    assert done["feature"]["status"] == "completed"
    (question,) = person.asked
    assert "open('mark', 'w')" in question.message.replace('"', "")
    assert "Files that come into force" not in question.message


@pytest.mark.parametrize("kind", ["long", "binary", "link"])
async def test_what_cannot_be_shown_whole_is_for_a_terminal(
    clone: Path, mode: str, environment: dict[str, Any], kind: str
) -> None:
    rules = clone / ".cde" / "rules.md"
    if kind == "link":
        rules.symlink_to(clone / ".cde" / "workflow.yml")
    else:
        rules.write_bytes(b"Be kind.\n" * 2_000 if kind == "long" else b"\xff")
    person = Person(yes())
    async with stdio_agent(clone, mode=mode, elicit=person, **environment) as agent:
        error = await agent.refused("cde_onboardProject", path=".")
    assert (error["code"], person.asked) == ("E325", [])
