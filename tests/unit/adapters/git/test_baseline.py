"""What a feature changed is seen in a real repository, and what was there before is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git import version_control
from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.adapters.git.version_control import GitVersionControl
from cde_orchestrator.domain.records import Baseline
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from tests.repository import git

Act = Callable[[Path], object]


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    return git(folder, "commit", "-qm", "More", "--allow-empty")


def executable(root: Path) -> Path:
    (root / "code.py").chmod(0o755)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a commit, and beside it what somebody has not committed yet."""
    git(tmp_path, "init", "-q", "-b", "main")
    put(tmp_path / "code.py", "a = 1\nb = 2\n")
    put(tmp_path / "half.py", "half = 1\n")
    put(tmp_path / "gone.py", "gone = 1\n")
    put(tmp_path / ".gitignore", "*.log\n")
    commit(tmp_path)
    put(tmp_path / "half.py", "half = 2\n")
    (tmp_path / "gone.py").unlink()
    put(tmp_path / "new" / "né.py", "new = 1\n")
    return tmp_path


def baseline(root: Path) -> Baseline:
    """As it was taken when the feature began."""
    taken = GitVersionControl().baseline(root)
    assert taken is not None
    return taken


def test_what_is_not_committed_is_kept_in_mind_by_its_digest(root: Path) -> None:
    taken = baseline(root)

    assert taken.commit == git(root, "rev-parse", "HEAD")
    assert set(taken.dirty) == {"half.py", "gone.py", "new/né.py"}
    assert taken.dirty["gone.py"] is None
    assert len(set(taken.dirty.values())) == 3


def act(name: str) -> Act:
    """Something that a test does in the repository, by name."""
    acts: dict[str, Act] = {
        "nothing": lambda root: None,
        "an empty commit": lambda root: git(root, "commit", "-qm", "x", "--allow-empty"),
        "what was there is committed": commit,
        "another mode": executable,
        "another mode, committed": lambda root: (executable(root), commit(root)),
        "the same bytes": lambda root: put(root / "code.py", "a = 1\nb = 2\n"),
        "blank lines": lambda root: put(root / "code.py", "a = 1\n\nb = 2\n \n"),
        "an ignored file": lambda root: put(root / "x.log", "x"),
        "an empty file": lambda root: put(root / "empty.py", ""),
        "a file of the product": lambda root: put(root / ".cde" / "workflow.yml", "x"),
        "another repository": lambda root: git(root, "init", "-q", "inner"),
        "an edit": lambda root: put(root / "code.py", "a = 1\nb = 3\n"),
        "an edit, staged": lambda root: (put(root / "code.py", "a\n"), git(root, "add", "-A")),
        "an edit, committed": lambda root: (put(root / "code.py", "a\n"), commit(root)),
        "a deletion": lambda root: (root / "code.py").unlink(),
        "a new file": lambda root: put(root / "more" / "c.py", "c = 1\n"),
        "a binary": lambda root: (root / "b.bin").write_bytes(b"\0\1"),
        "a binary, committed": lambda root: ((root / "b").write_bytes(b"\0\1"), commit(root)),
        "a link": lambda root: (root / "link").symlink_to("code.py"),
        "more of an edit": lambda root: put(root / "half.py", "half = 3\n"),
        "an edit taken back": lambda root: git(root, "checkout", "-q", "half.py"),
        "more of a new file": lambda root: put(root / "new" / "né.py", "new = 2\n"),
        "a new file that goes": lambda root: (root / "new" / "né.py").unlink(),
        "a deletion taken back": lambda root: git(root, "checkout", "-q", "gone.py"),
    }
    return acts[name]


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "an empty commit",
        "what was there is committed",
        "another mode",
        "another mode, committed",
        "the same bytes",
        "blank lines",
        "an ignored file",
        "an empty file",
        "a file of the product",
        "another repository",
    ],
)
def test_what_changes_no_bytes_of_the_project_is_no_change(root: Path, name: str) -> None:
    taken = baseline(root)
    act(name)(root)

    assert GitVersionControl().changed_since(root, taken) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("an edit", "code.py"),
        ("an edit, staged", "code.py"),
        ("an edit, committed", "code.py"),
        ("a deletion", "code.py"),
        ("a new file", "more/c.py"),
        ("a binary", "b.bin"),
        ("a binary, committed", "b"),
        ("a link", "link"),
        ("more of an edit", "half.py"),
        ("an edit taken back", "half.py"),
        ("more of a new file", "new/né.py"),
        ("a new file that goes", "new/né.py"),
        ("a deletion taken back", "gone.py"),
    ],
)
def test_what_differs_since_is_named(root: Path, name: str, path: str) -> None:
    taken = baseline(root)
    act(name)(root)

    assert GitVersionControl().changed_since(root, taken) == [path]


def test_the_index_of_the_person_is_left_alone(root: Path) -> None:
    index = root / ".git" / "index"
    git(root, "status")  # which refreshes it
    before = index.read_bytes()
    taken = baseline(root)
    put(root / "code.py", "a = 3\n")
    GitVersionControl().changed_since(root, taken)

    assert index.read_bytes() == before


