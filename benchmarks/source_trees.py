"""Source trees, beside ``git status``; scratch copies, beside a plain copy of the same files.

A tree is made when a feature starts and when criteria are proven; a copy for each source that
tests are run on. Both are measured on a repository in which all files are committed, with an
index that was kept of an earlier tree; a change is of twenty files that are written each time.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.measure import Figure, interleaved, own_folder, timed
from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.adapters.proving.copies import FolderCopies

FILES = (565, 20_000)
CHANGED = 20
RUNS = 10
COPIES = 5
ALLOWED = {"unchanged": 2.0, "changed": 4.0, "copy": 1.5}
"""Of the larger repository; in the smaller one it is the processes that are counted."""
_LINES = 'def function_{0}() -> int:\n    """Function {0}."""\n    return {0}\n\n\n'


class Repository:
    """A repository with so many files, in folders of about fifty."""

    def __init__(self, folder: Path, files: int) -> None:
        self.root, self.files = folder, files
        self._numbers = itertools.count()
        self._trees = GitSourceTrees()
        self._copies = FolderCopies(self._trees, self._trees.ignored)
        for number in range(files):
            place = self._place(number)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(_LINES.format(number) * 12)
        self.git("init", "--quiet")
        self.git("add", "--all")
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        self.git(*identity, "commit", "--quiet", "--message", "All")
        self.tree = self._trees.now(folder).id

    def git(self, *words: str) -> None:
        """Run git in it."""
        variables = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_OPTIONAL_LOCKS": "0"}
        subprocess.run(
            ["git", *words],
            cwd=self.root,
            env={**os.environ, **variables},
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def change(self) -> None:
        """Write some files."""
        for number in range(0, self.files, self.files // CHANGED):
            self._place(number).write_text(f"value = {next(self._numbers)}\n")

    def now(self) -> None:
        """Make a source tree."""
        self._trees.now(self.root)

    def copy(self) -> None:
        """Make a scratch copy, and remove it."""
        with self._copies.copy(self.root, self.tree):
            pass

    def plain_copy(self) -> None:
        """The same without git."""
        to = self.root.with_name("plain")
        shutil.copytree(self.root, to, ignore=shutil.ignore_patterns(".git"))
        shutil.rmtree(to)

    def _place(self, number: int) -> Path:
        return self.root / f"package_{number % (self.files // 50)}" / f"module_{number}.py"


def _after(change: Callable[[], object], work: Callable[[], object]) -> Callable[[], float]:
    """The work, measured after a change that is not."""

    def measured() -> float:
        change()
        return timed(work)()

    return measured


def _of_trees(repository: Repository, runs: int) -> list[Figure]:
    status = partial(repository.git, "status", "--porcelain")
    figures = []
    for name, change in (("unchanged", _nothing), ("changed", repository.change)):
        samples = interleaved(runs, _after(change, status), _after(change, repository.now))
        figures.append(
            Figure(
                key=f"other-tree-{repository.files}-{name}",
                name=f"source tree, {repository.files:,} files, {name}",
                samples=samples[1],
                yardstick="git status",
                yardstick_samples=samples[0],
                reach=ALLOWED[name] if repository.files == max(FILES) else None,
                paired=True,
            )
        )
    return figures


def _nothing() -> None:
    """No change."""


def measure(runs: int = RUNS) -> list[Figure]:
    """Make trees and copies in turns with their yardsticks."""
    figures: list[Figure] = []
    for files in FILES:
        with own_folder() as folder:
            before = os.environ.get("XDG_CACHE_HOME")
            os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
            try:
                repository = Repository(folder / "repository", files)
                figures += _of_trees(repository, runs)
                plain, own = interleaved(
                    min(runs, COPIES), timed(repository.plain_copy), timed(repository.copy)
                )
            finally:
                os.environ.pop("XDG_CACHE_HOME")
                if before is not None:
                    os.environ["XDG_CACHE_HOME"] = before
        figures.append(
            Figure(
                key=f"other-copy-{files}",
                name=f"scratch copy, {files:,} files, and gone",
                samples=own,
                yardstick="the same by shutil",
                yardstick_samples=plain,
                reach=ALLOWED["copy"],
            )
        )
    return figures
