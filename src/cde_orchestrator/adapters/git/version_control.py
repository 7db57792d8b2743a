"""Git, through its own command; hooks and monitors of the repository stay unused."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
from collections.abc import Iterable
from pathlib import Path

import structlog

from cde_orchestrator.adapters.git.command import Completed, Git, GitError
from cde_orchestrator.application.ports.checks import WorkTree
from cde_orchestrator.domain.exceptions import CircuitBreakerOpenError, FeatureError
from cde_orchestrator.domain.records import Baseline
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.file_ops import read_bounded

log = structlog.get_logger(__name__)

DIRTY_LIMIT = 1_000
"""Files that differ from the commit and are recorded when a feature begins."""
DIRTY_LIMIT_BYTES = 64 * 1024 * 1024
"""Bytes of all of them that are read, then and when a phase is submitted."""
_TOO_MUCH = "too much"
_NO_FILE = "no file"
"""In the place of a digest; the second one is of a pipe, a device or a socket."""

_SECONDS = 20.0
_STATUS = ("status", "--porcelain", "-z", "--no-renames")
_UNTRACKED = ("ls-files", "-z", "--others", "--exclude-standard", "--full-name")
# Of those that differ, only files with a line that differs and says something.
_DIFF = (
    *("diff", "-z", "--name-only", "--no-renames", "--no-relative", "--ignore-submodules=dirty"),
    *("--no-ext-diff", "--no-textconv", "--text", "-G[^[:space:]]"),
)


class GitVersionControl:
    """The repository that a project lies in, if it lies in one.

    Args:
        breakers: where the circuit breaker of git is.
        worktree: the feature's worktree, which is meant instead of the project.
    """

    def __init__(
        self, breakers: BreakerRegistry | None = None, worktree: Path | None = None
    ) -> None:
        self._breakers = breakers or BreakerRegistry()
        self._worktree = worktree
        self._has_warned = False

    def work_tree(self, root: Path) -> WorkTree | None:
        """The current commit, and what differs from it in the project's folder.

        None where there is no repository or no commit.
        """
        root = self._worktree or root
        if not _in_repository(root):
            return None
        found = self._output(root, "rev-parse", "--show-prefix", "HEAD")
        if found is None:
            return None
        prefix, _, commit = found.removesuffix("\n").rpartition("\n")
        entries = self._status(root, ".", "--ignore-submodules=all", "--untracked-files=normal")
        if entries is None:
            return WorkTree(str(root), commit, is_known=False)
        changed, new, stuck = set(), set(), set()
        for entry in entries:
            code, path = entry[:2], entry[3:].removeprefix(prefix) or "./"
            unmerged = "U" in code or code in {"AA", "DD"}
            if _is_ours(path):
                continue
            if code == "??" or ("A" in code and not unmerged):
                new.add(path)
                continue
            changed.add(path)
            if unmerged or _is_taken(root, path, deleted="D" in code):
                stuck.add(path)
        return WorkTree(str(root), commit, frozenset(changed), frozenset(new), frozenset(stuck))

    def changed_between(self, root: Path, before: str, after: str) -> frozenset[str] | None:
        """Files of the project's folder that differ between two commits; None: unknown."""
        if before == after:
            return frozenset()
        root = self._worktree or root
        names = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--relative")
        found = self._output(root, *names, before, after, "--")
        if found is None:
            return None
        return frozenset(path for path in found.split("\0") if path and not _is_ours(path))

    def changes(self, root: Path) -> list[str] | None:
        """Paths that are not committed, without the product's own; None without repository."""
        root = self._worktree or root
        if not _in_repository(root):
            return None
        # Into submodules git would go by itself, and run what their configuration names.
        entries = self._status(root, ":/", "--ignore-submodules=dirty")
        if entries is None:
            return None
        return [entry[3:] for entry in entries if not _is_ours(entry[3:])]

    def baseline(self, root: Path) -> Baseline | None:
        """The work tree as it is; None where there is no commit, or too much differs from it."""
        root = self._worktree or root
        if not _in_repository(root):
            return None
        commit = self._output(root, "rev-parse", "--verify", "--quiet", "HEAD")
        if commit is None:
            return None
        top, _ = self._place(root)
        options = ("--ignore-submodules=dirty", "--untracked-files=all")
        entries = self._status(root, ":/", *options)
        if top is None or entries is None:
            return None
        names = [
            name
            for name in _without_own(entry[3:] for entry in entries)
            if (top / name).is_symlink() or not (top / name).is_dir()
        ]
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
        top, inside = self._place(root)
        differing = self._listed(root, *_DIFF, baseline.commit, "--", ":/")
        untracked = self._listed(root, *_UNTRACKED, "--", ":/")
        if top is None or differing is None or untracked is None:
            return None
        # A path that ends in a slash is a repository of its own, whose files are not listed.
        new = (path for path in untracked if not path.endswith("/") and _size(top / path))
        found = {*differing, *new}
        digests = _Digests(top)
        changed = {
            path
            for path in _without_own(sorted(found | {*dirty}))
            if path not in dirty or digests.of(path) != dirty[path]
        }
        return sorted(posixpath.relpath(path, inside) for path in changed)

    def _place(self, root: Path) -> tuple[Path | None, str]:
        """The top of the repository, and the project's folder in it."""
        done = self._git(root, "rev-parse", "--show-prefix") if _in_repository(root) else None
        if done is None or done.returncode != 0:
            return None, "."
        inside = done.stdout.rstrip("\n").rstrip("/") or "."
        return Path(os.path.normpath(root / posixpath.relpath(".", inside))), inside

    def _listed(self, root: Path, *words: str) -> list[str] | None:
        """What git lists, each entry ended by NUL."""
        found = self._output(root, *words)
        return None if found is None else [entry for entry in found.split("\0") if entry]

    def start_branch(self, root: Path, name: str) -> None:
        """Create a branch here and switch to it; one that is here already is used.

        Raises:
            FeatureError: E125, git refuses: the branch is elsewhere, or cannot be.
        """
        root = self._worktree or root
        current = self._git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
        if current is not None and current.stdout.strip() == name:
            return
        there, here = (
            self._output(root, "rev-parse", "--verify", "--quiet", ref)
            for ref in (f"refs/heads/{name}", "HEAD")
        )
        exists = there is not None
        if exists and there != here:
            raise FeatureError.of("E125", branch=name, reason="it exists and is at another commit")
        done = self._git(root, "switch", name) if exists else self._git(root, "switch", "-c", name)
        if done is None or done.returncode != 0:
            reason = "git cannot be run" if done is None else done.stderr.strip()
            raise FeatureError.of("E125", branch=name, reason=reason)
        log.info("branch_started", branch=name)

    def _status(self, root: Path, where: str, *options: str) -> list[str] | None:
        """What differs from the commit, an entry each; None where git cannot say."""
        done = self._git(root, *_STATUS, *options, "--", where)
        if done is None:
            return None
        if done.returncode != 0:
            self._log_failure("status", done.stderr.strip())
            return None
        return [entry for entry in done.stdout.split("\0") if entry]

    def _output(self, root: Path, *words: str) -> str | None:
        """What git prints; None where it fails or cannot be run."""
        done = self._git(root, *words)
        return done.stdout if done is not None and done.returncode == 0 else None

    def _git(self, root: Path, *words: str) -> Completed | None:
        """Run git in the project; None when it cannot be run or does not end."""
        try:
            return Git(root, self._breakers).complete(*words, timeout_seconds=_SECONDS)
        except (GitError, CircuitBreakerOpenError) as error:
            self._log_failure(words[0], str(error))
            return None

    def _log_failure(self, command: str, reason: str) -> None:
        """Warn that git does not help; once is enough, since features go on without it."""
        write = log.info if self._has_warned else log.warning
        write("git_failed", command=command, reason=reason)
        self._has_warned = True


