"""A repository that somebody else made: nothing of it is run, and nobody is written to for it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.git.version_control import GitVersionControl
from cde_orchestrator.adapters.git.worktrees import GitWorktrees
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.monitoring.get_health import GetHealth
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import UntrustedBackendError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.command_line import cde
from tests.integration.deliverables import deliverable
from tests.integration.mcp_client import stdio_agent
from tests.integration.run.stage import AGENT

WORKFLOW = """\
version: 1
default: short
workflows:
  short:
    branch: true
    phases:
      - id: plan
        prompt: standard/define.md
        outputs:
          - {id: plan, path: "specs/{feature}/plan.md"}
"""
CHANGES = "        changes: required\n        outputs:"
IDENTITY = {
    f"GIT_{role}_{what}": "a@example.org"
    for role in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


class Clone:
    """A repository in a home of its own, and what tells that a program of it was run.

    Attributes:
        top: the repository's folder.
        ran: a file that its programs make.
    """

    def __init__(self, folder: Path) -> None:
        self.top = folder / "clone"
        self.ran = folder / "RAN"
        self.home = folder / "home"
        self.home.mkdir()
        self.git(folder, "init", "--quiet", "--initial-branch", "main", str(self.top))

    @property
    def environment(self) -> dict[str, str]:
        measured = {key: os.environ[key] for key in os.environ if key.startswith("COVERAGE_")}
        kept = {name: os.environ[name] for name in ("PATH", VARIABLE)}
        return {**kept, "HOME": str(self.home), **measured}

    def git(self, folder: Path, *words: str) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=folder,
            env=self.environment | IDENTITY,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self) -> None:
        self.git(self.top, "add", "--all", "--force")
        self.git(self.top, "commit", "--quiet", "--message", "All")

    def filters(self, name: str = "evil") -> str:
        """A section of git's configuration whose programs tell that they were run."""
        program = json.dumps(f"touch {self.ran}; cat")
        quoted = json.dumps(name)
        kinds = "".join(f"\t{kind} = {program}\n" for kind in ("clean", "smudge", "process"))
        return f"[filter {quoted}]\n{kinds}"

    def cde(self, folder: Path, *words: str, **variables: str) -> tuple[int, str]:
        """The exit code, and what was said."""
        done = cde(*words, cwd=folder, environment=self.environment | variables)
        return done.returncode, (done.stdout + done.stderr).decode()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def onboard(clone: Clone, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    code, said = clone.cde(folder, "init")
    assert code == 0, said
    (folder / ".cde" / "workflow.yml").write_text(WORKFLOW)


def embed(clone: Clone, app: Path) -> None:
    """Make of a folder what git takes for a repository, though it comes with any clone."""
    app.mkdir()
    clone.git(clone.top, "init", "--quiet", "--bare", str(app))
    (app / "config").write_text(
        f"[core]\n\tbare = false\n\tworktree = .\n\trepositoryformatversion = 0\n{clone.filters()}"
    )
    (app / ".gitattributes").write_text("*.txt filter=evil\n")
    (app / "a.txt").write_text("words\n")
    (app / "refs" / "heads" / "keep").write_text("")
    clone.git(app, "--git-dir", ".", "add", ".gitattributes", "a.txt")
    clone.git(app, "--git-dir", ".", "commit", "--quiet", "--message", "All")
    (app / "refs" / "heads" / "keep").unlink()
    clone.ran.unlink(missing_ok=True)
    os.utime(app / "a.txt", (1, 1))


@pytest.mark.parametrize(
    "words", [("start", "a thing"), ("doctor",), ("init", "--git-merge-driver")]
)
def test_a_folder_that_git_takes_for_a_repository_is_none(
    clone: Clone, words: tuple[str, ...]
) -> None:
    app = clone.top / "app"
    embed(clone, app)
    onboard(clone, app)
    code, said = clone.cde(app, *words)

    assert not clone.ran.exists()
    assert "safe.bareRepository" in said
    assert code == 0 or "E922" in said, said


@pytest.fixture
def attacked(clone: Clone) -> Clone:
    """A repository whose own configuration filters every file that a feature may meet."""
    (clone.top / "a.txt").write_text("words\n")
    (clone.top / ".gitattributes").write_text("*.txt filter=evil\n")
    onboard(clone, clone.top)
    (clone.top / ".gitignore").write_text(".cde/\n")
    clone.commit()
    return clone


def add_to_config(clone: Clone) -> None:
    with (clone.top / ".git" / "config").open("a") as config:
        config.write(clone.filters())


def include(clone: Clone) -> None:
    (clone.top / ".git" / "more").write_text(clone.filters())
    clone.git(clone.top, "config", "include.path", "more")


def configure_the_worktree(clone: Clone) -> None:
    clone.git(clone.top, "config", "extensions.worktreeConfig", "true")
    (clone.top / ".git" / "config.worktree").write_text(clone.filters())


def use_an_odd_name(clone: Clone) -> None:
    name = 'e=v."i\\l'
    with (clone.top / ".git" / "config").open("a") as config:
        config.write(clone.filters(name))
    (clone.top / ".git" / "info").mkdir(exist_ok=True)
    (clone.top / ".git" / "info" / "attributes").write_text(f"*.txt filter={name}\n")


ATTACKS = [add_to_config, include, configure_the_worktree, use_an_odd_name]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_filter_of_the_repository_is_run_when_a_feature_starts(
    attacked: Clone, attack: Callable[[Clone], None]
) -> None:
    attack(attacked)
    os.utime(attacked.top / "a.txt", (1, 1))  # so that git has to read it
    code, said = attacked.cde(attacked.top, "start", "a thing", "--name", "thing")

    assert code == 0, said
    assert attacked.git(attacked.top, "symbolic-ref", "HEAD") == "refs/heads/feature/thing"
    assert not attacked.ran.exists()


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_filter_of_the_repository_is_run_for_a_worktree(
    attacked: Clone, attack: Callable[[Clone], None], tmp_path: Path
) -> None:
    attack(attacked)
    folder = GitWorktrees(attacked.top, BreakerRegistry()).folder_for("thing")

    assert folder is not None
    assert (folder / "a.txt").read_text() == "words\n"
    assert attacked.git(folder, "symbolic-ref", "HEAD") == "refs/heads/feature/thing"
    assert not attacked.ran.exists()


def test_runs_of_several_features_run_no_filter_of_the_repository(attacked: Clone) -> None:
    add_to_config(attacked)
    agent = [sys.executable, str(AGENT), str(attacked.home), "succeed"]
    (attacked.top / ".cde" / "config.toml").write_text(
        f"[agents.agent]\ncommand = {json.dumps(agent)}\n"
        f"version = {json.dumps([*agent, '--version'])}\n"
    )
    (attacked.top / ".cde" / "workflow.yml").write_text(WORKFLOW.replace("branch: true", ""))
    for words in (
        ("agents", "trust", "agent", "--yes"),
        ("start", "a thing", "--name", "thing"),
        ("run", "--all", "--agent", "agent"),
    ):
        attacked.cde(attacked.top, *words)

    apart = attacked.top.with_name(f"{attacked.top.name}-worktrees")
    assert (apart / "thing" / "a.txt").is_file()
    assert not attacked.ran.exists()


def test_a_filter_that_is_added_in_the_middle_of_a_command_is_not_run(
    attacked: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    config = attacked.top / ".git" / "config"
    (tmp_path / "more").write_text(attacked.filters())
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "git"
    script.write_text(
        f'#!/bin/sh\n{real} "$@"\ncode=$?\n'
        f"cp {tmp_path}/original {config}; cat {tmp_path}/more >> {config}\nexit $code\n"
    )
    script.chmod(0o755)
    shutil.copy(config, tmp_path / "original")
    os.utime(attacked.top / "a.txt", (1, 1))
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")

    assert GitVersionControl().changes(attacked.top) == []
    GitVersionControl().start_branch(attacked.top, "feature/thing")
    assert GitWorktrees(attacked.top, BreakerRegistry()).folder_for("other") is not None
    assert "evil" in config.read_text()
    assert not attacked.ran.exists()


def test_nothing_that_is_missing_is_fetched(attacked: Clone) -> None:
    there = attacked.home / "there"
    attacked.git(attacked.home, "clone", "--quiet", "--bare", str(attacked.top), str(there))
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.url", str(there)),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", f"touch {attacked.ran}; git-upload-pack"),
    ):
        attacked.git(attacked.top, "config", key, value)
    for path in (attacked.top / ".git" / "objects").glob("??"):
        shutil.rmtree(path)
    os.utime(attacked.top / "a.txt", (1, 1))
    code, said = attacked.cde(attacked.top, "start", "a thing")

    assert GitWorktrees(attacked.top, BreakerRegistry()).folder_for("thing") is None
    assert code == 0, said
    assert not attacked.ran.exists()


