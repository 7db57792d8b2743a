"""Folders of their own for features, by git."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.git.git_process import Git, GitBrokenError, GitError
from cde_orchestrator.adapters.git.worktrees import GitWorktrees
from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
from cde_orchestrator.application.ports.core import OutputText
from cde_orchestrator.domain.exceptions import (
    CircuitBreakerOpenError,
    OutputError,
    StateError,
)
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from tests.nobody import as_nobody, give_to_nobody
from tests.repository import git


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a project in a folder of it."""
    root = tmp_path / "repository" / "shop"
    (root / ".cde").mkdir(parents=True)
    (root / "code.py").write_text("x = 1\n")
    (root / ".cde" / ".gitignore").write_text("*\n")
    git(root.parent, "init", "--quiet")
    git(root.parent, "add", ".")
    git(root.parent, "commit", "--quiet", "-m", "Begin")
    return root


def test_a_feature_gets_a_folder_on_its_branch_once(root: Path) -> None:
    worktrees = GitWorktrees(root, BreakerRegistry())
    assert not worktrees.has("north")
    folder = worktrees.folder_for("north")
    assert folder == root.parent.with_name("repository-worktrees") / "shop" / "north" / "shop"
    assert (folder / "code.py").is_file()
    assert worktrees.has("north")
    assert worktrees.folder_for("north") == folder


def test_git_is_asked_once_for_each_fact_and_not_at_all_where_there_is_no_folder(
    root: Path,
) -> None:
    worktrees = GitWorktrees(root, BreakerRegistry())
    worktrees.folder_for("north")
    with capture_logs() as logs:
        assert not worktrees.has("south")
    assert logs == []
    with capture_logs() as logs:
        worktrees.folder_for("north")
    assert [each["command"] for each in logs] == ["rev-parse"] * 3


def test_a_worktree_in_the_projects_own_folder_is_still_used(root: Path) -> None:
    place = root / ".cde" / "worktrees" / "north"
    git(root, "worktree", "add", "--quiet", "-b", "feature/north", str(place))
    worktrees = GitWorktrees(root, BreakerRegistry())
    assert worktrees.has("north")
    assert worktrees.folder_for("north") == place / "shop"
    assert worktrees.folder_for("south") != root / ".cde" / "worktrees" / "south" / "shop"


def test_where_nothing_can_be_made_next_to_the_repository_its_own_folder_serves(
    root: Path,
) -> None:
    give_to_nobody(root.parent)
    root.parent.parent.chmod(0o555)
    try:
        with as_nobody(root):
            folder = GitWorktrees(root, BreakerRegistry()).folder_for("north")
    finally:
        root.parent.parent.chmod(0o755)
    assert folder == root / ".cde" / "worktrees" / "north" / "shop"


def test_a_branch_that_exists_is_used(root: Path) -> None:
    git(root, "branch", "feature/north")
    assert GitWorktrees(root, BreakerRegistry()).folder_for("north") is not None


@pytest.mark.parametrize("linked", ["worktrees", "worktrees/north"])
@pytest.mark.parametrize("holds", ["a repository", "nothing"])
def test_a_link_in_the_place_of_a_worktree_leads_nobody_out_of_the_project(
    root: Path, tmp_path: Path, linked: str, holds: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "north").mkdir(parents=True)
    place = root / ".cde" / linked
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(elsewhere)
    if holds == "a repository":
        git(elsewhere, "init", "--quiet")
        git(elsewhere / "north", "init", "--quiet")
    before = sorted(elsewhere.rglob("*"))
    worktrees = GitWorktrees(root, BreakerRegistry())

    assert not worktrees.has("north")
    with capture_logs() as logs:
        assert worktrees.folder_for("north") is None
    assert sorted(elsewhere.rglob("*")) == before
    assert "a link is in its place" in str(logs) or logs[0]["log_level"] == "info"


@pytest.mark.parametrize("around", [True, False])
def test_what_is_no_worktree_of_the_repository_is_not_worked_in(root: Path, around: bool) -> None:
    place = root / ".cde" / "worktrees" / "north"
    place.mkdir(parents=True)
    if around:  # another worktree of the same repository, under another name
        git(root, "worktree", "add", "--quiet", "-b", "other", str(root.parent / "other"))
        (place / ".git").write_text(f"gitdir: {root.parent / '.git'}\n")
        git(root, "config", "core.worktree", str(root.parent / "other"))
    else:
        git(place, "init", "--quiet")
    worktrees = GitWorktrees(root, BreakerRegistry())

    assert not worktrees.has("north")
    assert worktrees.folder_for("north") is None


def test_no_hook_of_the_repository_is_run(root: Path, tmp_path: Path) -> None:
    hook = root.parent / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    hook.chmod(0o755)
    assert GitWorktrees(root, BreakerRegistry()).folder_for("north") is not None
    assert not (tmp_path / "was-run").exists()


