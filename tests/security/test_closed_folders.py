"""Where a folder or file of the project cannot be read, each command says so by a code."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.command_line import cde
from tests.kept_folder import KeptFolder
from tests.repository import git

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="rights are given up as on Linux"),
]
PLACES = [".", ".cde", ".git", ".cde/logs", ".cde/state.json", ".git/cde"]
COMMANDS = [
    ("status",),
    ("project", "info"),
    ("list",),
    ("doctor",),
    ("health",),
    ("state", "verify"),
    ("submit", "shop"),
    ("start", "Sell more"),
    ("finish", "shop"),
    ("report", "shop"),
    ("connect", "claude-code", "--print"),
    ("hook", "SessionStart"),
]
UNFORESEEN = re.compile(r"E999|Traceback")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, KeptFolder]:
    """A project in a repository, with a feature."""
    folder = tmp_path_factory.mktemp("closed") / "all"
    root = folder / "project"
    root.mkdir(parents=True)
    (root / "code.py").write_text("x = 1\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "First")
    for words in (("init",), ("start", "Sell", "--name", "shop")):
        assert cde(*words, cwd=root, environment=environment_of(folder)).returncode == 0
    return root, KeptFolder(folder)


def environment_of(folder: Path) -> dict[str, str]:
    """One whose person's files are in the folder."""
    homes = {name: str(folder / "home") for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    return {**os.environ, **homes}


@pytest.mark.parametrize("place", PLACES)
def test_what_cannot_be_read_is_refused_by_a_code(
    project: tuple[Path, KeptFolder], place: str
) -> None:
    root, kept = project
    kept.restore()
    closed, environment = root / place, environment_of(root.parent)
    mode = closed.stat().st_mode
    unforeseen = {}
    closed.chmod(0)
    try:
        for words in COMMANDS:
            done = cde(
                "-C",
                str(root),
                *words,
                cwd=root.parent,
                environment=environment,
                is_powerless=True,
            )
            said = (done.stdout + done.stderr).decode("utf-8", "replace")
            if UNFORESEEN.search(said) or done.returncode not in {0, 1, 2}:
                unforeseen[words] = said
    finally:
        closed.chmod(mode)
    assert unforeseen == {}
