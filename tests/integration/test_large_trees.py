"""A project of 20,000 files: a feature in it is as short to read as in any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line import cde
from tests.integration.deliverables import deliverable
from tests.repository import git

FOLDERS, FILES = 100, 200


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A repository with so many files."""
    root = tmp_path / "large"
    for folder in range(FOLDERS):
        (root / f"part{folder}").mkdir(parents=True)
    write(root, "x = 1\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "First")
    assert cde("init", cwd=root).returncode == 0
    return root


def write(root: Path, text: str) -> None:
    """The same text into every file."""
    for number in range(FOLDERS * FILES):
        (root / f"part{number % FOLDERS}" / f"module{number}.py").write_text(text)


def submit(root: Path, phase: str, output: str, *headings: str) -> str:
    """Deliver a phase; what is printed."""
    text = deliverable({"must_contain": headings, "verdict": [], "min_bytes": 250})
    done = cde("submit", "large", phase, "--results", json.dumps({output: text}), cwd=root)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_a_change_of_every_file_of_20_000_is_recorded_and_short_to_read(large: Path) -> None:
    started = cde("start", "Fix x", "-n", "large", "-w", "quick-fix", cwd=large)
    assert started.returncode == 0
    submit(large, "reproduce", "reproduction", "## Symptom", "## Steps", "## Cause")
    write(large, "x = 2\n")

    fixed = submit(large, "fix", "fix", "## Change", "## Regression test")
    assert len(fixed) <= 12_000
    assert "Changed since the feature started: 20000 files, +20000 -20000 lines." in fixed
    assert fixed.count("> part") == 30
    assert "> and at least 70 more\n" in fixed
    status = cde("status", "large", "--full", "--json", cwd=large).stdout
    assert len(status) <= 60_000
    assert json.loads(status)["difference"] == {"files": 20_000, "added": 20_000, "removed": 20_000}
