"""What may hold prompts is for its owner alone, whatever others may see of a new file."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.command_line import cde, in_words, program
from tests.integration.run.stage import AGENT
from tests.repository import git

FOR_GIT = {".cde/workflow.yml", ".cde/config.toml"}
"""Files of a project that git keeps; so are those called .gitignore."""
SEES = "import os, sys; print(oct(os.stat(sys.argv[1]).st_mode & 0o777)); sys.exit(3)"


class World:
    """A home, a project in a repository, and commands under a umask."""

    def __init__(self, folder: Path, umask: int) -> None:
        self.home, self.project, self.umask = folder / "home", folder / "project", umask
        self.home.mkdir(mode=0o755)
        self.project.mkdir(mode=0o755)
        git(self.project, "init", "--quiet")
        git(self.project, "commit", "--quiet", "--allow-empty", "-m", "Begin")
        kept = {key: os.environ[key] for key in ("PATH", "LANG", VARIABLE) if key in os.environ}
        self.environment = {**kept, "HOME": str(self.home)}

    def cde(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = cde(
            *words,
            cwd=self.project,
            environment=self.environment,
            stdin=stdin.encode(),
            umask=self.umask,
        )
        return in_words(done)

    def serve(self) -> None:
        """Start a server, ask it once, and end it."""
        server = subprocess.Popen(
            [*program(self.environment), "serve", "--transport", "http", "--port", "0", "--json"],
            cwd=self.project,
            env=self.environment,
            umask=self.umask,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert server.stdout is not None
        for line in iter(server.stdout.readline, "}\n"):
            assert line, "the server ended"
        assert self.cde("health").returncode in {0, 1}
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)

    def work(self) -> None:
        """Do with the project whatever leaves files."""
        assert self.cde("init").returncode == 0
        agent = [sys.executable, str(AGENT), str(self.home / "agent"), "deliver"]
        curious = [sys.executable, "-c", SEES, "{prompt_file}"]
        settings = self.project / ".cde/config.toml"
        settings.write_text(
            f"[agents.fake]\ncommand = {json.dumps(agent)}\n"
            f'[agents.curious]\ncommand = {json.dumps(curious)}\nprompt = "file"\n'
        )
        (self.home / "agent").mkdir()
        self.cde("agents", "trust", "fake", "curious", "--yes")
        (self.project / "specs" / "login").mkdir(parents=True)
        (self.project / "specs" / "login" / "spec.md").write_text("Begun, and kept.\n")
        assert self.cde("start", "Keep a secret", "--name", "login").returncode == 0
        assert self.cde("start", "Keep another", "--name", "other").returncode == 0
        curious_run = self.cde("run", "login", "--agent", "curious", "--json")
        assert "0o600" in curious_run.stdout + curious_run.stderr
        self.cde("run", "login", "--agent", "fake", "--json")
        self.cde("submit", "login", "nothing")
        self.cde("run", "--all", "--agent", "fake", "--json")
        self.cde("rollback", "login", "define", "--reason", "Again")
        self.serve()
        for words in (
            "save other Half-way",
            "close other failed --reason Because",
            "doctor --fix",
            "errors list",
            "logs",
            "health",
            "alerts",
            "state export",
            "state verify",
            "state compact",
            "trust --list",
        ):
            self.cde(*words.split())

    def found(self) -> Iterator[tuple[str, int]]:
        """What the product made, by a name that says where, with its mode."""
        neighbours = self.project.with_name("project-worktrees")
        places = (self.project / ".cde", self.project / ".git/cde", neighbours)
        for top in (*places, *self.home.rglob("cde-orchestrator")):
            for path in (top, *top.rglob("*")) if top.exists() else ():
                if neighbours in path.parents or path.is_symlink():
                    continue  # a checkout is as git makes it
                name = path.relative_to(self.project.parent).as_posix()
                yield name.removeprefix("project/"), stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_everything_that_is_made_is_private_unless_git_keeps_it(tmp_path: Path, umask: int) -> None:
    world = World(tmp_path, umask)
    world.work()
    found = dict(world.found())
    loose = {
        name: oct(mode)
        for name, mode in found.items()
        if name not in FOR_GIT and not name.endswith(".gitignore") and mode & 0o077
    }

    assert loose.pop(".cde") == "0o755"
    assert loose == {}
    assert {".cde/workflow.yml", ".cde/config.toml"} <= set(found)
    assert found[".cde/workflow.yml"] == 0o644
    kinds = {name.rsplit("/", 1)[-1] for name in found}
    assert {"state.json", "journal.jsonl", "cde.log", "telemetry.db", "trust.json"} <= kinds
    assert {"errors", "logs", "objects", "runs"} <= kinds


def test_an_older_project_is_made_private_by_the_next_writes_alone(tmp_path: Path) -> None:
    world = World(tmp_path, 0o022)
    assert world.cde("init").returncode == 0
    assert world.cde("start", "Keep a secret", "--name", "login").returncode == 0
    for path in (world.project / ".cde").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = dict(world.found())
    state = world.project / ".cde/state.json"

    assert world.cde("status").returncode == 0
    assert stat.S_IMODE(state.stat().st_mode) == 0o644
    assert world.cde("start", "Once more", "--name", "again").returncode == 0
    assert world.cde("state", "compact").returncode == 0
    after = dict(world.found())
    for name in ("state.json", "journal.jsonl", "lock", "logs/cde.log"):
        assert before[f".cde/{name}"] == 0o644
        assert after[f".cde/{name}"] == 0o600, name
    assert after[".cde/workflow.yml"] == 0o644