@pytest.mark.parametrize("exists", [False, True])
def test_no_program_of_a_submodule_is_run(attacked: Clone, exists: bool) -> None:
    inner = attacked.top / "inner"
    attacked.git(attacked.top, "init", "--quiet", str(inner))
    (inner / "a.txt").write_text("words\n")
    (inner / ".gitattributes").write_text("*.txt filter=evil\n")
    attacked.git(inner, "add", "--all")
    attacked.git(inner, "commit", "--quiet", "--message", "All")
    attacked.commit()
    with (inner / ".git" / "config").open("a") as config:
        config.write(attacked.filters())
    if exists:
        attacked.git(attacked.top, "branch", "feature/a-thing")
    os.utime(inner / "a.txt", (1, 1))
    code, said = attacked.cde(attacked.top, "start", "a thing")

    assert code == 0, said
    assert not attacked.ran.exists()


def test_a_filter_of_the_user_is_run(attacked: Clone) -> None:
    upper = '[filter "evil"]\n\tclean = tr A-Z a-z\n\tsmudge = tr a-z A-Z\n'
    (attacked.home / ".gitconfig").write_text(upper)
    (attacked.top / "a.txt").write_text("WORDS\n")
    code, said = attacked.cde(attacked.top, "start", "a thing")
    assert code == 0, said


