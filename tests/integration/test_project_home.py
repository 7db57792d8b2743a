"""One project for all worktrees of its repository: what is shared, and whose files are used."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.adapters.runners.agent_process import CommandLineAgents
from cde_orchestrator.adapters.runners.checks import SubprocessCheckRunner
from cde_orchestrator.domain.exceptions import CDESystemError, FeatureError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.project_home import home_of
from tests.command_line import cde
from tests.integration.mcp_client import stdio_agent

IDENTITY = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
WORKFLOW = """\
version: 1
default: own
workflows:
  own:
    phases:
      - id: only
        prompt: own.md
        check: ["COMMAND"]
        outputs:
          - {id: note, path: "note.md"}
"""
UNTRUSTED_AGENT = ["run", "--prompt", "Do it", "--agent", "claude"]
"""A refusal that leaves a report."""
READING = [
    ["list"],
    ["status"],
    ["health"],
    ["logs"],
    ["errors", "list"],
    ["alerts"],
    ["doctor"],
    ["project", "info"],
    ["project", "settings"],
    ["agents", "list"],
    ["workflow", "list"],
    ["workflow", "validate"],
    ["trust", "--list"],
    ["state", "history"],
    ["state", "verify"],
    ["dashboard", "--stop"],
    ["status", "nothing"],
    UNTRUSTED_AGENT,
    ["no-such-command"],
]


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *IDENTITY, *words], cwd=folder, capture_output=True, check=True)


def in_folder(folder: Path, *words: str) -> Any:
    done = cde(*words, "--json", cwd=folder)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return json.loads(done.stdout)


def own_files(root: Path, command: str = "true") -> None:
    """Files of the project that git keeps, other than the packaged ones."""
    folder = root / ".cde"
    (folder / "prompts").mkdir(parents=True, exist_ok=True)
    (folder / "prompts" / "own.md").write_text(f"Write it, then {command}.\n")
    (folder / "workflow.yml").write_text(WORKFLOW.replace("COMMAND", command))
    (folder / "config.toml").write_text('log_level = "DEBUG"\n')


def shared_with(root: Path) -> dict[str, bytes]:
    """What git keeps of the project's folder."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for name in (".gitignore", "workflow.yml", "config.toml", "prompts")
        for path in [root / ".cde" / name, *(root / ".cde" / name).rglob("*")]
        if path.is_file()
    }


def repository(top: Path, root: Path) -> None:
    root.mkdir(parents=True)
    (root / "code.txt").write_text("words\n")
    git(top, "init", "--initial-branch=main")
    git(top, "add", "--all")
    git(top, "commit", "--message=Begin")


