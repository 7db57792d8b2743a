"""Git, through its own command; hooks and monitors of the repository stay unused."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from cde_orchestrator.adapters.git.git_process import Git, GitError, git_output
from cde_orchestrator.adapters.git.ignored import written_since
from cde_orchestrator.adapters.git.listed import without_own
from cde_orchestrator.domain.exceptions import CircuitBreakerOpenError, FeatureError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.records import Baseline
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    read_bounded,
    read_link,
    replace_file,
)
from cde_orchestrator.infrastructure.system.git_folder import git_places
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors
from cde_orchestrator.infrastructure.system.programs import Completed
from cde_orchestrator.infrastructure.system.tree import (
    guard,
    kind_of,
    status_of,
)

log = get_logger(__name__)

DIRTY_LIMIT = 1_000
"""Files that differ from the commit and are recorded when a feature begins."""
DIRTY_LIMIT_BYTES = 64 * 1024 * 1024
"""Bytes of all of them that are read, then and when a phase is submitted."""
_TOO_MUCH = "too much"
_NO_FILE = "no file"
"""In the place of a digest; the second one is of a pipe, a device or a socket."""

_NO_REPOSITORY = "not a git repository (or any"
"""What git says where it found none, and not one that it cannot use."""

_SECONDS = 20.0
_STATUS = ("status", "--porcelain", "-z", "--no-renames")
_UNTRACKED = ("ls-files", "-z", "--others", "--exclude-standard", "--full-name")
_IGNORED = (
    *("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", "--", "."),
)
# Of those that differ, only files with a line that differs and says something.
_DIFF = (
    *("diff", "-z", "--name-only", "--no-renames", "--no-relative", "--ignore-submodules=dirty"),
    *("--no-ext-diff", "--no-textconv", "--text", "-G[^[:space:]]"),
)

_EXPORTS = "*.cde.json"
"""Files that the merge driver is for: exports of the state."""
_ATTRIBUTE = f"{_EXPORTS} merge=cde-state"
_LIST_BYTES = 1024 * 1024
_DRIVER = {
    "merge.cde-state.name": "state of CDE Orchestrator, by feature",
    "merge.cde-state.driver": "cde state merge %O %A %B",
}


class GitVersionControl:
    """The repository that a project lies in, if it lies in one.

    A feature's ``worktree``, where one is given, is meant instead of the project.
    """

    def __init__(
        self, breakers: BreakerRegistry | None = None, worktree: Path | None = None
    ) -> None:
        self._breakers = breakers or BreakerRegistry()
        self._worktree = worktree
        self._has_warned = False

    def head(self, root: Path) -> str | None:
        """The commit that is checked out; None without repository or commit."""
        try:
            found = self._output(self._worktree or root, "rev-parse", "--verify", "--quiet", "HEAD")
        except GitError:
            return None
        return found.strip()

    def changed_between(self, root: Path, before: str, after: str) -> frozenset[str] | None:
        """Files of the project's folder that differ between two commits; None: unknown."""
        if before == after:
            return frozenset()
        root = self._worktree or root
        names = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--relative")
        try:
            return frozenset(without_own(self._entries(root, *names, before, after, "--")))
        except GitError:
            return None

    def lines_between(
        self, root: Path, before: str, after: str
    ) -> dict[str, tuple[int, int]] | None:
        """Lines added and removed between two commits or trees by path; None: unknown.

        A file that is not text has none of either.
        """
        names = ("diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv")
        try:
            entries = self._entries(
                self._worktree or root, *names, "--relative", before, after, "--"
            )
        except GitError:
            return None
        found = (entry.split("\t", 2) for entry in entries)
        return {
            path: (int(added) if added != "-" else 0, int(removed) if removed != "-" else 0)
            for added, removed, path in found
        }

    def changes(self, root: Path) -> list[str] | None:
        """Paths that are not committed, without the product's own; None without repository."""
        try:
            return without_own(self._changed(self._worktree or root))
        except GitError:
            return None

    def problem(self, root: Path) -> str | None:
        """Why git refuses to work in the repository; None where it works, or there is none."""
        root = self._worktree or root
        try:
            self._output(root, "rev-parse", "--git-dir")
            self._changed(root)
        except GitError as error:
            reason = error.reason
            if _NO_REPOSITORY in reason:
                return None
            self._log_failure("rev-parse", reason)
            return reason
        return None

    def baseline(self, root: Path) -> Baseline | None:
        """The work tree as it is; None where there is no commit, or too much differs from it."""
        root = self._worktree or root
        try:
            commit = self._output(root, "rev-parse", "--verify", "--quiet", "HEAD")
            top, _ = self._place(root)
            found = without_own(self._changed(root, "--untracked-files=all"))
        except GitError:
            return None
        names = [name for name in found if (top / name).is_symlink() or not (top / name).is_dir()]
        digests = _Digests(top)
        few = len(names) <= DIRTY_LIMIT
        dirty = {name: digests.of(name) for name in names if few}
        if not few or _TOO_MUCH in dirty.values():
            log.info("baseline_not_taken", files=len(names))
            return None
        return Baseline(commit.strip(), dirty)

    def changed_since(self, root: Path, baseline: Baseline) -> list[str] | None:
        """Paths, relative to the project, whose bytes are others than then; None: unknown.

        Commits count like uncommitted work. No change is what git ignores, a mode, a blank
        line, or an empty file.
        """
        root = self._worktree or root
        dirty = {} if self._worktree else baseline.dirty  # it was made of commits alone
        try:
            top, inside = self._place(root)
            differing = self._entries(root, *_DIFF, baseline.commit, "--", ":/")
            untracked = self._entries(root, *_UNTRACKED, "--", ":/")
        except GitError:
            return None
        # A path that ends in a slash is a repository of its own, whose files are not listed.
        new = (path for path in untracked if not path.endswith("/") and _size(top / path))
        found = {*differing, *new}
        digests = _Digests(top)
        changed = {
            path
            for path in without_own(sorted(found | {*dirty}))
            if path not in dirty or digests.of(path) != dirty[path]
        }
        return sorted(posixpath.relpath(path, inside) for path in changed)

    def ignored_since(self, root: Path, moment: datetime) -> list[str]:
        """Files of the project that git ignores and that were written after a moment."""
        root = self._worktree or root
        try:
            return written_since(root, without_own(self._entries(root, *_IGNORED)), moment)
        except GitError:
            return []

    def start_branch(self, root: Path, name: str) -> None:
        """Create a branch here and switch to it; one that is here already is used.

        Raises:
            FeatureError: E125, git refuses: the branch is elsewhere, or cannot be.
        """
        root = self._worktree or root
        quiet = ("rev-parse", "--verify", "--quiet")
        try:
            current = self._git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
            if current.stdout.strip() == name:
                return
            refs = (f"refs/heads/{name}", "HEAD")
            there, here = (self._git(root, *quiet, ref).stdout for ref in refs)
            if there and there != here:
                reason = "it exists and is at another commit"
                raise FeatureError.of("E125", branch=name, reason=reason)
            self._create_and_switch(root, name, exists=bool(there), commit=here.strip())
        except GitError as error:
            raise FeatureError.of("E125", branch=name, reason=error.reason) from error
        log.info("branch_started", branch=name)

    def _create_and_switch(self, root: Path, name: str, *, exists: bool, commit: str) -> None:
        """Switch to a branch that is created where it is missing; a refusal leaves none behind."""
        if exists or not commit:  # before the first commit, switching alone creates it
            self._output(root, "switch", "--quiet", *(() if exists else ("-c",)), name)
            return
        ref, none = f"refs/heads/{name}", "0" * len(commit)
        self._output(root, "update-ref", "-m", "branch: Created from HEAD", ref, commit, none)
        try:
            self._output(root, "switch", "--quiet", name)
        except GitError:
            with suppress(GitError):
                self._git(root, "update-ref", "-d", ref, commit)
            raise

    def _place(self, root: Path) -> tuple[Path, str]:
        """The top of the repository, and the project's folder in it."""
        inside = self._output(root, "rev-parse", "--show-prefix").rstrip("\n").rstrip("/") or "."
        return Path(os.path.normpath(root / posixpath.relpath(".", inside))), inside

    def _changed(self, root: Path, *options: str) -> Iterator[str]:
        """The paths of the whole repository that differ from the commit."""
        # Into submodules git would go by itself, and run what their configuration names.
        options = ("--ignore-submodules=dirty", *options)
        return (entry[3:] for entry in self._entries(root, *_STATUS, *options, "--", ":/"))

    def _entries(self, root: Path, *words: str) -> list[str]:
        """What git lists, each entry ended by NUL; raises as ``_output``."""
        return [entry for entry in self._output(root, *words).split("\0") if entry]

    def _output(self, root: Path, *words: str) -> str:
        """What git prints; GitError where it fails, or no repository is in sight."""
        if not any(map(os.path.exists, git_places(root))):
            raise GitError(f"{_NO_REPOSITORY} folder above)")  # found without a process
        done = self._git(root, *words)
        if done.returncode != 0:
            if words[0] == "status":
                self._log_failure("status", done.stderr.strip())
            raise GitError(done.stderr.strip())
        return done.stdout

    def _git(self, root: Path, *words: str) -> Completed:
        """Run git in the project; GitError when it cannot be run or does not end."""
        try:
            return Git(root, self._breakers).complete(*words, timeout_seconds=_SECONDS)
        except (GitError, CircuitBreakerOpenError) as error:
            self._log_failure(words[0], str(error))
            raise GitError(str(error)) from error

    def _log_failure(self, command: str, reason: str) -> None:
        """Warn that git does not help; once is enough, since features go on without it."""
        write = log.info if self._has_warned else log.warning
        write("git_failed", command=command, reason=reason)
        self._has_warned = True