def test_another_repository_of_the_environment_is_left_alone(clone: Clone, tmp_path: Path) -> None:
    other = tmp_path / "other"
    clone.git(tmp_path, "init", "--quiet", str(other))
    before = (other / ".git" / "config").read_bytes()
    code, said = clone.cde(clone.top, "init", "--git-merge-driver", GIT_DIR=str(other / ".git"))

    assert code == 0, said
    assert (other / ".git" / "config").read_bytes() == before
    driver = clone.git(clone.top, "config", "--local", "merge.cde-state.driver")
    assert driver == "cde state merge %O %A %B"


def test_a_sound_repository_is_sound_whatever_the_environment_names(clone: Clone) -> None:
    onboard(clone, clone.top)
    code, said = clone.cde(clone.top, "doctor", GIT_DIR="/nonexistent")

    assert code == 0, said
    assert "E922" not in said


@pytest.fixture
def nosy() -> Iterator[socket.socket]:
    """A server that listens; whoever connects to it can be accepted, and so is found out."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def name_database(folder: Path, server: socket.socket) -> str:
    """Have the project's settings file keep the state with the server; what is to be trusted."""
    url = f"postgresql://evil@127.0.0.1:{server.getsockname()[1]}/x"
    (folder / ".cde").mkdir(exist_ok=True)
    (folder / ".cde" / "config.toml").write_text(f'state_url = "{url}"\nstate_project = "x"\n')
    return url


