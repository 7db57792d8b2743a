"""Files that git ignores, where work was written into them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git import ignored
from cde_orchestrator.adapters.git.version_control import GitVersionControl
from tests.repository import repository_at

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def write(path: Path, minutes: int) -> None:
    """Write a file so many minutes after noon."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x = 1\n")
    at = NOON.timestamp() + 60 * minutes
    os.utime(path, (at, at))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = repository_at(tmp_path / "project")
    (root / ".gitignore").write_text("local/\n*.log\n__pycache__/\n.venv/\n")
    return root


def test_what_was_written_since_is_named_and_nothing_that_tools_make(root: Path) -> None:
    for name in (
        "local/a.py",
        "local/deep/b.py",
        "c.log",
        "c.attempt-1.log",
        "__pycache__/d.py",
        ".venv/e.py",
    ):
        write(root / name, 1)
    write(root / "local" / "old.py", -1)
    write(root / "known.py", 1)
    (root / "local" / "link.py").symlink_to(root / "known.py")
    write(root / ".cde" / "f.log", 1)

    found = GitVersionControl().ignored_since(root, NOON)

    assert found == ["c.attempt-1.log", "c.log", "local/a.py", "local/deep/b.py"]


def test_no_more_is_looked_at_than_is_quick(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignored, "LOOKED_AT", 3)
    for number in range(9):
        write(root / "local" / f"{number}.py", 1)

    assert GitVersionControl().ignored_since(root, NOON) == ["local/0.py", "local/1.py"]


def test_what_goes_meanwhile_is_omitted(root: Path) -> None:
    assert ignored.written_since(root, ["gone.py"], NOON) == []


def test_without_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert GitVersionControl().ignored_since(tmp_path, NOON) == []
