"""A stranger's clone, and a home in which nobody trusts it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.runners.server_file import FILE, server_folder
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.command_line import cde, in_words
from tests.terminal import of_a_person, terminal

WORKFLOW = """\
version: 1
default: short
workflows:
  short:
    description: Two phases, and a check of the stranger's.
    branch: true
    phases:
      - id: plan
        prompt: short/plan.md
        outputs:
          - {id: plan, path: "specs/{feature}/plan.md"}
        check: [sh, check.sh]
      - id: build
        prompt: short/plan.md
        outputs:
          - {id: code, path: "src/{feature}.txt"}
"""
SETTINGS = """\
log_level = "DEBUG"
alert_webhook_url = "http://127.0.0.1:9/hook"

[alerts]
command = ["sh", "notify.sh"]
"""


class World:
    """A project of a stranger, the clone of it at hand, and a person's home.

    Attributes:
        origin: where it was made; trusted, as its owner made it there.
        clone: the folder that came from elsewhere.
        home: of the person who has the clone.
        variables: in the environment of each command of the person.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origin, self.clone = folder / "origin", folder / "clone"
        self.home, self.elsewhere = folder / "home", folder / "elsewhere"
        self.variables: dict[str, str] = {}
        self.home.mkdir()
        self.elsewhere.mkdir()

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        measured = {key: os.environ[key] for key in os.environ if key.startswith("COVERAGE_")}
        return {"PATH": os.environ["PATH"], "HOME": str(home), **measured, **self.variables, **more}

    def cde(self, *words: str, at: Path | None = None, **more: str) -> tuple[int, str]:
        """The exit code of the person's command in the clone, and what was said."""
        given = self.environment(self.home, **more)
        done = in_words(cde(*words, cwd=at or self.clone, environment=given))
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        assert "E999" not in said, said
        return done.returncode, said

    def trust_again(self, at: Path | None = None, **more: str) -> str:
        """What was said when the person trusted what is there now, at a terminal."""
        given = of_a_person(self.environment(self.home, **more))
        with terminal("trust", "--yes", cwd=at or self.clone, environment=given) as screen:
            said = screen.end()
        assert (screen.code, "Trusted from now on" in said) == (0, True), said
        return said

    def json(self, *words: str, at: Path | None = None, **more: str) -> dict[str, Any]:
        """What it printed as JSON."""
        given = self.environment(self.home, **more)
        done = in_words(cde(*words, "--json", cwd=at or self.clone, environment=given))
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def code(self, *words: str, at: Path | None = None, **more: str) -> str | None:
        """The code that a command is refused with."""
        error = self.json(*words, at=at, **more).get("error")
        return error["code"] if error else None

    def listing(self) -> dict[str, tuple[object, ...]]:
        """Everything in the clone and in the home, but what the person trusts."""
        found: dict[str, tuple[object, ...]] = {}
        inner = (".", ".config", ".local", ".local/state")
        own = {self.home / each for each in inner}  # they change with what is in them
        for top in (self.clone, self.home):
            for path in (top, *sorted(top.rglob("*"))):
                if path in own or {"cde-orchestrator", "projects"} & {*path.parts} == {
                    "cde-orchestrator"
                }:
                    continue  # what is trusted, and which servers run
                about = path.lstat()
                content = path.read_bytes() if stat.S_ISREG(about.st_mode) else b""
                found[str(path)] = (about.st_mode, about.st_ino, about.st_mtime_ns, content)
        return found

    def leave_server_file(self) -> None:
        """Have what a server of the clone would leave for the person's commands."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOME", str(self.home))
            patch.delenv("XDG_STATE_HOME", raising=False)
            file = server_folder(self.clone) / FILE
        file.parent.mkdir(parents=True, mode=0o700)
        file.write_text("{}")
        file.chmod(0o600)

    def clone_again(self) -> None:
        """Have the clone at its path, as if it had just come."""
        shutil.copytree(self.origin, self.clone, symlinks=True)


def git(folder: Path, *words: str) -> None:
    """Run git as somebody."""
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True)


def made(world: World) -> None:
    """Make the stranger's project, with everything that the product ever writes."""
    own = {**world.environment(world.elsewhere), VARIABLE: str(world.origin)}

    def run(*words: str) -> None:
        done = in_words(cde(*words, cwd=world.origin, environment=own))
        assert done.returncode == 0, done.stdout + done.stderr

    world.origin.mkdir()
    git(world.origin, "init", "--quiet", "--initial-branch", "main")
    git(world.origin, "commit", "--quiet", "--allow-empty", "--message", "First")
    run("init")
    run("start", "Add a login page", "--name", "login", "--workflow", "quick-fix")
    run("health")
    (world.origin / "check.sh").write_text(f"touch {world.folder}/RAN\n")
    (world.origin / "notify.sh").write_text(f"touch {world.folder}/RAN\n")
    (world.origin / ".cde" / "workflow.yml").write_text(WORKFLOW)
    (world.origin / ".cde" / "config.toml").write_text(SETTINGS)
    prompts = world.origin / ".cde" / "prompts" / "short"
    prompts.mkdir(parents=True)
    (prompts / "plan.md").write_text("The stranger's words for {{ feature }}.\n")
    git(world.origin, "add", "--all")
    git(world.origin, "commit", "--quiet", "--message", "All")
    run("start", "Add a search", "--name", "search")
