"""Whoever runs what a rollback prints, without a look at it, loses no work but the feature's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.mcp_client import stdio_agent, text_of
from tests.repository import git

CDE = [sys.executable, "-m", "cde_orchestrator"]
BACK = ["rollback", "login", "define", "--reason", "Wrong way"]
NAMES = ["code.py", "gone.py", "mine.py", "theirs.py", "odd *.py", "odd one.py", "a'b/$(x).py"]


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "COLUMNS": "60"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def shop(project: Path) -> Path:
    """A project in a subfolder of a repository, whose person has begun something already."""
    git(project.parent, "init", "-q", "-b", "main")
    for name in NAMES:
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("committed\n")
    git(project, "--literal-pathspecs", "add", "--", *NAMES)
    git(project, "commit", "-qm", "First")
    (project / "mine.py").write_text("a person's edit\n")
    (project / "odd one.py").write_text("a person's edit\n")
    (project / "notes.txt").write_text("a person's notes\n")
    return project


def work(shop: Path) -> None:
    """A feature changes files, and somebody else commits one meanwhile."""
    run(shop, *CDE, "start", "Add login", "--name", "login")
    for name in ("code.py", "odd *.py", "a'b/$(x).py", "fresh.py"):
        (shop / name).write_text("the feature's\n")
    (shop / "gone.py").unlink()
    (shop / "mine.py").write_text("a person's edit\nthe feature's\n")
    (shop / "theirs.py").write_text("somebody's\n")
    git(shop, "commit", "-qm", "Theirs", "--", "theirs.py")
    (shop / "theirs.py").write_text("somebody's\nthe feature's\n")


def run_blindly(shop: Path, printed: str) -> list[str]:
    """Run each printed line that is a command, as a shell reads it; the lines."""
    commands = [line.strip() for line in printed.splitlines() if line.strip().startswith("git ")]
    for command in commands:
        subprocess.run(command, cwd="/", shell=True, check=True, capture_output=True)
    return commands


def require_that_only_the_features_changes_are_gone(shop: Path) -> None:
    for name in ("code.py", "gone.py", "odd *.py", "a'b/$(x).py"):
        assert (shop / name).read_text() == "committed\n"
    assert (shop / "mine.py").read_text() == "a person's edit\nthe feature's\n"
    assert (shop / "odd one.py").read_text() == "a person's edit\n"
    assert (shop / "theirs.py").read_text() == "somebody's\nthe feature's\n"
    assert (shop / "notes.txt").read_text() == "a person's notes\n"
    assert (shop / "fresh.py").read_text() == "the feature's\n"


def test_the_commands_of_a_rollback_undo_what_the_feature_changed_alone(shop: Path) -> None:
    work(shop)
    printed = run(shop, *CDE, *BACK)

    assert len(run_blindly(shop, printed)) == 2
    require_that_only_the_features_changes_are_gone(shop)
    lines = [line.strip() for line in printed.splitlines()]
    said = {line.partition(":")[0]: line.partition(": ")[2] for line in lines}
    assert said["Changed before the phase started; no command restores it"] == (
        "mine.py, odd one.py"
    )
    assert said["New since the phase started, left as it is"] == "fresh.py"
    assert said["Committed since the phase started; git log shows by whom"] == "theirs.py"


@pytest.mark.anyio
async def test_an_agent_is_given_the_same_commands_each_on_a_line_of_its_own(shop: Path) -> None:
    work(shop)
    async with stdio_agent(shop) as agent:
        back = {"feature_id": "login", "to_phase": "define", "reason": "Wrong way"}
        told = await agent.call("cde_rollbackFeature", dry_run=True, **back)
        done = await agent.raw("cde_rollbackFeature", back)

    assert done.structured_content is not None
    assert told["git"] == done.structured_content["git"] == run_blindly(shop, text_of(done))
    require_that_only_the_features_changes_are_gone(shop)
    assert {row["path"]: row["state"] for row in told["source"]} == {
        **dict.fromkeys(["code.py", "gone.py", "odd *.py", "a'b/$(x).py"], "changed"),
        **dict.fromkeys(["mine.py", "odd one.py"], "earlier"),
        "theirs.py": "committed",
        "fresh.py": "new",
    }


def test_where_another_feature_moved_since_nothing_is_undone(shop: Path) -> None:
    work(shop)
    run(shop, *CDE, "start", "Add a basket", "--name", "basket")
    commands = run_blindly(shop, run(shop, *CDE, *BACK))

    assert [" diff --stat " in command for command in commands] == [True]
    assert (shop / "code.py").read_text() == "the feature's\n"
