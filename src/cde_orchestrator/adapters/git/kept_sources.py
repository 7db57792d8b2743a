"""Source trees that are kept for rollbacks: pinned, compared, and put together.

A feature has one ref, to a tree that has the kept ones in it, so that nothing is in a log and a
repository does not fill with refs.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cde_orchestrator.adapters.git.git_process import Git, GitError
from cde_orchestrator.adapters.git.listed import folder_inside, names_in, without_own
from cde_orchestrator.adapters.git.source_trees import (
    READ_LIMIT_BYTES,
    GitSourceTrees,
    naming,
    read_blobs,
)
from cde_orchestrator.application.ports.sources import Entry, Turn

PHASES = "refs/cde/phases"
"""Where the refs are; no branch, so that no log shows them."""
PINNED_LIMIT = 200
"""Trees of one feature; the oldest that is needed no more goes first."""

_DIFF = ("diff-tree", "-r", "-z", "--no-renames", "--no-abbrev")
_NOTHING = "000000"
_SUBMODULE = "160000"
_NAME = re.compile("[0-9A-Za-z][0-9A-Za-z_-]*(/[0-9A-Za-z][0-9A-Za-z_-]*)*")


class GitKeptSources(GitSourceTrees):
    """Keeps source trees of the repository that a project lies in, or of a worktree."""

    def pin(self, root: Path, place: str, name: str, trees: Collection[str]) -> None:
        """Keep trees from git's garbage collection, with those that the name has already.

        A tree that is gone is not kept any more.

        Raises:
            FeatureError: E136, nothing can be written to the repository.
        """
        with self._git(root) as git:
            ref = _ref(place, name)
            before = _pinned(git, ref)
            known, wanted = [each for each in before if each not in trees], dict.fromkeys(trees)
            if not before or not wanted.keys() <= set(before):
                try:
                    made = _together(git, [*known, *wanted])
                except GitError:  # one is gone: seldom, so it is looked for only then
                    there = [each for each in wanted if _is_tree(git, each, before)]
                    made = _together(git, [*known, *there])
                git.output("update-ref", ref, made)

    def pinned(self, root: Path, place: str, name: str) -> frozenset[str]:
        """The trees that are kept by this name.

        Raises:
            FeatureError: E136.
        """
        with self._git(root) as git:
            return frozenset(_pinned(git, _ref(place, name)))

    def let_go(self, root: Path, place: str, names: Collection[str]) -> None:
        """Keep the trees of these names no longer.

        Raises:
            FeatureError: E136.
        """
        with self._git(root) as git:
            listed = git.output("for-each-ref", "--format=%(refname)", f"{PHASES}/{place}/")
            unwanted = {_ref(place, name) for name in names}
            refs = [ref for ref in os.fsdecode(listed).splitlines() if ref in unwanted]
            if refs:
                git.output("update-ref", "--stdin", data="".join(map(_deletion, refs)).encode())

    def differing(self, root: Path, before: str, after: str) -> Mapping[str, Turn]:
        """Files of the project's folder that differ between two trees, by path.

        Raises:
            FeatureError: E136, a tree is gone.
        """
        if before == after:
            return {}
        with self._git(root) as git:
            with naming(before, after):
                listed = names_in(git.output(*_DIFF, before, after))
            inside = folder_inside(git)
        turns = {}
        for about, path in zip(listed[::2], listed[1::2], strict=True):
            old, new, *ids = about.removeprefix(":").split(" ")[:4]
            turns[path] = _entry(old, ids[0]), _entry(new, ids[1])
        prefix = "" if inside == "." else f"{inside}/"
        return {
            path.removeprefix(prefix): turns[path]
            for path in without_own(turns)
            if path.startswith(prefix) and any(turns[path])
        }

    def replaced(self, root: Path, tree: str, files: Mapping[str, Entry | None]) -> str:
        """The tree with other files at these paths of the project; None: without one.

        Raises:
            FeatureError: E136, git refuses.
        """
        with self._git(root) as git:
            inside = folder_inside(git)
            none = f"0 {'0' * len(tree)}"
            rows = [
                (f"{each.mode} {each.id}" if each else none)
                + f"\t{posixpath.normpath(posixpath.join(inside, path))}"
                for path, each in sorted(files.items(), key=lambda row: row[1] is not None)
            ]
            with git.byte_by_byte(writes=True) as index, naming(tree):
                index.output("read-tree", tree)
                data = b"".join(os.fsencode(row) + b"\0" for row in rows)
                index.output("update-index", "-z", "--index-info", data=data)
                return index.output("write-tree").decode().strip()

    def blobs(
        self, root: Path, ids: Collection[str], limit_bytes: int | None = None
    ) -> Mapping[str, bytes]:
        """Bytes of files by their ids.

        Raises:
            FeatureError: E136, one is gone, or they are too large.
        """
        with self._git(root) as git:
            return read_blobs(git, ids, limit_bytes or READ_LIMIT_BYTES)


def _ref(place: str, name: str) -> str:
    """The ref by its name; GitError where no feature could have brought it."""
    if not _NAME.fullmatch(f"{place}/{name}"):
        raise GitError(f"{place}/{name} is no name for a ref")
    return f"{PHASES}/{place}/{name}"


def _pinned(git: Git, ref: str) -> list[str]:
    """The trees that a ref keeps, in the order in which they came; none where there is no ref."""
    found = git.complete("ls-tree", "--full-tree", ref)
    return [line.split()[2] for line in found.stdout.splitlines()] if not found.returncode else []


def _together(git: Git, trees: Sequence[str]) -> str:
    """A tree that has the last of these in it; GitError where one of them is gone."""
    rows = [
        f"040000 tree {each}\t{number:06}\n" for number, each in enumerate(trees[-PINNED_LIMIT:])
    ]
    with naming(*trees):
        return git.output("mktree", data="".join(rows).encode()).decode().strip()


def _is_tree(git: Git, tree: str, known: Collection[str]) -> bool:
    if tree in known:
        return True
    with naming(tree):
        return not git.complete("cat-file", "-e", f"{tree}^{{tree}}").returncode


def _deletion(ref: str) -> str:
    return f"delete {ref}\n"


def _entry(mode: str, name: str) -> Entry | None:
    return None if mode in {_NOTHING, _SUBMODULE} else Entry(mode, name)