@pytest.fixture(params=[".", "packages/shop", "submodule"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with its own files, none of them in git yet."""
    root: Path = tmp_path / "main" / request.param
    if request.param == "submodule":
        repository(tmp_path / "source", tmp_path / "source")
        repository(tmp_path / "main", tmp_path / "main")
        add = ("-c", "protocol.file.allow=always", "submodule", "add")
        git(tmp_path / "main", *add, str(tmp_path / "source"), request.param)
    else:
        repository(tmp_path / "main", root)
    assert cde("init", "--yes", cwd=root).returncode == 0
    own_files(root)
    return root


def linked(home: Path, name: str = "linked") -> Path:
    """The project's folder in another worktree."""
    top = next(each for each in (home, *home.parents) if (each / ".git").exists())
    git(top, "worktree", "add", str(top.with_name(name)))
    return top.with_name(name) / home.relative_to(top)


def commit(home: Path) -> None:
    git(home, "add", "--all")
    git(home, "commit", "--message=Work")


@pytest.mark.parametrize("kept_by_git", [False, True])
def test_by_products_are_those_of_the_project_and_leave_nothing_in_a_worktree(
    home: Path, kept_by_git: bool
) -> None:
    if kept_by_git:
        commit(home)
    other = linked(home)
    before = sorted(other.rglob("*"))
    for command in READING:
        cde(*command, cwd=other)
    assert sorted(other.rglob("*")) == before

    lines = in_folder(home, "logs", "--limit", "1000")["entries"]
    assert any(line.get("error_code") == "E102" for line in lines)
    assert in_folder(home, "logs") == in_folder(home, "logs")
    reports = in_folder(home, "errors", "list")
    assert reports == in_folder(other, "errors", "list")
    assert "E912" in json.dumps(reports)
    assert len(list((home / ".cde" / "errors").glob("*-E912-*.json"))) == 1


def test_people_read_both_places_however_the_worktree_was_named(home: Path) -> None:
    other = linked(home)
    for command in (["doctor"], ["project", "info"], ["trust", "--list"]):
        for done in (
            cde(*command, cwd=other),
            cde(*command, "--project", str(other), cwd=home),
        ):
            words = "".join(done.stderr.decode().split())
            assert f"at{other},itsstatein{home}" in words
        assert b"its state in" not in cde(*command, "--project", str(home), cwd=other).stderr


def test_breakers_runs_and_checks_are_those_of_the_project(home: Path) -> None:
    other = linked(home)
    here, there = BreakerRegistry(home), BreakerRegistry(other)
    here.get("agent-one").reset()
    assert [each["name"] for each in there.views()] == ["agent-one"]

    in_folder(home, "start", "Do it", "--name", "one")
    feature = FilesystemProjectRepository().get(other).feature("one")
    with CommandLineAgents(home, here).lock_run(feature.id, "one"):
        with pytest.raises(CDESystemError) as refused:
            CommandLineAgents(other, there).lock_run(feature.id, "one").__enter__()
        assert refused.value.code == "E909"
    with SubprocessCheckRunner().lock_check(other, feature):
        with pytest.raises(FeatureError) as busy:
            SubprocessCheckRunner().lock_check(home, feature).__enter__()
        assert busy.value.code == "E129"
    assert not (other / ".cde").exists()


def test_a_worktree_without_files_of_its_own_uses_those_of_the_home(home: Path) -> None:
    other = linked(home)
    before = shared_with(home)
    assert (
        in_folder(other, "workflow", "list")["workflows"]
        == (in_folder(home, "workflow", "list")["workflows"])
    )
    started = in_folder(other, "start", "Do it", "--name", "one")
    assert "Write it, then true." in json.dumps(started)
    settings = {each["key"]: each for each in in_folder(other, "project", "settings")["settings"]}
    assert settings["log_level"]["value"] == "DEBUG"
    assert str(home / ".cde" / "config.toml") in settings["log_level"]["source"]
    assert cde("init", "--yes", cwd=other).returncode == 0
    assert shared_with(home) == before
    assert not (other / ".cde").exists()


def test_the_files_of_a_worktree_come_before_those_of_the_home(home: Path) -> None:
    commit(home)
    other = linked(home)
    own_files(other, "false")
    (other / ".cde" / "config.toml").write_text('log_level = "ERROR"\n')
    before = shared_with(home)
    started = in_folder(other, "start", "Do it", "--name", "one")
    assert "then false." in json.dumps(started)
    assert "then true." in json.dumps(in_folder(home, "start", "Do it", "--name", "two"))
    settings = {each["key"]: each for each in in_folder(other, "project", "settings")["settings"]}
    assert settings["log_level"]["value"] == "ERROR"
    assert shared_with(home) == before


def test_what_is_trusted_in_one_worktree_is_in_the_others_as_long_as_it_is_the_same(
    home: Path,
) -> None:
    commit(home)
    other = linked(home)
    assert cde("trust", "--yes", cwd=home).returncode == 0
    assert [each["trusted"] for each in in_folder(other, "trust", "--list")["checks"]] == [True]
    own_files(other, "false")
    assert [each["trusted"] for each in in_folder(other, "trust", "--list")["checks"]] == [False]


def test_the_doctor_repairs_from_a_worktree_what_it_finds_in_the_home(home: Path) -> None:
    other = linked(home)
    state = home / ".cde" / "state.json"
    state.write_bytes(state.read_bytes()[:-20])
    done = cde("doctor", "--fix", "--json", cwd=other)
    reply = json.loads(done.stdout)
    assert (reply["path"], reply["home"]) == (str(other), str(home))
    assert reply["repaired"] == [
        ".cde/state.json was rewritten; what was there is in .cde/quarantine"
    ]
    assert list((home / ".cde" / "quarantine").glob("*state.json"))
    assert not (other / ".cde").exists()


def test_local_folders_of_the_home_stay_out_of_git_when_only_a_worktree_is_used(
    home: Path,
) -> None:
    other = linked(home)
    assert cde(*UNTRUSTED_AGENT, cwd=other).returncode == 1
    (home / ".cde" / "errors" / ".gitignore").unlink(missing_ok=True)
    in_folder(other, "start", "Do it", "--name", "one")
    assert (home / ".cde" / "errors" / ".gitignore").read_text() == "*\n"
    assert not (other / ".cde").exists()


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A project that was begun in a linked worktree of a bare repository, which can be removed."""
    git(tmp_path, "init", "--initial-branch=main", "source")
    git(tmp_path / "source", "commit", "--allow-empty", "--message=Begin")
    git(tmp_path, "clone", "--bare", "source", "bare.git")
    bare, root = tmp_path / "bare.git", tmp_path / "first"
    git(bare, "worktree", "add", "-b", "first", str(root))
    assert cde("init", "--yes", cwd=root).returncode == 0
    own_files(root)
    commit(root)
    git(bare, "worktree", "add", "-b", "second", str(tmp_path / "second"), "first")
    return root


@pytest.mark.anyio
async def test_a_server_follows_its_project_when_the_worktree_of_the_home_is_removed(
    begun: Path,
) -> None:
    other = begun.with_name("second")
    async with stdio_agent(other) as agent:
        await agent.call("cde_startFeature", prompt="Do it", name="one")
        assert home_of(other) == begun
        git(other, "worktree", "remove", "--force", str(begun))
        await agent.call("cde_startFeature", prompt="Do it", name="two")
        await agent.refused("cde_resumeFeature", feature_id="nothing")
        assert home_of(other) == other
    assert {each["name"] for each in in_folder(other, "list")["features"]} == {"one", "two"}
    lines = in_folder(other, "logs", "--limit", "1000")["entries"]
    assert any(line.get("error_code") == "E102" for line in lines)
    assert {"state_restored", "feature_started", "server_stopped"} <= {e["event"] for e in lines}


def test_a_home_that_was_moved_is_found_from_its_worktrees(tmp_path: Path) -> None:
    root, moved = tmp_path / "main", tmp_path / "moved"
    repository(root, root)
    assert cde("init", "--yes", cwd=root).returncode == 0
    other = linked(root)
    root.rename(moved)
    git(moved, "worktree", "repair", str(other))
    in_folder(other, "start", "Do it", "--name", "one")
    assert not (other / ".cde").exists()
    assert home_of(other) == moved
    assert [each["name"] for each in in_folder(moved, "list")["features"]] == ["one"]
    assert cde("doctor", cwd=moved).returncode == 0


def test_what_one_worktree_restored_by_reading_no_other_one_restores_again(begun: Path) -> None:
    second, third = begun.with_name("second"), begun.with_name("third")
    git(second, "worktree", "add", "-b", "third", str(third))
    git(second, "worktree", "remove", "--force", str(begun))
    in_folder(second, "list")
    in_folder(third, "start", "Do it", "--name", "one")
    assert home_of(third) == second
    assert [each["name"] for each in in_folder(second, "list")["features"]] == ["one"]


@pytest.mark.anyio
async def test_a_server_follows_a_project_that_is_begun_in_another_worktree(
    tmp_path: Path,
) -> None:
    git(tmp_path, "init", "--initial-branch=main", "main")
    root = tmp_path / "main"
    git(root, "commit", "--allow-empty", "--message=Begin")
    other = linked(root)
    async with stdio_agent(other) as agent:
        assert (await agent.refused("cde_getProjectInfo"))["code"] == "E004"
        assert cde("init", "--yes", cwd=root).returncode == 0
        await agent.call("cde_startFeature", prompt="Do it", name="one")
        await agent.refused("cde_resumeFeature", feature_id="nothing")
    assert not (other / ".cde").exists()
    assert [each["name"] for each in in_folder(root, "list")["features"]] == ["one"]
    lines = in_folder(root, "logs", "--limit", "1000")["entries"]
    assert any(line.get("error_code") == "E102" for line in lines)
    lines = in_folder(root, "logs", "--limit", "1000")["entries"]
    assert {"server_started", "server_stopped"} <= {each["event"] for each in lines}


def test_the_dashboard_that_runs_is_found_from_every_worktree_and_outlives_each(
    begun: Path,
) -> None:
    other = begun.with_name("second")
    served = in_folder(other, "dashboard", "--no-open")
    try:
        again = in_folder(begun, "dashboard", "--no-open")
        assert (again["url"], again["pid"], again["started"]) == (
            served["url"],
            served["pid"],
            False,
        )
        git(begun, "worktree", "remove", "--force", str(other))
        assert in_folder(begun, "dashboard", "--no-open")["url"] == served["url"]
    finally:
        assert in_folder(begun, "dashboard", "--stop")["stopped"]