class GitMergeDriver:
    """Installs the driver in the repository that a project lies in."""

    def install(self, root: Path) -> tuple[str, list[str]]:
        """Write what is missing; the files it is for, and what was written.

        Raises:
            CDESystemError: E922, the project is no git repository, or git refuses.
            StateError: E203 or E204, ``.gitattributes`` cannot be written.
        """
        git_output(root, "rev-parse", "--git-dir")
        get = ("config", "--local", "--default", "", "--get")
        changed = [key for key, value in _DRIVER.items() if git_output(root, *get, key) != value]
        for key in changed:
            git_output(root, "config", "--local", key, _DRIVER[key])
        attributes = root / ".gitattributes"
        with translate_os_errors(attributes):
            present = read_bounded(attributes, _LIST_BYTES) if kind_of(attributes) else b""
            if _ATTRIBUTE.encode() not in present.splitlines():
                separator = b"\n" if present and not present.endswith(b"\n") else b""
                content = present + separator + _ATTRIBUTE.encode() + b"\n"
                replace_file(OsFileOps(), attributes, content, mode=None)
                changed.append(attributes.name)
        return _EXPORTS, changed


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


class _Digests:
    """Digests of files of one work tree, for which no more is read than the limit in all."""

    def __init__(self, top: Path) -> None:
        self._top = top
        guard(top)
        self._left = DIRTY_LIMIT_BYTES

    def of(self, name: str) -> str | None:
        """Of a file's bytes, or of where a link leads; None where there is no such thing.

        What is below a linked folder lies elsewhere, and counts as missing as it does for git.
        """
        path = self._top / name
        try:
            found = status_of(path)
            if stat.S_ISLNK(found.st_mode):
                return hashlib.sha256(b"link " + os.fsencode(read_link(path))).hexdigest()
            if found.st_size > self._left:
                return _TOO_MUCH
            data = read_bounded(path, self._left)
        except OSError as error:
            return {errno.EINVAL: _NO_FILE, errno.EFBIG: _TOO_MUCH}.get(error.errno or 0)
        self._left -= len(data)
        return hashlib.sha256(data).hexdigest()