def _in_repository(root: Path) -> bool:
    """Whether a repository is in sight; spares a process where there is none."""
    return any((folder / ".git").exists() for folder in (root, *root.parents))


def _is_ours(path: str) -> bool:
    return ".cde" in path.split("/")


def _without_own(paths: Iterable[str]) -> list[str]:
    """Without the product's own."""
    return [path for path in paths if not _is_ours(path)]


def _is_taken(root: Path, path: str, *, deleted: bool) -> bool:
    """Whether something else is in the place of a file, which git would remove to restore it."""
    place = root / path
    folders = _folders_above(root, path)
    if any(os.path.lexists(each) and (each.is_symlink() or not each.is_dir()) for each in folders):
        return True
    return os.path.lexists(place) if deleted else place.is_dir() and not place.is_symlink()


def _folders_above(root: Path, path: str) -> list[Path]:
    return [root / folder for folder in Path(path).parents][:-1]


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


class _Digests:
    """Digests of files of one work tree, for which no more is read than the limit in all."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._left = DIRTY_LIMIT_BYTES

    def of(self, name: str) -> str | None:
        """Of a file's bytes, or of where a link leads; None where there is no such thing.

        What is below a linked folder lies elsewhere, and counts as missing as it does for git.
        """
        path = self._top / name
        try:
            if any(folder.is_symlink() for folder in _folders_above(self._top, name)):
                return None
            if path.is_symlink():
                return hashlib.sha256(b"link " + os.fsencode(path.readlink())).hexdigest()
            if _size(path) > self._left:
                return _TOO_MUCH
            data = read_bounded(path, self._left)
        except OSError as error:
            return {errno.EINVAL: _NO_FILE, errno.EFBIG: _TOO_MUCH}.get(error.errno or 0)
        self._left -= len(data)
        return hashlib.sha256(data).hexdigest()
