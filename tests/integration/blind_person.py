"""A person who types the first command that an error prints, and thinks nothing of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from typer.testing import CliRunner

from cde_orchestrator.cli.app import app
from tests.command_line import cde, in_words

Run = Callable[[list[str]], tuple[int, str]]
"""Runs a command of ``cde``: its exit code, and everything that it says."""
PATIENCE = 3
"""How many printed commands are typed at the most."""
_PRINTED = re.compile(r"^ *\$ (cde .*)$", re.MULTILINE)


def in_this_process(words: list[str]) -> tuple[int, str]:
    """Run a command in a moment; nobody looks at a screen."""
    result = CliRunner().invoke(app, words, prog_name="cde")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def as_a_process(folder: Path) -> Run:
    """What runs a command in a process of its own."""

    def run(words: list[str]) -> tuple[int, str]:
        done = in_words(cde(*words, cwd=folder))
        return done.returncode, done.stdout + done.stderr

    return run


@dataclass
class BlindPerson:
    """Follows what is printed until the project works.

    Attributes:
        run: runs a command.
        root: the project's folder.
        typed: the printed commands that were typed.
        read: everything that was printed.
    """

    run: Run
    root: Path
    typed: list[str] = field(default_factory=list)
    read: str = ""

    def work(self) -> None:
        """Have ``cde status`` and ``cde start`` work."""
        for words in (["status"], ["start", "Work that comes after", "--name", "after"]):
            while (said := self._failed([*words, "--project", str(self.root)])) is not None:
                self._follow(said)

    def look(self, *words: str) -> tuple[int, str]:
        """Run a command that changes nothing."""
        code, said = self.run([*words, "--project", str(self.root)])
        self.read += said
        return code, said

    def _follow(self, said: str) -> None:
        """Type what is printed, and what that prints, until something succeeds."""
        while True:
            printed = _PRINTED.search(said)
            assert printed is not None, f"no command is printed:\n{self._story()}"
            command = printed[1].split("   # ")[0].strip()
            assert command not in self.typed[-1:], f"printed twice: {command}\n{self._story()}"
            assert len(self.typed) < PATIENCE, f"it leads nowhere\n{self._story()}"
            self.typed.append(command)
            words = shlex.split(command)[1:]
            # On a terminal it asks whether an empty project is to be there; the answer is yes.
            failed = self._failed([*words, *(["--yes"] if "--new" in words else [])])
            if failed is None:
                return
            said = failed

    def _failed(self, words: list[str]) -> str | None:
        """What a command says that does not succeed."""
        code, said = self.run(words)
        assert "Traceback" not in said, said
        self.read += f"$ cde {shlex.join(words)}\n{said}[{code}]\n"
        return said if code else None

    def _story(self) -> str:
        return "\n".join(line for line in self.read.splitlines() if not line.startswith("{"))
