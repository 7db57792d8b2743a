"""Tasks of a feature through the real server and the real command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import command_line
from tests.integration.mcp_client import stdio_agent, text_of

pytestmark = pytest.mark.anyio

WORDS = "Whoever has an account logs in with name and password, and nobody else does so. " * 6
PLAN = f"""\
## Goal
{WORDS}
## Scope
{WORDS}
## Acceptance criteria
- AC1: Given a known name, when the password is right, it greets.
- AC2: Given a known name, when the password is wrong, it asks again.

## Approach
{WORDS}
## Tasks
- T1: the page, in `shop/page.py`, for AC1
- T2: the message, in `shop/words.py` and `tests/test_words.py`, for AC2
"""


def cde(root: Path, *words: str) -> dict[str, Any]:
    """The reply of a command."""
    done = command_line.cde(*words, "--json", cwd=root)
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


def said(root: Path, *words: str) -> str:
    """What a command says to people, in one line."""
    done = command_line.cde(*words, cwd=root)
    return " ".join((done.stdout + done.stderr).decode().split())


def states(reply: dict[str, Any]) -> dict[str, bool]:
    return {task["id"]: task["done"] for task in reply["tasks"]}


async def test_an_agent_lists_ticks_and_resumes_tasks(project: Path) -> None:
    async with stdio_agent(project) as agent:
        await agent.call("cde_onboardProject", path=".")
        start = {"prompt": "Add login", "name": "login", "workflow": "lean"}
        assert "named by a task under `## Tasks`" in text_of(
            await agent.raw("cde_startFeature", start)
        )
        submit = {"feature_id": "login", "phase_id": "plan"}
        lacking = {"plan": PLAN.replace("for AC2", "too")}
        error = await agent.refused("cde_submitWork", **submit, results=lacking)
        assert error["code"] == "E115"
        assert "names AC2" in error["message"]
        assert "Write AC2 into the task that serves it" in text_of(
            await agent.raw("cde_submitWork", {**submit, "results": lacking})
        )
        given = json.dumps(lacking)
        words = said(project, "submit", "login", "plan", "--results", given)
        assert "Write AC2 into the task that serves it" in words
        accepted = await agent.raw("cde_submitWork", {**submit, "results": {"plan": PLAN}})
        assert "Tasks: 0 of 2 done; open: T1, T2." in text_of(accepted)
        prompt = text_of(accepted)
        assert 'done=["T1"]' in prompt
        assert "the page, in `shop/page.py`" not in prompt

        save = {"feature_id": "login", "phase_id": "build"}
        saved = await agent.raw("cde_saveProgress", {**save, "note": "One", "done": ["T1"]})
        assert "Tasks: 1 of 2 done; open: T2." in text_of(saved)
        unsaid = await agent.raw("cde_saveProgress", {**save, "done": ["T1"]})
        assert "Tasks noted in phase build." in text_of(unsaid)
        assert (await agent.refused("cde_saveProgress", **save))["code"] == "E305"
        unknown = await agent.refused("cde_saveProgress", **save, note="Two", done=["T2", "T5"])
        assert unknown["code"] == "E153"
        assert "T1, T2" in unknown["message"]
        status = await agent.raw("cde_getFeatureStatus", {"feature_id": "login"})
        for line in ("- [x] T1: the page", "- [ ] T2: the message"):
            assert line in text_of(status)
        assert status.structured_content is not None
        assert status.structured_content["tasks"][1] == {
            "id": "T2",
            "text": "the message, in `shop/words.py` and `tests/test_words.py`, for AC2",
            "files": ["shop/words.py", "tests/test_words.py"],
            "criteria": ["AC2"],
            "done": False,
        }

    async with stdio_agent(project) as agent:
        resumed = await agent.raw("cde_resumeFeature", {"feature_id": "login", "takeover": True})
        assert "> - [x] T1: the page" in text_of(resumed)
        assert "> - [ ] T2: the message" in text_of(resumed)
        assert text_of(resumed).count("the page, in `shop/page.py`") == 1
        assert resumed.structured_content is not None
        assert states(resumed.structured_content) == {"T1": True, "T2": False}
        again = await agent.call("cde_saveProgress", **save, note="", undone=["T1"])
        assert (again["saved"], again["tasks"]) == (None, {"done": [], "open": ["T1", "T2"]})


def test_a_person_ticks_at_a_terminal_and_takes_it_back(project: Path) -> None:
    cde(project, "init")
    cde(project, "start", "Add login", "-n", "login", "-w", "lean")
    (project / "specs" / "login").mkdir(parents=True)
    (project / "specs" / "login" / "plan.md").write_text(PLAN)
    assert "Tasks: 0 of 2 done; open: T1, T2." in said(project, "submit", "login", "plan")
    assert "Tasks: 1 of 2 done; open: T1." in said(project, "save", "login", "--done", "T2")
    ticked = cde(project, "state", "history")["changes"][0]["sequence"]
    assert cde(project, "save", "login", "--done", "T8")["error"]["code"] == "E153"
    assert cde(project, "save", "login")["error"]["code"] == "E305"
    shown = said(project, "status", "login")
    assert "Tasks: 1 of 2 done" in shown
    assert "T1: the page, in `shop/page.py`, for AC1" in shown
    assert "T2: the message" in said(project, "resume", "login")

    reply = cde(project, "save", "login", "All of it", "--done", "T1", "--undone", "T2")
    assert reply["tasks"] == {"done": ["T1"], "open": ["T2"]}
    cde(project, "state", "restore", "--at", str(ticked))
    assert states(cde(project, "status", "login")) == {"T1": False, "T2": True}
    cde(project, "rollback", "login", "build", "--reason", "Another way")
    assert states(cde(project, "status", "login")) == {"T1": False, "T2": False}
    cde(project, "rollback", "login", "plan", "--reason", "Another plan")
    assert cde(project, "status", "login")["tasks"] == []


def test_a_feature_that_began_before_keeps_its_gate(project: Path) -> None:
    cde(project, "init")
    file = project / ".cde" / "workflow.yml"
    newer = file.read_text()
    assert "            covers: plan\n" in newer
    file.write_text(newer.replace("            covers: plan\n", ""))
    cde(project, "start", "Add login", "-n", "login", "-w", "lean")
    file.write_text(newer)
    (project / "specs" / "login").mkdir(parents=True)
    (project / "specs" / "login" / "plan.md").write_text(PLAN.replace("for AC2", "too"))
    reply = cde(project, "submit", "login", "plan")

    assert reply["feature"]["current_phase"] == "build"
    assert reply["tasks"] is None
    assert cde(project, "status", "login")["tasks"] == []
