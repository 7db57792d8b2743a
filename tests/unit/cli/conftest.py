"""Commands run inside the test's own process, on a real folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer import testing
from typer.main import get_command
from typer.testing import CliRunner

from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.cli.app import app
from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging


class Terminal:
    """Runs commands in a folder; nobody looks at a screen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.exit_code = 0
        self.stderr = ""

    def run(self, *arguments: str, stdin: str | bytes = "") -> str:
        """What the command writes on standard output; the rest is kept here."""
        result = CliRunner().invoke(app, list(arguments), input=stdin, prog_name="cde")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.exit_code, self.stderr = result.exit_code, result.stderr
        return result.stdout

    def answer(self, *arguments: str, stdin: str | bytes = "") -> dict[str, Any]:
        """The reply of a command that must succeed."""
        text = self.run(*arguments, "--json", stdin=stdin)
        assert (self.exit_code, self.stderr) == (0, ""), text
        reply: dict[str, Any] = json.loads(text)
        return reply

    def refused(self, *arguments: str, stdin: str | bytes = "") -> str:
        """The code of a command that must be refused."""
        text = self.run(*arguments, "--json", stdin=stdin)
        assert (self.exit_code, self.stderr) == (1, ""), text
        code: str = json.loads(text)["error"]["code"]
        return code

    def misused(self, *arguments: str) -> str:
        """What a command says that was not used as its help says."""
        text = self.run(*arguments)
        assert self.exit_code == 2
        assert not (text and self.stderr)
        assert text == "" or "--json" in arguments
        return text or self.stderr


@pytest.fixture(scope="session", autouse=True)
def commands_built_once() -> Iterator[None]:
    """The runner builds them all for each command otherwise, which takes longer than to run one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testing, "_get_command", cache(get_command))
        yield


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal in a folder that holds no project; the command's logging ends with the test."""
    monkeypatch.chdir(tmp_path)
    for name in ("CDE_LOG_LEVEL", "CDE_CORRELATION_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    yield Terminal(tmp_path)
    stop_logging()


@pytest.fixture
def at_project(terminal: Terminal) -> Terminal:
    """A terminal in an onboarded project."""
    application = build_application(terminal.folder)
    application.handle(OnboardProject(name="shop"))
    application.close()
    return terminal
