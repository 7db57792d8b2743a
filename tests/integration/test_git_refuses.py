"""A git that refuses to work is named, and never taken for a project without a repository."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.command_line import cde, in_words
from tests.integration.mcp_client import stdio_agent, text_of
from tests.repository import git

pytestmark = pytest.mark.anyio

WORKFLOW = """\
version: 1
workflows:
  small:
    branch: {branch}
    phases:
      - id: define
        prompt: standard/define.md
        outputs: []
"""


@pytest.fixture
def repository(project: Path) -> Path:
    """A project in a repository, whose features go on branches of their own."""
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW.format(branch="true"))
    git(project, "init", "-q", "-b", "main")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "First")
    return project


async def start(project: Path) -> dict[str, object]:
    async with stdio_agent(project) as agent:
        return await agent.call("cde_startFeature", prompt="Add login", name="f")


async def test_the_branch_that_was_made_is_named(repository: Path) -> None:
    async with stdio_agent(repository) as agent:
        given = {"prompt": "Add login", "name": "f"}
        result = await agent.raw("cde_startFeature", given)
    answer = result.structured_content or {}
    assert (answer["branch"], answer["git_problem"]) == ("feature/f", None)
    assert "feature/f" in text_of(result)
    second = in_words(cde("start", "Add logout", "--name", "g", cwd=repository))
    assert "branch feature/g" in second.stdout
    assert git(repository, "branch", "--show-current") == "feature/g"


async def test_a_broken_configuration_is_no_missing_repository(repository: Path) -> None:
    config = repository / ".git" / "config"
    whole = config.read_text()
    config.write_text("[core\n")
    answer = await start(repository)
    assert answer["branch"] is None
    assert "config" in str(answer["git_problem"])
    config.write_text(whole)
    assert git(repository, "branch", "--list") == "* main"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to another user")
async def test_a_repository_of_another_user_is_no_missing_one(repository: Path) -> None:
    os.chown(repository / ".git", 12_345, 12_345)
    os.chown(repository, 12_345, 12_345)
    answer = await start(repository)
    assert answer["branch"] is None
    assert "dubious ownership" in str(answer["git_problem"])


async def test_without_a_branch_the_feature_starts_and_the_answer_says_so(
    repository: Path,
) -> None:
    (repository / ".cde" / "workflow.yml").write_text(WORKFLOW.format(branch="false"))
    (repository / ".git" / "config").write_text("[core\n")
    async with stdio_agent(repository) as agent:
        result = await agent.raw("cde_startFeature", {"prompt": "Add login", "name": "f"})
    answer = result.structured_content or {}
    assert answer["branch"] is None
    assert "config" in answer["git_problem"]
    assert "Git refuses to work here" in text_of(result)
    told = in_words(cde("start", "Add logout", "--name", "g", "--json", cwd=repository))
    assert "config" in json.loads(told.stdout)["git_problem"]


async def test_a_lock_file_is_named_and_no_branch_is_left_behind(repository: Path) -> None:
    lock = repository / ".git" / "HEAD.lock"
    lock.touch()
    async with stdio_agent(repository) as agent:
        error = await agent.refused("cde_startFeature", prompt="Add login", name="f")
    assert error["code"] == "E125"
    assert "HEAD.lock" in str(error["message"])
    assert git(repository, "branch", "--list") == "* main"
    lock.unlink()
    assert (await start(repository))["branch"] == "feature/f"


async def test_a_folder_without_a_repository_has_neither(project: Path) -> None:
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW.format(branch="true"))
    answer = await start(project)
    assert (answer["branch"], answer["git_problem"]) == (None, None)


async def test_a_branch_may_be_the_first_of_an_empty_repository(project: Path) -> None:
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW.format(branch="true"))
    git(project, "init", "-q")
    (project / ".gitignore").write_text("*\n")
    assert (await start(project))["branch"] == "feature/f"
    assert git(project, "symbolic-ref", "HEAD") == "refs/heads/feature/f"
