"""A file of 1 GB in the place of any file that the product reads costs no memory and no time."""

from __future__ import annotations

import os
import subprocess
from itertools import chain
from pathlib import Path

import pytest

from cde_orchestrator.adapters.runners.server_file import FILE, server_folder
from tests.command_line import cde, in_words

GIGABYTE = 1 << 30
MEMORY_BYTES = 1_024_000_000
"""What a command may address: less than the file has."""
SERVER_FILE = "what a server leaves"
"""In the user's own folder."""
COMMANDS = ("status", "start Again", "doctor")
READERS = {
    "cde.log": ("logs",),
    "errors": ("errors list",),
    "state.json": ("state verify", "submit login define", "trust --list"),
    "journal.jsonl": ("state verify", "submit login define"),
    "spec.md": ("submit login define", "status login --prompt"),
    "workflow.yml": ("workflow list", "trust --list"),
    SERVER_FILE: ("dashboard --stop",),
    "config.toml": ("agents list", "trust --list"),
}
"""What reads a file in addition, by a part of its name."""
FILES = (
    ".cde/state.json",
    ".cde/journal.jsonl",
    ".cde/config.toml",
    ".cde/workflow.yml",
    ".cde/rules.md",
    ".cde/prompts/standard/define.md",
    ".cde/lock",
    ".cde/logs/cde.log",
    ".cde/telemetry.db",
    ".cde/telemetry.db-pending",
    ".cde/breakers/git.json",
    SERVER_FILE,
    ".cde/errors/20250101T000000000000-E203-00000000.json",
    ".gitignore",
    "pyproject.toml",
    "package.json",
    "noxfile.py",
    ".github/pull_request_template.md",
    "specs/login/spec.md",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for words in ("init", "start Log-in --name login"):
        assert run(root, words).returncode == 0
    return root


def environment(root: Path) -> dict[str, str]:
    """Of a person whose folders are next to the project."""
    return {"HOME": str(root.parent), "XDG_STATE_HOME": str(root.parent / "kept")}


def run(root: Path, words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that may not address more memory than that."""
    own = {**os.environ, **environment(root)}
    return in_words(cde(*words.split(), cwd=root, environment=own, memory_bytes=MEMORY_BYTES))


@pytest.mark.parametrize("name", FILES)
def test_every_command_ends_with_a_code_or_goes_without_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = project / name
    if name == SERVER_FILE:
        for variable, folder in environment(project).items():
            monkeypatch.setenv(variable, folder)
        file = server_folder(project) / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    more = [each for part, each in READERS.items() if part in name]
    for words in chain(COMMANDS, *more):
        file.unlink(missing_ok=True)
        file.touch(0o600)
        os.truncate(file, GIGABYTE)
        done = run(project, words)
        assert done.returncode in {0, 1, 2}, (words, done.stderr)
        for sign in ("E999", "Traceback", "MemoryError"):
            assert sign not in done.stdout + done.stderr, (words, done.stderr)


def test_so_does_every_copy_of_the_state(project: Path) -> None:
    copies = [path for path in project.parent.rglob("*.json*") if project not in path.parents]
    assert copies
    for copy in copies:
        content = copy.read_bytes()
        os.truncate(copy, GIGABYTE)
        for words in ("status", "start Again", "doctor", "state verify"):
            done = run(project, words)
            assert "E999" not in done.stdout + done.stderr, (copy, words, done.stderr)
            assert "MemoryError" not in done.stderr, (copy, words)
        copy.unlink(missing_ok=True)
        copy.write_bytes(content)