def nobody_came(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return True
    return False


@pytest.mark.parametrize(
    "words",
    [("status",), ("init",), ("list",), ("start", "a thing"), ("state", "verify"), ("health",)],
)
def test_a_database_of_the_settings_file_is_sent_nothing(
    clone: Clone, nosy: socket.socket, words: tuple[str, ...]
) -> None:
    name_database(clone.top, nosy)
    code, said = clone.cde(clone.top, *words, PGPASSWORD="hunter2")

    assert nobody_came(nosy)
    assert code == 1
    assert "E218" in said
    assert "cde trust" in said


def test_the_doctor_says_so_and_examines_the_rest(clone: Clone, nosy: socket.socket) -> None:
    name_database(clone.top, nosy)
    (clone.top / ".cde" / "workflow.yml").write_text("version: 9\n")
    code, said = clone.cde(clone.top, "doctor", "--fix")

    assert nobody_came(nosy)
    assert code == 1
    assert "E218" in said
    assert "E311" in said


def test_a_person_sees_the_database_trusts_it_and_takes_that_back(
    clone: Clone, nosy: socket.socket
) -> None:
    url = name_database(clone.top, nosy)
    code, said = clone.cde(clone.top, "trust", "--list")
    assert code == 0, said
    assert f"connect {url}" in said
    assert "not trusted" in said
    code, said = clone.cde(clone.top, "trust", "--yes")
    assert code == 0, said
    assert nobody_came(nosy)

    name_database(clone.top, nosy)
    code, said = clone.cde(clone.top, "trust", "--revoke")
    assert code == 0, said
    code, said = clone.cde(clone.top, "status")
    assert "E218" in said
    assert nobody_came(nosy)


def test_another_database_has_to_be_trusted_by_itself(clone: Clone, nosy: socket.socket) -> None:
    name_database(clone.top, nosy)
    assert clone.cde(clone.top, "trust", "--yes")[0] == 0
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        name_database(clone.top, other)
        code, said = clone.cde(clone.top, "status")
        assert nobody_came(other)
    assert (code, "E218" in said) == (1, True)


def test_a_database_of_the_environment_is_the_person_s_own(
    clone: Clone, nosy: socket.socket
) -> None:
    name_database(clone.top, nosy)
    with socket.create_server(("127.0.0.1", 0)) as own:
        own.setblocking(False)
        url = f"postgresql://me@127.0.0.1:{own.getsockname()[1]}/x?connect_timeout=2"
        code, said = clone.cde(clone.top, "status", CDE_STATE_URL=url)
        assert not nobody_came(own)
    assert nobody_came(nosy)
    assert (code, "E217" in said) == (1, True)


def test_a_server_of_the_project_asks_no_database_that_nobody_trusts(
    clone: Clone, nosy: socket.socket
) -> None:
    name_database(clone.top, nosy)
    application = build_application(clone.top)
    application.watch()
    try:
        with pytest.raises(UntrustedBackendError):
            application.handle(ListFeatures())
        application.handle(GetHealth())
    finally:
        application.close()
    assert nobody_came(nosy)


def link_the_list(git: Path, theirs: Path) -> None:
    (git / "info" / "exclude").unlink(missing_ok=True)
    (git / "info" / "exclude").symlink_to(theirs / "info" / "exclude")


def link_the_folder_of_the_list(git: Path, theirs: Path) -> None:
    shutil.rmtree(git / "info")
    (git / "info").symlink_to(theirs / "info")


def link_the_repository(git: Path, theirs: Path) -> None:
    shutil.rmtree(git)
    git.symlink_to(theirs)


def name_another_repository(git: Path, theirs: Path) -> None:
    shutil.rmtree(git)
    git.write_text(f"gitdir: {theirs}\n")


def name_a_worktree_of_another_repository(git: Path, theirs: Path) -> None:
    shutil.rmtree(git)
    git.write_text(f"gitdir: {theirs / 'worktrees' / 'linked'}\n")


def name_a_submodule_through_a_link(git: Path, theirs: Path) -> None:
    shutil.rmtree(git)
    git.write_text("gitdir: ../.git/modules/theirs\n")
    outer = git.parents[1] / ".git"
    (outer / "modules").mkdir(parents=True)
    (outer / "HEAD").write_text("ref: refs/heads/main\n")
    (outer / "modules" / "theirs").symlink_to(theirs)


def share_the_folder_of_another_repository(git: Path, theirs: Path) -> None:
    (git / "commondir").write_text(f"{theirs}\n")


def put_a_pipe_in_place_of_the_list(git: Path, theirs: Path) -> None:
    (git / "info" / "exclude").unlink(missing_ok=True)
    os.mkfifo(git / "info" / "exclude")


def put_a_pipe_in_place_of_the_repository(git: Path, theirs: Path) -> None:
    shutil.rmtree(git)
    os.mkfifo(git)


@pytest.mark.parametrize(
    ("deed", "warnings"),
    [
        (link_the_list, {"git_exclude_not_written"}),
        (link_the_folder_of_the_list, {"git_exclude_not_written"}),
        (put_a_pipe_in_place_of_the_list, {"git_exclude_not_written"}),
        (link_the_repository, {"git_folder_unreadable"}),
        (name_another_repository, {"git_folder_unreadable"}),
        (name_a_worktree_of_another_repository, {"git_folder_unreadable"}),
        (name_a_submodule_through_a_link, {"git_folder_unreadable"}),
        (put_a_pipe_in_place_of_the_repository, {"git_folder_unreadable"}),
        (share_the_folder_of_another_repository, set()),
    ],
)
def test_the_list_of_what_is_ignored_leads_to_no_other_file(
    clone: Clone, deed: Callable[[Path, Path], None], warnings: set[str]
) -> None:
    mine = clone.home / "mine"
    clone.git(clone.home, "init", "--quiet", str(mine))
    clone.git(mine, "commit", "--quiet", "--allow-empty", "--message", "All")
    clone.git(mine, "worktree", "add", "--quiet", str(clone.home / "linked"))
    (mine / ".git" / "info").mkdir(exist_ok=True)
    (mine / ".git" / "info" / "exclude").write_text("# mine\n")
    (clone.top / ".git" / "info").mkdir(exist_ok=True)
    deed(clone.top / ".git", mine / ".git")
    before = {path: path.read_bytes() for path in clone.home.rglob("*") if path.is_file()}

    with capture_logs() as logs:
        FilesystemProjectRepository().get_or_create(clone.top)

    assert {path: path.read_bytes() for path in before} == before
    assert not (mine / ".git" / "info" / "exclude").read_text().count("CDE")
    events = {each["event"] for each in logs}
    assert {each for each in events if each.startswith("git_")} == warnings


@pytest.mark.anyio
async def test_a_server_waits_for_no_file_that_the_repository_put_in_its_way(clone: Clone) -> None:
    for name in ("pipe", "d/zero", "grows"):
        (clone.top / name).parent.mkdir(exist_ok=True)
        (clone.top / name).write_text("words\n")
    onboard(clone, clone.top)
    (clone.top / ".cde" / "workflow.yml").write_text(
        WORKFLOW.replace("    branch: true\n", "").replace("        outputs:", CHANGES)
    )
    clone.commit()
    (clone.top / "pipe").unlink()
    os.mkfifo(clone.top / "pipe")
    shutil.rmtree(clone.top / "d")
    (clone.top / "d").symlink_to("/dev")
    (clone.top / "grows").write_text("more words\n")

    async with stdio_agent(clone.top) as agent:
        started = await agent.call("cde_startFeature", prompt="Do it", name="one")
        words = {"plan": deliverable(started["phase"]["outputs"][0])}
        which = {"feature_id": "one", "phase_id": "plan", "results": words}
        assert (await agent.refused("cde_submitWork", **which))["code"] == "E130"
        os.truncate(clone.top / "grows", 400 * 1024**3)
        await agent.call("cde_submitWork", **which)