def test_of_a_worktree_whose_files_cannot_be_written_nothing_is_left(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / ".gitattributes").write_text("*.py filter=broken\n")
    git(root, "add", ".gitattributes")
    git(root, "commit", "--quiet", "-m", "Filter")
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = tmp_path / ".gitconfig"
    settings.write_text('[filter "broken"]\n\tsmudge = false\n\trequired = true\n')
    worktrees = GitWorktrees(root, BreakerRegistry())
    assert worktrees.folder_for("north") is None
    assert not worktrees.has("north")
    settings.unlink()
    assert worktrees.folder_for("north") is not None


def levels(logs: Sequence[Mapping[str, Any]]) -> list[str]:
    """How severe the lines are, beside those that tell each command."""
    return [each["log_level"] for each in logs if each["event"] != "git_ran"]


def test_what_is_wrong_with_git_is_said_once(root: Path) -> None:
    git(root, "checkout", "--quiet", "-b", "feature/north")
    worktrees = GitWorktrees(root, BreakerRegistry())
    with capture_logs() as logs:
        assert worktrees.folder_for("north") is None
        assert worktrees.folder_for("north") is None
    assert levels(logs) == ["warning", "info"]


def test_outside_of_a_repository_nothing_is_said(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert GitWorktrees(tmp_path, BreakerRegistry()).folder_for("north") is None
    assert levels(logs) == ["info"]


def test_a_missing_git_counts_and_a_refusing_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Git(tmp_path, BreakerRegistry())
    for _ in range(6):
        with pytest.raises(GitError):
            command.run("rev-parse", "--no-such-thing")
    monkeypatch.setenv("PATH", str(tmp_path))
    for _ in range(5):
        with pytest.raises(GitBrokenError):
            command.run("version")
    with pytest.raises(CircuitBreakerOpenError):
        command.run("version")


def test_outputs_are_made_in_the_worktree_and_accepted_into_the_project(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "folder"
    root.mkdir()
    folder.mkdir()
    files = FilesystemProjectFiles(worktree=folder)
    files.write(root, [OutputText("a/spec.md", "made", "spec")])
    assert not (root / "a").exists()
    assert files.read(root, "a/spec.md", "spec") == b"made\n"
    assert files.excerpt(root, "a/spec.md") == "made"
    artifact = files.record(root, "a/spec.md", "spec", b"made\n")
    assert (artifact.path, artifact.size) == ("a/spec.md", 5)
    assert (root / "a" / "spec.md").read_bytes() == b"made\n"


def test_what_a_person_put_into_the_project_is_read_too(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "folder"
    root.mkdir()
    folder.mkdir()
    (root / "answer.md").write_text("yes\n")
    files = FilesystemProjectFiles(worktree=folder)
    assert files.read(root, "answer.md", "answer") == b"yes\n"
    assert files.excerpt(root, "answer.md") == "yes"
    assert files.read(root, "nothing.md", "nothing") is None


def test_accepted_outputs_are_brought_unless_they_are_there(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "folder"
    root.mkdir()
    folder.mkdir()
    (root / "a.md").write_text("project's\n")
    (root / "b.md").write_text("project's\n")
    (folder / "b.md").write_text("worktree's\n")
    names = ("a.md", "b.md", "gone.md")
    FilesystemProjectFiles(worktree=folder).bring(
        root, [{"id": "x", "path": name, "sha256": "", "size": 0} for name in names]
    )
    assert (folder / "a.md").read_text() == "project's\n"
    assert (folder / "b.md").read_text() == "worktree's\n"
    assert not (folder / "gone.md").exists()


def test_what_is_put_back_is_not_hidden_by_what_was_made(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "folder"
    root.mkdir()
    folder.mkdir()
    files = FilesystemProjectFiles(worktree=folder)
    files.record(root, "spec.md", "spec", b"accepted\n")
    (folder / "spec.md").write_text("changed\n")
    assert files.set_aside(root, "spec.md", "spec") == "spec.md.before-rollback"
    files.restore(root, "spec.md", "spec", b"accepted\n")
    assert (folder / "spec.md.before-rollback").read_text() == "changed\n"
    assert (folder / "spec.md").read_bytes() == (root / "spec.md").read_bytes() == b"accepted\n"
    (folder / "spec.md").unlink()
    assert files.set_aside(root, "spec.md", "spec") == "spec.md.before-rollback"
    assert (root / "spec.md.before-rollback").read_text() == "accepted\n"


def test_nothing_is_put_where_it_must_not_or_cannot_be(tmp_path: Path) -> None:
    files = FilesystemProjectFiles(worktree=tmp_path)
    with pytest.raises(OutputError):
        files.restore(tmp_path, "../a.md", "a", b"")
    with pytest.raises(StateError):
        FilesystemProjectFiles(FullDisk(), tmp_path).restore(tmp_path, "a.md", "a", b"x")


class FullDisk(OsFileOps):
    """No file can be made any more."""

    def create(self, path: Path) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
