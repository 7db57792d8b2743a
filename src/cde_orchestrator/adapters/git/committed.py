"""What is committed: files of a tree, and what a file was before, as far as history is there."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cde_orchestrator.adapters.git.git_process import Git
from cde_orchestrator.adapters.git.listed import folder_inside, names_in, saying_why
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry

COMMITS_LIMIT = 500
"""Commits that are looked at, the latest ones."""


class GitCommittedFiles:
    """Files as they were committed; those of the work folder are not looked at."""

    def __init__(self, breakers: BreakerRegistry | None = None) -> None:
        self._breakers = breakers or BreakerRegistry()

    def folder(self, root: Path) -> str:
        """The project's folder in the repository; ``.`` where it is the whole of it.

        Raises:
            FeatureError: E136, git refuses.
        """
        with self._git(root) as (_, inside):
            return inside

    def listed(self, root: Path, tree: str, folder: str) -> Sequence[str]:
        """Paths of the files below a folder of the project in a tree.

        Raises:
            FeatureError: E136, the tree is gone, or git refuses.
        """
        with self._git(root) as (git, inside):
            below = posixpath.normpath(posixpath.join(inside, folder))
            listed = git.output("ls-tree", "-r", "-z", "--full-tree", "--name-only", tree, below)
        return [posixpath.relpath(path, inside) for path in names_in(listed)]

    def versions(
        self, root: Path, commit: str, path: str, *, not_after: str | None = None
    ) -> Sequence[bytes]:
        """What was committed of a file, up to a commit, the oldest first.

        Args:
            root: of the project.
            commit: the last one.
            path: of the file.
            not_after: omit what was committed on top of this commit; nothing at all is said where
                there are too many commits to see them all.

        Raises:
            FeatureError: E136, git refuses.
        """
        with self._git(root) as (git, inside):
            place = posixpath.normpath(posixpath.join(inside, path))
            after: frozenset[str] = frozenset()
            if not_after is not None:
                words = ("--ancestry-path", "--end-of-options", f"{not_after}..{commit}")
                after = frozenset(git.output("rev-list", *words).decode().split())
            commits = _commits(git, commit, f":(top,literal){place}", after)
            if not_after is not None and len(commits) == COMMITS_LIMIT:
                return []
            found: list[bytes] = []
            for each in reversed(commits):
                named = f"{each}:{place}"
                asked = git.output("cat-file", "--batch-check", data=os.fsencode(f"{named}\n"))
                if not asked.endswith(b" missing\n"):
                    data = git.output("cat-file", "blob", named)
                    found += [data] if found[-1:] != [data] else []
        return found

    def came(self, root: Path, commit: str, path: str) -> Sequence[str]:
        """Commits at which a file first came, one of each line of history that has it.

        Empty where that cannot be known, as history is cut off.

        Raises:
            FeatureError: E136, git refuses.
        """
        with self._git(root) as (git, inside):
            if git.output("rev-parse", "--is-shallow-repository").strip() != b"false":
                return []
            place = posixpath.normpath(posixpath.join(inside, path))
            words = ("--parents", "--end-of-options", commit, "--", f":(top,literal){place}")
            lines = git.output("rev-list", *words).decode().splitlines()
        return [line for line in lines if " " not in line]

    def ever(self, root: Path, commit: str, name: str) -> Sequence[str]:
        """Paths of files of this name that were committed in the project, up to a commit.

        Raises:
            FeatureError: E136, git refuses.
        """
        with self._git(root) as (git, inside):
            folder = "" if inside == "." else f"{inside}/"
            commits = _commits(git, commit, f":(top,glob){folder}**/{name}")
            words = ("--stdin", "-r", "-m", "-z", "--root", "--no-commit-id", "--name-only")
            data = "".join(f"{each}\n" for each in commits).encode()
            paths = names_in(git.output("diff-tree", *words, "--no-renames", data=data))
        named = {path for path in paths if posixpath.basename(path) == name}
        below = (posixpath.relpath(path, inside) for path in named)
        return sorted(path for path in below if not path.startswith("../"))

    @contextmanager
    def _git(self, root: Path) -> Iterator[tuple[Git, str]]:
        """git, and the project's folder in the repository; ``.`` for all of it."""
        with saying_why(root):
            git = Git(root, self._breakers)
            yield git, folder_inside(git)


def _commits(
    git: Git, commit: str, pathspec: str, omitted: Collection[str] = frozenset()
) -> list[str]:
    """Commits that changed a path, the latest first; merges too, where a side differs."""
    most = COMMITS_LIMIT + len(omitted)
    words = ("--full-history", f"--max-count={most}", "--end-of-options", commit, "--", pathspec)
    found = git.output("rev-list", *words).decode().split()
    return [each for each in found if each not in omitted][:COMMITS_LIMIT]
