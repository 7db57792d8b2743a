"""Source trees: what is in the files of a work folder, as git keeps it.

A tree is made with an index of its own, so that the person's is neither changed nor believed:
there, a file may be marked as one that is not looked at, and what is kept of it may not be its
bytes (line ends, filters). Which files there are is what the person's index and git's rules for
ignored files say. The index is kept for the next tree, so that git reads only what changed, with
a note of the list of files that are all in it: where it is the same, only changes are asked for.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cde_orchestrator.adapters.git.git_process import ByteByByte, Git, GitError
from cde_orchestrator.adapters.git.listed import (
    folder_inside,
    names_in,
    saying_why,
    without_own,
)
from cde_orchestrator.application.ports.proving import ChangedFile, SourceTree
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry

FILE_LIMIT_BYTES = 50 * 1024 * 1024
FILES_LIMIT = 200_000
NEW_LIMIT_BYTES = 256 * 1024 * 1024
"""Of all files that git neither knows nor ignores: they are written to the repository."""
READ_LIMIT_BYTES = 256 * 1024 * 1024
"""Of all files whose contents are asked for at once."""
BASES = "refs/cde/bases"
"""Where the refs are that keep trees; no branch, so that no log shows them."""

_ID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_NONE = "0"
_SUBMODULE = "160000"
_FILES = ("ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard")
_KNOWN = ("ls-files", "-z", "-t", "--cached", "--modified", "--deleted")
_DIFFERING = ("diff-files", "-z", "--name-only", "--ignore-submodules=all")
_IGNORED = (
    *("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"),
    "--full-name",
)
_KEPT = ("for-each-ref", "--format=%(refname)")
_ONE_LINE = "--batch-check=%(objectname) %(objectsize)"
_DIFF = ("-r", "-z", "--no-renames", "--no-abbrev")
_NO_FILES = frozenset({"000000", _SUBMODULE})
_ADDING = ("--add", "--remove", "--replace")
_UPDATE = ("update-index", "-z", "--stdin")


class GitSourceTrees:
    """Source trees of the repository that a project lies in.

    A feature's ``worktree``, where one is given, is meant instead of the project. Nothing of
    submodules and of repositories within is in a tree, nor is what is no file and no link.
    """

    def __init__(
        self, breakers: BreakerRegistry | None = None, worktree: Path | None = None
    ) -> None:
        self._breakers = breakers or BreakerRegistry()
        self._worktree = worktree

    def keep(self, root: Path, place: str, name: str, tree: str, among: Collection[str]) -> None:
        """Keep a tree from git's garbage collection, by the ref ``place/name``.

        Of the trees that are kept in the place, those of no name ``among`` these are let go.

        Raises:
            FeatureError: E136, nothing can be written to the repository.
        """
        with self._git(root) as git:
            git.output("update-ref", f"{BASES}/{place}/{name}", tree)
            with suppress(GitError):  # what stays takes a little space, and is let go later
                wanted = {f"{BASES}/{place}/{each}" for each in (name, *among)}
                kept = _lines(git.output(*_KEPT, f"{BASES}/{place}/"))
                left = [ref for ref in kept if ref not in wanted]
                if left:
                    deleted = "".join(f"delete {ref}\n" for ref in left)
                    git.output("update-ref", "--stdin", data=os.fsencode(deleted))

    def now(self, root: Path) -> SourceTree:
        """The source tree now.

        Raises:
            FeatureError: E136, there is no repository or commit, a file is too large or cannot
                be read, there are too many, or git refuses.
        """
        with self._git(root) as git, git.byte_by_byte("HEAD", writes=True) as files:
            try:
                tree = _Tree(files).id(files.take_index())
            except _TooMuchError:
                raise
            except GitError:  # a file changed meanwhile, or what was kept is no good any more
                tree = _Tree(files).id(None)
            return SourceTree(tree, files.answers[0])

    def at(self, root: Path, commit: str) -> SourceTree:
        """The source tree of a commit, by any name that git has for it.

        Raises:
            FeatureError: E136, there is no such commit.
        """
        with self._git(root) as git:
            names = "".join(f"{commit}^{{{kind}}}\n" for kind in ("commit", "tree"))
            found = _lines(git.output("cat-file", _ONE_LINE, data=os.fsencode(names)))
            ids = [line.partition(" ")[0] for line in found if not line.endswith(" missing")]
            if len(found) != 2 or not all(map(_ID.fullmatch, ids)) or len(ids) != 2:
                raise GitError(f"{commit!r} is no commit of the repository")
            return SourceTree(ids[1], ids[0])

    def is_rewritten(self, root: Path, before: str, after: str) -> bool:
        """Whether a commit is no ancestor of another one; False where history is cut off.

        Raises:
            FeatureError: E136, git refuses.
        """
        with self._git(root) as git:
            if git.output("rev-parse", "--is-shallow-repository").strip() != b"false":
                return False
            found = git.output("cat-file", _ONE_LINE, data=os.fsencode(f"{before}^{{commit}}\n"))
            if not _ID.fullmatch(before) or found.endswith(b" missing\n"):
                return True
            words = ("--max-count=1", "--end-of-options", before, f"^{after}")
            return bool(git.output("rev-list", *words))

    def changed(self, root: Path, before: str, after: str) -> Sequence[ChangedFile]:
        """Files that differ between two trees, in order of their paths; none of the product's.

        One that is gone, and whose name is not UTF-8, is omitted: whoever renamed it is done.

        Raises:
            FeatureError: E136, a tree is gone, too much differs, or a name is not UTF-8.
        """
        with self._git(root) as git:
            with naming(before, after):
                entries = names_in(git.output("diff-tree", *_DIFF, before, after))
            changes = {}
            for about, path in zip(entries[::2], entries[1::2], strict=True):
                kinds, ids = (about.split(" ")[:2], about.split(" ")[2:4])
                files = [
                    "" if mode.lstrip(":") in _NO_FILES else each
                    for mode, each in zip(kinds, ids, strict=True)
                ]
                if any(files) and (files[0] != files[1] or kinds[0][1:3] != kinds[1][:2]):
                    changes[path] = files
            inside = folder_inside(git)
            named = {
                posixpath.relpath(path, inside): changes[path]
                for path in without_own(changes)
                if _is_text(path) or changes[path][1]
            }
            if unnamed := [path for path in named if not _is_text(path)]:
                raise GitError(f"the name of {plain(min(unnamed))} is not UTF-8: rename it")
            blobs = read_blobs(git, {each for ids in named.values() for each in ids if each})
        return [
            ChangedFile(path, blobs.get(ids[0]), blobs.get(ids[1]))
            for path, ids in sorted(named.items())
        ]

    def contents(self, root: Path, tree: str, paths: Collection[str]) -> Mapping[str, bytes | None]:
        """Contents of files in a tree by path, relative to the project; None: there is none.

        Raises:
            FeatureError: E136, the tree is gone, or they are too large.
        """
        with self._git(root) as git:
            inside = folder_inside(git)
            places = {path: posixpath.normpath(posixpath.join(inside, path)) for path in paths}
            asked = set(places.values())
            with naming(tree):
                listed = git.output("ls-tree", "-r", "-z", "--full-tree", tree)
            ids = {}
            for entry in names_in(listed):
                about, _, path = entry.partition("\t")
                if path in asked and not about.startswith(_SUBMODULE):
                    ids[path] = about.rpartition(" ")[2]
            blobs = read_blobs(git, set(ids.values()))
        return {path: blobs.get(ids.get(place, "")) for path, place in places.items()}

    def listed(self, root: Path, tree: str) -> Sequence[str]:
        """Paths of the project's files in a tree.

        Raises:
            FeatureError: E136, the tree is gone.
        """
        with self._git(root) as git, naming(tree):
            # Below the folder that git is run in, and relative to it.
            return names_in(git.output("ls-tree", "-r", "-z", "--name-only", tree))

    def check_out(self, root: Path, tree: str, folder: Path) -> Path:
        """Write all files of a tree into an empty folder; the project's folder in it.

        Raises:
            FeatureError: E136, the tree is gone, or the files cannot be written.
        """
        with self._git(root) as git, git.byte_by_byte("--show-prefix") as files:
            with naming(tree):
                files.output("read-tree", tree)
            files.output("checkout-index", "--all", f"--prefix={os.path.realpath(folder)}/")
            return folder / files.answers[0]

    def ignored(self, folder: Path) -> tuple[Path, Sequence[str]]:
        """The top of the repository, and what git ignores in it, each folder as a whole.

        Raises:
            FeatureError: E136, git refuses.
        """
        with saying_why(folder):
            git = Git(folder, self._breakers)
            inside = folder_inside(git)
            listed = names_in(git.output(*_IGNORED, "--", ":/"))
        top = Path(os.path.normpath(folder / posixpath.relpath(".", inside)))
        return top, without_own(listed)

    @contextmanager
    def _git(self, root: Path) -> Iterator[Git]:
        root = self._worktree or root
        with saying_why(root):
            yield Git(root, self._breakers)


class _TooMuchError(GitError):
    """A file is too large, has no end, or there are too many."""


class _Tree:
    """Makes the tree of a work folder; GitError as git says, or where something is too large."""

    def __init__(self, files: ByteByByte) -> None:
        self._files = files
        self._real: dict[str, bool] = {"": True}

    def id(self, noted: str | None) -> str:
        """Its id; the index knows the files of an earlier tree already.

        Args:
            noted: of the index, by this class; None where there is none. It names the list of
                files that are all in it: of the same ones, only what differs is looked at.
        """
        files, begin = self._files, noted is not None
        if not begin:
            files.index.unlink(missing_ok=True)
        names = files.output(*_FILES, own=False)
        note = hashlib.sha256(names).hexdigest()
        is_same = note == noted and names.count(b"\0") <= FILES_LIMIT
        differing = {*names_in(files.output(*_DIFFERING))} if is_same else set[str]()
        if is_same and not differing:
            return self._written()
        listed = names_in(names)
        there = set(without_own(entry[2:] for entry in listed))
        if len(there) > FILES_LIMIT:
            raise _TooMuchError(f"there are more than {FILES_LIMIT:,} files that are not ignored")
        known = {*there} if is_same else set[str]()
        for entry in names_in(files.output(*_KNOWN)) if begin and not is_same else ():
            (known if entry[0] == "H" else differing).add(entry[2:])
        looked_at = (there - known) | (there & differing)
        sizes = {path: self._size(path) for path in looked_at}
        kept = {path for path, size in sizes.items() if size is not None}
        new = (entry[2:] for entry in listed if entry[0] == "?")
        if sum(sizes.get(path) or 0 for path in new) > NEW_LIMIT_BYTES:
            limit = f"{NEW_LIMIT_BYTES // 1024**2} MB"
            raise _TooMuchError(f"files that are new and not ignored have more than {limit}")
        gone = known - there | (looked_at - kept) & known
        if gone:
            files.output(*_UPDATE[:-1], "--force-remove", _UPDATE[-1], data=_listed(gone))
        if kept:
            files.output(*_UPDATE[:-1], *_ADDING, _UPDATE[-1], data=_listed(kept))
        tree = self._written()
        files.keep_index(note if kept == looked_at else "")
        return tree

    def _written(self) -> str:
        return self._files.output("write-tree").decode().strip()

    def _size(self, path: str) -> int | None:
        """Bytes of the file, or link; None where there is none, or a link on the way to it."""
        folder, _, _ = path.rpartition("/")
        if not self._is_real(folder):
            return None
        try:
            found = os.lstat(self._files.top / path)
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISLNK(found.st_mode):
            return None
        if found.st_size > FILE_LIMIT_BYTES:
            raise _TooMuchError(f"'{path}' has more than {FILE_LIMIT_BYTES // 1024**2} MB")
        return found.st_size

    def _is_real(self, folder: str) -> bool:
        if folder not in self._real:
            outer, _, _ = folder.rpartition("/")
            place = self._files.top / folder
            if (place / ".gitattributes").is_fifo():  # git waits until somebody writes
                raise _TooMuchError(f"'{folder}/.gitattributes' is a named pipe")
            self._real[folder] = not place.is_symlink() and self._is_real(outer)
        return self._real[folder]


@contextmanager
def naming(*trees: str) -> Iterator[None]:
    """Name the trees where git refuses, or where one is no id but might be an option."""
    try:
        if not all(map(_ID.fullmatch, trees)):
            raise GitError("no source tree")
        yield
    except GitError as error:
        raise GitError(f"{', '.join(trees)}: {error.reason}") from error


def read_blobs(git: Git, ids: Collection[str], limit_bytes: int | None = None) -> dict[str, bytes]:
    """Contents of files by their ids: READ_LIMIT_BYTES of them unless another limit is given."""
    if not ids:
        return {}
    limit = READ_LIMIT_BYTES if limit_bytes is None else limit_bytes
    names = "".join(f"{each}\n" for each in sorted(ids)).encode()
    sizes = [line.split(" ") for line in _lines(git.output("cat-file", _ONE_LINE, data=names))]
    if gone := [name for name, size in sizes if size == "missing"]:
        raise GitError(f"{gone[0]} is gone from the repository")
    if sum(int(size) for _, size in sizes) > limit:
        raise GitError(f"more than {limit // 1024**2} MB differ")
    data = git.output("cat-file", "--batch", "--buffer", data=names)
    found, at = {}, 0
    for name, size in sizes:
        begin = data.index(b"\n", at) + 1
        found[name] = data[begin : begin + int(size)]
        at = begin + int(size) + 1
    return found


def _is_text(path: str) -> bool:
    """Whether a name can be kept: its bytes are UTF-8."""
    return not any("\udc80" <= each <= "\udcff" for each in path)


def _lines(listed: bytes) -> list[str]:
    return os.fsdecode(listed).splitlines()


def _listed(paths: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in sorted(paths))
