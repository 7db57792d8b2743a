"""Which project a command is about, and that it says so where that is not obvious."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.discovery import find_project_root
from tests.command_line import cde, in_words
from tests.integration.mcp_client import stdio_agent
from tests.repository import git, repository_at


def onboard(root: Path) -> None:
    repository = FilesystemProjectRepository()
    repository.get_or_create(root, "shop")
    with repository.transaction(root) as project:
        project.activate()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    monkeypatch.setenv("HOME", str(made))
    return made


def test_the_search_ends_at_the_border_of_a_repository(tmp_path: Path) -> None:
    onboard(tmp_path)
    inner = repository_at(tmp_path / "inner") / "src"
    inner.mkdir()
    assert find_project_root(inner) == inner
    (tmp_path / "plain").mkdir()
    assert find_project_root(tmp_path / "plain") == tmp_path


def test_a_project_at_the_top_of_the_repository_is_found_from_below(tmp_path: Path) -> None:
    top = repository_at(tmp_path / "top")
    onboard(top)
    (top / "src").mkdir()
    assert find_project_root(top / "src") == top


def test_a_home_folder_is_not_found_from_below_but_from_within(home: Path) -> None:
    onboard(home)
    (home / "src").mkdir()
    assert find_project_root(home / "src") == home / "src"
    assert find_project_root(home) == home


@pytest.mark.parametrize("command", [["list"], ["status"], ["start", "Do it", "--name", "one"]])
def test_people_read_which_project_was_found_and_programs_do_not(
    tmp_path: Path, command: list[str]
) -> None:
    onboard(tmp_path)
    (tmp_path / "src").mkdir()
    below = in_words(cde(*command, cwd=tmp_path / "src"))
    assert "project shop at" in below.stderr
    assert "project shop at" not in below.stdout
    assert "project shop at" not in in_words(cde("list", cwd=tmp_path)).stderr
    assert "project shop at" not in in_words(cde("list", "--json", cwd=tmp_path / "src")).stderr
    named = in_words(cde("list", "--project", str(tmp_path), cwd=tmp_path / "src"))
    assert "project shop at" not in named.stderr


def test_a_linked_worktree_says_where_the_state_of_its_project_is(tmp_path: Path) -> None:
    main = repository_at(tmp_path / "main")
    onboard(main)
    git(main, "worktree", "add", str(tmp_path / "linked"))
    below = tmp_path / "linked" / "src"
    below.mkdir()
    done = in_words(cde("start", "Do it", "--name", "one", cwd=below))
    assert done.returncode == 0
    words = " ".join(done.stderr.split())
    assert f"project shop at {tmp_path / 'linked'}, its state in {main}" in words
    assert [each.name for each in FilesystemProjectRepository().get(main).features] == ["one"]


def test_a_home_folder_becomes_a_project_only_by_its_name(home: Path) -> None:
    refused = in_words(cde("init", "--json", cwd=home))
    assert (refused.returncode, '"E305"' in refused.stdout) == (1, True)
    assert not (home / ".cde").exists()
    assert cde("init", str(home), "--json", cwd=home).returncode == 0
    assert (home / ".cde").is_dir()


@pytest.mark.anyio
async def test_an_agent_does_not_make_a_project_of_the_home_folder_unnamed(home: Path) -> None:
    async with stdio_agent(None, cwd=home, HOME=str(home)) as agent:
        assert (await agent.refused("cde_onboardProject", path="."))["code"] == "E305"
        assert not (home / ".cde" / "journal.jsonl").exists()
        await agent.call("cde_onboardProject", path=str(home))
        assert (home / ".cde" / "journal.jsonl").exists()


def test_a_worktree_whose_repository_was_moved_is_no_new_project(tmp_path: Path) -> None:
    main, linked = repository_at(tmp_path / "main"), tmp_path / "linked"
    onboard(main)
    git(main, "worktree", "add", str(linked))
    moved = main.rename(tmp_path / "moved")
    for words in (["list"], ["start", "Do it"], ["init"]):
        refused = in_words(cde(*words, "--json", cwd=linked))
        assert (refused.returncode, '"E008"' in refused.stdout) == (1, True), refused
    assert not (linked / ".cde" / "state.json").exists()
    git(moved, "worktree", "repair", str(linked))
    assert cde("start", "Do it", "--name", "one", cwd=linked).returncode == 0
    assert [each.name for each in FilesystemProjectRepository().get(moved).features] == ["one"]
