"""Repositories of git for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cde_orchestrator.application.ports.proving import SourceTree, SourceTrees

IDENTITY = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")


def git(folder: Path, *words: str) -> str:
    """What a command that must succeed says, without the space around it."""
    done = subprocess.run(
        ["git", *IDENTITY, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def repository_at(folder: Path) -> Path:
    """A new repository with a commit, and a branch ``old`` from before anything else."""
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("words\n")
    commit_first(folder)
    git(folder, "branch", "old")
    return folder


def commit_first(folder: Path) -> None:
    """Make a repository of a folder, with a commit of all that is there."""
    git(folder, "init", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--message=Begin")


def name_author(folder: Path) -> None:
    """Let a repository say who commits in it, as the product does."""
    git(folder, "config", "user.name", "Ann")
    git(folder, "config", "user.email", "ann@example.com")


def keep_now(trees: SourceTrees, root: Path, name: str) -> SourceTree:
    """The source now, kept by this name, and nothing else for the project."""
    found = trees.now(root)
    trees.keep(root, "project", name, found.id, [name])
    return found
