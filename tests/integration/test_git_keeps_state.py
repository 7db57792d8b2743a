"""What people and agents do with git every day leaves the state of a project where it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import CDEError
from tests.command_line import CDE, cde, in_words
from tests.integration.mcp_client import stdio_agent
from tests.repository import git, repository_at
from tests.simulation.server import Server

Deed = Callable[[Path], None]

pytestmark = pytest.mark.anyio


def onboard(root: Path) -> None:
    application = build_application(root)
    application.handle(OnboardProject())
    application.close()


def names(root: Path) -> list[str]:
    return [feature.name for feature in FilesystemProjectRepository().get(root).features]


def commit_all(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--message=Onboard")


def add_all_on_an_old_branch(root: Path) -> None:
    git(root, "checkout", "old")
    (root / "fix.txt").write_text("x\n")
    git(root, "add", "--all")
    git(root, "commit", "--message=Mend")
    git(root, "checkout", "main")


def clean_an_old_branch(root: Path) -> None:
    git(root, "checkout", "old")
    git(root, "clean", "-f", "-d")
    git(root, "checkout", "main")


def stash_twice(root: Path) -> None:
    git(root, "rm", "-r", "--cached", "--quiet", ".cde")
    git(root, "commit", "--message=As if it was never committed")
    git(root, "stash", "--include-untracked")
    git(root, "stash", "--include-untracked")


@contextmanager
def at_work(root: Path, *, serving: bool) -> Iterator[None]:
    """A feature is started, and where a server runs, it starts another one afterwards."""
    if not serving:
        application = build_application(root)
        application.handle(StartFeature(prompt="Do it", name="before"))
        application.close()
        yield
        application = build_application(root)
        application.handle(StartFeature(prompt="Do it", name="after"))
        application.close()
        return
    with Server(root) as server:
        server.call("cde_startFeature", prompt="Do it", name="before")
        yield
        server.call("cde_startFeature", prompt="Do it", name="after")


@pytest.mark.parametrize("serving", [False, True])
@pytest.mark.parametrize("deed", [add_all_on_an_old_branch, clean_an_old_branch, stash_twice])
@pytest.mark.parametrize("inner", [".", "pack ages/[shop]"])
def test_everyday_git_commands_leave_the_state_alone(
    tmp_path: Path, deed: Deed, serving: bool, inner: str
) -> None:
    top = repository_at(tmp_path / "top")
    root = top / inner
    root.mkdir(parents=True, exist_ok=True)
    onboard(root)
    commit_all(top)
    with at_work(root, serving=serving):
        journal = (root / ".cde" / "journal.jsonl").stat()
        deed(root)
        assert os.path.samestat(journal, (root / ".cde" / "journal.jsonl").stat())
        if not serving:
            assert names(root) == ["before"]
    assert names(root) == ["before", "after"]
    assert FilesystemProjectRepository().verify(root) == []


def test_what_is_for_everybody_stays_with_git_and_the_rest_is_ignored(tmp_path: Path) -> None:
    root = repository_at(tmp_path / "project")
    onboard(root)
    (root / ".cde" / "config.toml").write_text("")
    (root / ".cde" / "prompts").mkdir()
    (root / ".cde" / "prompts" / "write.md").write_text("words")
    (root / ".cde" / ".gitignore").unlink()
    listed = git(root, "ls-files", "--others", "--exclude-standard").splitlines()
    assert listed == [".cde/config.toml", ".cde/prompts/write.md", ".cde/workflow.yml"]


def test_a_project_that_is_older_than_the_lists_gets_them_with_its_next_change(
    tmp_path: Path,
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    onboard(root)
    logs = root / ".cde" / "logs"
    logs.mkdir(exist_ok=True)
    for path in (root / ".cde").glob("*/.gitignore"):
        path.unlink()
    git(root, "init")
    application = build_application(root)
    application.handle(StartFeature(prompt="Do it", name="one"))
    application.close()
    assert (logs / ".gitignore").read_text() == "*\n"
    assert "/.cde/*" in (root / ".git" / "info" / "exclude").read_text().splitlines()


def test_the_list_of_the_repository_keeps_its_lines_and_is_written_once(tmp_path: Path) -> None:
    root = repository_at(tmp_path / "project")
    exclude = root / ".git" / "info" / "exclude"
    exclude.write_text("*.secret")
    onboard(root)
    once = exclude.read_text()
    assert once.startswith("*.secret\n")
    onboard(root)
    assert exclude.read_text() == once
    exclude.write_text(once.replace("/.cde/*\n", ""))
    onboard(root)
    lines = exclude.read_text().splitlines()
    assert lines.index("/.cde/*") < max(n for n, line in enumerate(lines) if line[:1] == "!")


@pytest.mark.parametrize("kind", ["worktree", "submodule", "no info folder"])
def test_the_list_is_found_wherever_the_repository_lies(tmp_path: Path, kind: str) -> None:
    main = root = repository_at(tmp_path / "main")
    if kind == "worktree":
        root = tmp_path / "linked"
        git(main, "worktree", "add", str(root))
    elif kind == "submodule":
        allowed = ["-c", "protocol.file.allow=always"]
        outer = repository_at(tmp_path / "outer")
        git(outer, *allowed, "submodule", "add", str(main), "inner")
        root = outer / "inner"
    else:
        shutil.rmtree(main / ".git" / "info")
    onboard(root)
    (root / ".cde" / ".gitignore").unlink()
    listed = git(root, "ls-files", "--others", "--exclude-standard").splitlines()
    assert listed == [".cde/workflow.yml"]


ODD_NAMES = ["a;touch${IFS}PWNED;", "`x` [b]*?\\", "two\nlines", "#!né"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_list_holds_no_character_that_a_shell_takes_otherwise(
    tmp_path: Path, name: str
) -> None:
    top = repository_at(tmp_path / name)
    root = top / name / "inner"
    root.mkdir(parents=True)
    exclude = top / ".git" / "info" / "exclude"
    exclude.unlink(missing_ok=True)
    onboard(root)
    (root / ".cde" / ".gitignore").unlink()

    note, *patterns = exclude.read_text().splitlines()
    assert not set(note[1:]) & set("\"\\$`;&|<>()*?[]#!'")
    assert not set("".join(each.removeprefix("!") for each in patterns)) & set("$`;&|<>()[]#!")
    listed = git(top, "ls-files", "-z", "--others", "--exclude-standard").split("\0")
    assert listed == [f"{name}/inner/.cde/workflow.yml", ""]
    shutil.rmtree(root / ".cde")
    shutil.rmtree(top / ".git" / "cde")
    with pytest.raises(CDEError) as caught:
        FilesystemProjectRepository().get(root)
    assert caught.value.code == "E007"


@pytest.mark.parametrize("where", ["nowhere", "an empty .git", "a .git that leads nowhere"])
def test_where_there_is_no_repository_nothing_is_written(tmp_path: Path, where: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    if where == "an empty .git":
        (root / ".git").mkdir()
    elif where == "a .git that leads nowhere":
        (root / ".git").write_text("gitdir: ../no such folder\n")
    before = sorted(path for path in tmp_path.rglob("*") if ".cde" not in path.parts)
    onboard(root)
    assert sorted(path for path in tmp_path.rglob("*") if ".cde" not in path.parts) == before


def test_a_list_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    root = repository_at(tmp_path / "project")
    (root / ".git" / "info" / "exclude").write_bytes(b"\xff\n")
    with capture_logs() as logs:
        FilesystemProjectRepository().get_or_create(root)
    assert "git_exclude_not_written" in {each["event"] for each in logs}


def clean_all(root: Path) -> None:
    git(root, "clean", "-f", "-d", "-x")


def delete_the_folder(root: Path) -> None:
    shutil.rmtree(root / ".cde")


def stash_all(root: Path) -> None:
    git(root, "stash", "--all")


@pytest.mark.parametrize("deed", [clean_all, delete_the_folder, stash_all])
async def test_a_server_puts_back_what_it_acknowledged(tmp_path: Path, deed: Deed) -> None:
    root = repository_at(tmp_path / "project")
    onboard(root)
    async with stdio_agent(root) as agent:
        for name in ("one", "two"):
            await agent.call("cde_startFeature", prompt="Do it", name=name)
        deed(root)
        listed = await agent.call("cde_listFeatures")
        assert sorted(each["name"] for each in listed["features"]) == ["one", "two"]
        assert names(root) == ["one", "two"]
        deed(root) if deed is not stash_all else None
        await agent.call("cde_startFeature", prompt="Do it", name="three")
        assert names(root) == ["one", "two", "three"]


@pytest.mark.parametrize("deed", [clean_all, delete_the_folder, stash_all])
async def test_a_state_that_is_gone_is_not_taken_for_a_folder_without_a_project(
    tmp_path: Path, deed: Deed
) -> None:
    root = repository_at(tmp_path / "project")
    onboard(root)
    shutil.rmtree(root / ".git" / "cde")
    deed(root)
    for words in (["status"], ["list"], ["init"], ["project", "info"], ["state", "verify"]):
        done = in_words(cde(*words, "--json", cwd=root))
        assert (done.returncode, '"E007"' in done.stdout) == (1, True), done
    async with stdio_agent(root) as agent:
        assert (await agent.refused("cde_onboardProject", path="."))["code"] == "E007"
    assert not (root / ".cde" / "journal.jsonl").exists()
    assert cde("init", "--new", "--json", cwd=root).returncode == 0
    assert names(root) == []


@pytest.mark.parametrize("trace", ["backups/.gitignore", "objects/ab/cdef", "judged.json", "logs"])
def test_what_only_a_project_leaves_shows_that_there_was_one(tmp_path: Path, trace: str) -> None:
    left = tmp_path / ".cde" / trace
    left.parent.mkdir(parents=True)
    if trace == "logs":
        left.mkdir()
        left = left / "cde.log"
    left.write_text('{"event":"project_loaded","project_id":"1"}\n')
    with pytest.raises(CDEError) as caught:
        FilesystemProjectRepository().get_or_create(tmp_path)
    assert caught.value.code == "E007"
    assert FilesystemProjectRepository().get_or_create(tmp_path, new=True).name


async def test_a_clone_in_which_commands_were_refused_can_be_onboarded(tmp_path: Path) -> None:
    origin = repository_at(tmp_path / "origin")
    onboard(origin)
    commit_all(origin)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", str(origin), str(clone))
    for words in (["status"], ["list"], ["doctor", "--fix"], ["start", "Do it"], ["health"]):
        assert cde(*words, cwd=clone).returncode
    async with stdio_agent(clone) as agent:
        assert (await agent.refused("cde_listFeatures"))["code"] == "E004"
    assert cde("init", cwd=clone).returncode == 0
    assert names(clone) == []


@pytest.mark.parametrize("deed", [clean_all, delete_the_folder, stash_all])
def test_a_state_that_is_gone_is_restored_by_whoever_comes_next(tmp_path: Path, deed: Deed) -> None:
    root = repository_at(tmp_path / "project")
    onboard(root)
    with at_work(root, serving=False):
        deed(root)
        done = in_words(cde("list", "--json", cwd=root))
        assert '"before"' in done.stdout
        assert "state_restored" in done.stderr
        assert names(root) == ["before"]
    assert names(root) == ["before", "after"]
    assert FilesystemProjectRepository().verify(root) == []


def test_a_new_project_in_the_place_of_one_is_a_decision(tmp_path: Path) -> None:
    root = repository_at(tmp_path / "project")
    onboard(root)
    with at_work(root, serving=False):
        shutil.rmtree(root / ".cde")
    first = FilesystemProjectRepository().get(root).id
    assert cde("init", "--json", cwd=root).returncode == 0
    assert names(root) == ["before", "after"]
    assert cde("init", "--new", "--json", cwd=root).returncode == 2
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *CDE, "init", "--new"]
    unheard = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (unheard.returncode, "terminal" in unheard.stderr) == (2, True), unheard.stderr
    assert names(root) == ["before", "after"]
    assert cde("init", "--new", "--yes", "--json", cwd=root).returncode == 0
    assert names(root) == []
    assert list((root / ".git" / "cde" / first).glob("journal-*.jsonl"))
    shutil.rmtree(root / ".cde")
    assert names(root) == []


def test_worktrees_of_a_repository_share_the_state_of_a_project(tmp_path: Path) -> None:
    main = repository_at(tmp_path / "main")
    onboard(main)
    commit_all(main)
    linked = tmp_path / "linked"
    git(main, "worktree", "add", str(linked))
    for root, name in ((linked, "one"), (main, "two"), (linked, "three")):
        application = build_application(root)
        application.handle(StartFeature(prompt="Do it", name=name))
        application.close()
    assert names(main) == names(linked) == ["one", "two", "three"]
    assert not (linked / ".cde" / "journal.jsonl").exists()
    git(main, "worktree", "remove", "--force", str(linked))
    assert names(main) == ["one", "two", "three"]


def test_the_state_goes_on_in_a_worktree_where_that_of_its_project_is_gone(tmp_path: Path) -> None:
    main = repository_at(tmp_path / "main")
    first, second = tmp_path / "first", tmp_path / "second"
    for linked in (first, second):
        git(main, "worktree", "add", str(linked))
    onboard(first)
    with at_work(second, serving=False):
        git(main, "worktree", "remove", "--force", str(first))
        assert names(second) == ["before"]
        assert (second / ".cde" / "journal.jsonl").exists()
    assert names(main) == names(second) == ["before", "after"]
    assert not (main / ".cde").exists()