def test_in_a_folder_of_the_repository_paths_are_told_from_there(root: Path) -> None:
    inner = root / "inner"
    inner.mkdir()
    taken = baseline(inner)
    put(inner / "specs" / "x.md", "x")
    put(root / "lib" / "y.py", "y")

    assert GitVersionControl().changed_since(inner, taken) == ["../lib/y.py", "specs/x.md"]


def test_what_git_was_set_to_does_not_hide_anything(root: Path) -> None:
    inner = root / "inner"
    inner.mkdir()
    for key, value in (
        ("status.showUntrackedFiles", "no"),
        ("diff.relative", "true"),
        ("diff.external", "false"),
        ("color.ui", "always"),
    ):
        git(root, "config", key, value)
    taken = baseline(inner)
    put(root / "code.py", "a = 3\n")

    assert "new/né.py" in taken.dirty
    assert GitVersionControl().changed_since(inner, taken) == ["../code.py"]


def test_a_link_that_was_there_counts_by_where_it_leads(root: Path) -> None:
    (root / "link").symlink_to("code.py")
    taken = baseline(root)
    assert GitVersionControl().changed_since(root, taken) == []
    (root / "link").unlink()
    (root / "link").symlink_to("half.py")

    assert GitVersionControl().changed_since(root, taken) == ["link"]


@pytest.mark.parametrize("limit", ["DIRTY_LIMIT", "DIRTY_LIMIT_BYTES"])
def test_of_too_much_nothing_is_kept_in_mind(
    root: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(version_control, limit, 2)

    assert GitVersionControl().baseline(root) is None


def test_what_is_no_file_of_the_project_is_not_read(root: Path) -> None:
    for name in ("d/zero", "e/file.py"):
        put(root / name, "committed\n")
    commit(root)
    (root / "d" / "zero").unlink()
    (root / "d").rmdir()
    (root / "d").symlink_to("/dev")
    (root / "code.py").unlink()
    os.mkfifo(root / "code.py")
    taken = baseline(root)

    assert taken.dirty["d/zero"] is None
    assert taken.dirty["code.py"] is not None
    assert GitVersionControl().changed_since(root, taken) == []
    (root / "code.py").unlink()
    put(root / "half.py", "half = 3\n").rename(root / "code.py")
    os.mkfifo(root / "half.py")
    assert GitVersionControl().changed_since(root, taken) == ["code.py", "half.py"]


def test_a_file_that_grew_beyond_the_limit_has_changed_and_is_not_read(root: Path) -> None:
    put(root / "half.py", "half = 2\n")
    commit(root)
    put(root / "code.py", "a = 2\n")
    put(root / "half.py", "half = 3\n")
    taken = baseline(root)
    os.truncate(root / "code.py", 400 * 1024**3)

    assert GitVersionControl().changed_since(root, taken) == ["code.py"]


def test_the_limit_is_for_all_files_together(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = baseline(root)
    monkeypatch.setattr(version_control, "DIRTY_LIMIT_BYTES", len("half = 2\n"))

    assert GitVersionControl().changed_since(root, taken) == ["new/né.py"]
    assert GitVersionControl().baseline(root) is None


def test_without_a_commit_nothing_is_known(tmp_path: Path) -> None:
    known = Baseline("0" * 40, {})
    assert GitVersionControl().baseline(tmp_path) is None
    assert GitVersionControl().changed_since(tmp_path, known) is None
    git(tmp_path, "init", "-q")
    assert GitVersionControl().baseline(tmp_path) is None
    assert GitVersionControl().changed_since(tmp_path, known) is None


def test_of_a_commit_that_is_gone_nothing_is_known(root: Path) -> None:
    assert GitVersionControl().changed_since(root, Baseline("0" * 40, {})) is None


def test_in_a_worktree_only_its_own_work_counts(root: Path, tmp_path: Path) -> None:
    taken = baseline(root)
    folder = tmp_path / ".cde" / "worktrees" / "login"
    git(root, "worktree", "add", "-q", str(folder))
    control = GitVersionControl(BreakerRegistry(root), folder)

    assert control.changed_since(root, taken) == []
    put(folder / "half.py", "half = 2\n")
    assert control.changed_since(root, taken) == ["half.py"]
    again = control.baseline(root)
    assert again is not None
    assert set(again.dirty) == {"half.py"}


def test_lines_are_counted_between_the_beginning_and_now(root: Path) -> None:
    trees, control = GitSourceTrees(), GitVersionControl()
    before = trees.now(root).id
    put(root / "code.py", "a = 1\nc = 3\nd = 4\n")
    (root / "bytes").write_bytes(b"a\0b")
    put(root / "new" / "né.py", "")
    after = trees.now(root).id

    expected = {"code.py": (2, 1), "bytes": (0, 0), "new/né.py": (0, 1)}
    assert control.lines_between(root, before, after) == expected
    assert control.lines_between(root / "new", before, after) == {"né.py": (0, 1)}
    assert control.lines_between(root, before, before) == {}


def test_without_a_tree_no_lines_can_be_counted(root: Path) -> None:
    assert GitVersionControl().lines_between(root, "0" * 40, "HEAD") is None
