"""A place for one play: a home, a project with a feature, and nothing of the caller's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tools.agents.player import FEATURE, TESTED

CDE = Path(sys.executable).with_name("cde")
SECONDS = 300
"""After which a program counts as stuck."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended; ``code`` is None where it was killed because it took too long."""

    code: int | None
    output: str


@dataclass(frozen=True, slots=True)
class World:
    """Folders of one play.

    Attributes:
        programs: folders that come first on ``PATH``.
    """

    folder: Path
    programs: tuple[Path, ...]

    @property
    def home(self) -> Path:
        """The home of whoever runs the program."""
        return self.folder / "home"

    @property
    def project(self) -> Path:
        """The project."""
        return self.folder / "project"

    def write(self, path: Path, content: object) -> None:
        """Write settings, as JSON unless they are text already."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")

    def run(
        self, *words: str, stdin: str = "", variables: Mapping[str, str] | None = None
    ) -> Ended:
        """Run a program in the project to its end, or until it took too long."""
        process = subprocess.Popen(
            words,
            cwd=self.project,
            env={**self._environment(), **(variables or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(stdin, timeout=SECONDS)
            return Ended(process.returncode, output)
        except subprocess.TimeoutExpired:
            self.end()
            output, _ = process.communicate()
            return Ended(None, output)

    def cde(self, *words: str) -> Ended:
        """Run a command of the product's, which must succeed."""
        ended = self.run(str(CDE), *words)
        if ended.code != 0:
            raise SystemExit(f"cde {' '.join(words)}: {ended.output}")
        return ended

    def status(self) -> dict[str, Any]:
        """The feature, as the product shows it."""
        shown: dict[str, Any] = json.loads(self.cde("status", FEATURE, "--json").output)
        return shown

    def kill(self, port: int) -> None:
        """Kill the program of this world that is connected by this port."""
        for process in self.left():
            with suppress(psutil.Error):
                if any(each.laddr.port == port for each in process.net_connections()):
                    process.kill()

    def end(self) -> None:
        """Kill all programs of this world."""
        for process in self.left():
            with suppress(psutil.Error):
                process.kill()

    def left(self) -> list[psutil.Process]:
        """The programs that run in this world."""
        return [*filter(self._is_here, psutil.process_iter())]

    def _is_here(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("HOME") == str(self.home)
        except (psutil.Error, OSError):
            return False

    def _environment(self) -> dict[str, str]:
        path = [*map(str, self.programs), str(CDE.parent), "/usr/local/bin", "/usr/bin", "/bin"]
        return {
            "HOME": str(self.home),
            "PATH": os.pathsep.join(path),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "TMPDIR": str(self.folder / "tmp"),
        }


@contextmanager
def world(programs: Sequence[Path], settings: str = "") -> Iterator[World]:
    """A world with a project that has the feature, in the first phase of ``quick-fix``.

    Args:
        programs: folders that come first on ``PATH``.
        settings: of the project, as TOML.
    """
    with tempfile.TemporaryDirectory(prefix="cde-agents-", ignore_cleanup_errors=True) as name:
        made = World(Path(name).resolve(), (*programs,))
        for folder in (made.home, made.project, made.folder / "tmp"):
            folder.mkdir()
        made.write(made.project / "README.md", "# Shop\n")
        made.write(made.project / "Makefile", f"test:\n\t@echo {TESTED}\n")
        git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        made.run("git", "init", "--quiet")
        if settings:
            made.write(made.project / ".cde" / "config.toml", settings)
            made.cde("trust", "--yes")
        made.cde("init", "--yes")
        made.cde("trust", "--yes")
        made.cde("start", "Greet people by name", "--workflow", "quick-fix", "--name", FEATURE)
        made.run("git", "add", "--all")
        made.run(*git, "commit", "--quiet", "--message", "Begin")
        try:
            yield made
        finally:
            made.end()
