"""A project with scripted agents, and ``cde`` in it as a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.command_line import cde, program
from tests.session_guard import MARK

AGENT = Path(__file__).with_name("scripted_agent.py")
PHASES = ["define", "decompose", "design", "implement", "test", "review"]


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def reply(self) -> dict[str, Any]:
        """Standard output as JSON."""
        reply: dict[str, Any] = json.loads(self.out)
        return reply

    @property
    def error(self) -> str:
        """The code of the error that ``--json`` told."""
        assert self.code == 1, self.err
        code: str = self.reply["error"]["code"]
        return code


@dataclass
class Stage:
    """A folder with a project, a home and what the agents remember."""

    folder: Path
    path: str | None = None

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def environment(self) -> dict[str, str]:
        measured = [key for key in os.environ if key.startswith("COVERAGE_")]
        names = ("PATH", "LANG", VARIABLE, MARK, *measured)
        kept = {key: os.environ[key] for key in names if key in os.environ}
        kept |= {"PATH": self.path} if self.path else {}
        return {**kept, "HOME": str(self.folder / "home"), "SECRET_KEY": "hidden", "SCRIPT_X": "1"}

    def build(self, workflow: str | None = None, **agents: str) -> None:
        """Onboard the project and define agents: name to modes."""
        for folder in (self.project, self.state, self.folder / "home"):
            folder.mkdir()
        assert self.cde("init").code == 0
        if workflow is not None:
            (self.project / ".cde" / "workflow.yml").write_text(workflow, encoding="utf-8")
        self.define(**agents)

    def define(self, **agents: str) -> None:
        """Define agents in the project's settings, and trust them."""
        lines = []
        for name, modes in agents.items():
            command = [sys.executable, str(AGENT), str(self.state)]
            lines += [
                f"[agents.{name}]",
                f"command = {json.dumps([*command, modes])}",
                f"version = {json.dumps([*command, '--version'])}",
                'environment = ["SCRIPT_*"]',
            ]
        settings = self.project / ".cde" / "config.toml"
        settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert self.cde("agents", "trust", *agents, "--yes").code == 0

    def start(self, name: str, workflow: str | None = None) -> None:
        """Start a feature."""
        options = ["--workflow", workflow] if workflow else []
        assert self.cde("start", "Add a column to the report", "--name", name, *options).code == 0

    def command(self, *words: str) -> list[str]:
        return [*program(self.environment), *words, "--project", str(self.project)]

    def cde(self, *words: str) -> Done:
        """Run a command to its end."""
        done = cde(
            *words, "--project", str(self.project), cwd=Path.cwd(), environment=self.environment
        )
        err = done.stderr.decode()
        assert "Traceback" not in err
        return Done(done.returncode, done.stdout.decode(), err)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command; its standard error can be read line by line."""
        return subprocess.Popen(
            self.command(*words),
            # One that is killed would leave a broken measurement behind.
            env={k: v for k, v in self.environment.items() if not k.startswith("COVERAGE_")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, feature: str, agents: str = "agent", *options: str) -> Done:
        """Run a feature with agents, answering with JSON."""
        return self.cde("run", feature, "--agent", agents, "--json", *options)

    def phase_of(self, feature: str) -> str | None:
        """The phase that a feature is in."""
        phase: str | None = self.cde("status", feature, "--json").reply["feature"]["current_phase"]
        return phase

    def remembered(self, name: str) -> list[str]:
        """Lines that the agents wrote into a file of the state folder."""
        path = self.state / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def prompts(self) -> list[dict[str, str]]:
        """What the agents were asked, in order."""
        return [json.loads(line) for line in self.remembered("prompts")]

    def left_processes(self) -> Sequence[int]:
        """Processes of agents that still run."""
        return [
            process
            for process in map(int, self.remembered("children"))
            if psutil.pid_exists(process)
            and psutil.Process(process).status() != psutil.STATUS_ZOMBIE
        ]


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """The next line of standard error that holds the words."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"{words!r} never came")
