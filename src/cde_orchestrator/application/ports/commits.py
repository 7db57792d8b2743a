"""What it takes to commit a feature's files and to offer them for review."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WorkTree:
    """What is checked out, as far as a commit depends on it; paths are relative to the folder.

    Attributes:
        branch: the current one; None where none is.
        under_way: what git has not ended yet, as ``a merge``; empty where there is nothing.
        changed: paths that are not as they were committed last; ``new`` those of them that git
            does not know yet, and ``staged`` those that are to be committed already.
        remote: where the branch is pushed to; empty where that is not known.
        is_default: whether the branch is the one that others are merged into.
    """

    branch: str | None
    under_way: str
    changed: frozenset[str]
    new: frozenset[str]
    staged: frozenset[str]
    remote: str
    is_default: bool


class Commits(Protocol):
    """Commits and pushes with the person's own git, which runs their hooks and filters.

    A person asks for it, of a folder that they trust: the project's, or that of the feature's
    worktree.
    """

    def work_tree(self, folder: Path) -> WorkTree:
        """What is checked out; nothing of the repository's own is run.

        Raises:
            CDESystemError: E922, there is no repository, or git refuses.
        """

    def last(self, folder: Path, paths: Collection[str]) -> str | None:
        """The commit that changed any of these paths last; None where there is none."""

    def is_pushed(self, folder: Path, remote: str, branch: str) -> bool:
        """Whether the remote has the branch as it is here, as of the last fetch or push."""

    def commit(
        self, folder: Path, paths: Sequence[str], new: Collection[str], message: str
    ) -> tuple[str, str]:
        """Commit exactly these paths; the commit, or empty where it is refused, and what was said.

        A refusal, as by a hook, leaves the index as it was.
        """

    def push(self, folder: Path, remote: str, branch: str) -> str:
        """Push a branch; why it was refused, empty where it was not."""

    def can_ask_for_review(self) -> bool:
        """Whether there is a program that opens pull requests."""

    def ask_for_review(self, folder: Path, branch: str, title: str, body: str) -> tuple[str, str]:
        """Open a pull request; its address, or empty where it is refused, and what was said."""
