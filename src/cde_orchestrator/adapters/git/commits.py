"""Commits and pushes with the person's own git, as in their own shell.

Everything that is only looked at goes through ``Git``, which runs nothing of the repository's own.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.adapters.git.git_process import Git, GitError
from cde_orchestrator.application.ports.commits import WorkTree
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.correlation import command_environment
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.tree import kind_of

log = get_logger(__name__)

HOOKS_SECONDS = 1_800.0
"""For a commit, whose hooks may run all tests, and for a push."""
REVIEW_PROGRAM = "gh"
_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
_ELSEWHERE = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"),
    }
)
"""Variables that lead git to another repository, as a hook of it has them."""
_STATUS = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
_FROM_STDIN = ("--pathspec-from-file=-", "--pathspec-file-nul")
_DEFAULTS = frozenset({"main", "master"})


class GitCommits:
    """The repository that a folder lies in."""

    def __init__(self, breakers: BreakerRegistry) -> None:
        self._breakers = breakers

    def work_tree(self, folder: Path) -> WorkTree:
        """What is checked out.

        Raises:
            CDESystemError: E922, there is no repository, or git refuses.
        """
        git = Git(folder, self._breakers)
        try:
            inside = git.run("rev-parse", "--show-prefix").rstrip("/") or "."
            common = ("rev-parse", "--path-format=absolute", "--git-dir")
            place = Path(git.run(*common))
            changed = git.complete(*_STATUS, "--ignore-submodules=dirty", "--", ":/")
            if changed.returncode:
                raise GitError(changed.stderr.strip())
            rows = [entry for entry in changed.stdout.split("\0") if entry]
            branch = _answer(git, "symbolic-ref", "--quiet", "--short", "HEAD")
            remote = _remote(git, branch) if branch else ""
            main = _answer(git, "symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD")
        except GitError as error:
            raise CDESystemError.of("E922", path=str(folder), reason=error.reason) from error
        main = main.removeprefix(f"refs/remotes/{remote}/")

        def named(these: Iterable[str]) -> frozenset[str]:
            return frozenset(posixpath.relpath(each[3:], inside) for each in these)

        return WorkTree(
            branch=branch or None,
            under_way=next(
                (what for name, what in _UNDER_WAY.items() if kind_of(place / name)), ""
            ),
            changed=named(rows),
            new=named(each for each in rows if each.startswith("??")),
            staged=named(each for each in rows if each[0] not in " ?"),
            remote=remote,
            is_default=branch == main if main else branch in _DEFAULTS,
        )

    def last(self, folder: Path, paths: Collection[str]) -> str | None:
        """The commit that changed any of these paths last; None where there is none."""
        git = Git(folder, self._breakers)
        literal = [f":(literal){path}" for path in paths]
        return _answer(git, "rev-list", "-1", "HEAD", "--", *literal) or None

    def is_pushed(self, folder: Path, remote: str, branch: str) -> bool:
        """Whether the remote has the branch as it is here, as of the last fetch or push."""
        known = (f"refs/heads/{branch}", f"refs/remotes/{remote}/{branch}")
        with suppress(GitError, CDEError):
            found = Git(folder, self._breakers).complete("merge-base", "--is-ancestor", *known)
            return found.returncode == 0
        return False

    def commit(
        self, folder: Path, paths: Sequence[str], new: Collection[str], message: str
    ) -> tuple[str, str]:
        """Commit exactly these paths; the commit, or empty where it is refused, and what was said.

        What git does not know yet is announced to it first, which a refusal takes back.
        """
        names = "\0".join(paths)
        unknown = "\0".join(path for path in paths if path in new)
        if unknown:
            added = self._git(folder, "add", "--intent-to-add", *_FROM_STDIN, data=unknown)
            if added.returncode:
                self._take_back(folder, unknown)
                return "", _words(added)
        done = None
        try:
            only = ("commit", "--only", "--cleanup=whitespace", "--message", message)
            done = self._git(folder, *only, *_FROM_STDIN, data=names)
        finally:
            if unknown and (done is None or done.returncode):
                self._take_back(folder, unknown)
        if done.returncode:
            return "", _words(done)
        commit = _answer(Git(folder, self._breakers), "rev-parse", "--verify", "HEAD")
        log.info("committed", commit_id=commit, files=len(paths))
        return commit, _words(done)

    def push(self, folder: Path, remote: str, branch: str) -> str:
        """Push a branch; why it was refused, empty where it was not."""
        refs = f"refs/heads/{branch}:refs/heads/{branch}"
        done = self._git(folder, "push", "--set-upstream", remote, refs)
        log.info("pushed", remote=remote, branch=branch, exit_code=done.returncode)
        return _words(done) if done.returncode else ""

    def can_ask_for_review(self) -> bool:
        """Whether there is a program that opens pull requests."""
        return programs.found(REVIEW_PROGRAM) is not None

    def ask_for_review(self, folder: Path, branch: str, title: str, body: str) -> tuple[str, str]:
        """Open a pull request; its address, or empty where it is refused, and what was said."""
        options = ("--head", branch, "--title", title, "--body-file", "-")
        words = (REVIEW_PROGRAM, "pr", "create", *options)
        done = _run(words, {"GH_PROMPT_DISABLED": "1"}, folder=folder, data=body)
        said = done.stdout.strip().splitlines()
        if done.returncode:
            return "", _words(done)
        return (said[-1] if said else "it was opened"), _words(done)

    def _git(self, folder: Path, *words: str, data: str | None = None) -> programs.Completed:
        command = ("git", "--literal-pathspecs", "-C", str(folder.absolute()), *words)
        return _run(command, {}, folder=folder, data=data)

    def _take_back(self, folder: Path, names: str) -> None:
        """Let git know nothing of these files again; they stay."""
        self._git(folder, "rm", "--cached", "--quiet", "--force", *_FROM_STDIN, data=names)


def _run(
    words: Sequence[str], more: dict[str, str], *, folder: Path, data: str | None
) -> programs.Completed:
    """The program as in the person's own shell; what cannot be run is a refusal, too."""
    own = {key: value for key, value in command_environment().items() if key not in _ELSEWHERE}
    environment = {**own, **more}
    try:
        return programs.run(
            words, environment=environment, seconds=HOOKS_SECONDS, data=data, folder=folder
        )
    except (OSError, programs.TookTooLongError) as error:
        return programs.Completed(list(words), 1, "", str(error))


def _answer(git: Git, *words: str) -> str:
    """What git prints; empty where it says no, or does not work."""
    with suppress(GitError, CDEError):
        return git.run(*words)
    return ""


def _remote(git: Git, branch: str) -> str:
    """Where a branch is pushed to: what is set for it, or else the only remote, or ``origin``."""
    settings: dict[str, str] = {}
    for entry in _answer(git, "config", "--list", "-z").split("\0"):
        key, _, value = entry.partition("\n")
        settings[key] = value
    for key in (f"branch.{branch}.pushremote", "remote.pushdefault", f"branch.{branch}.remote"):
        if settings.get(key):
            return settings[key]
    remotes = [key[len("remote.") : -len(".url")] for key in settings if _is_remote(key)]
    return remotes[0] if len(remotes) == 1 else ("origin" if "origin" in remotes else "")


def _is_remote(key: str) -> bool:
    return key.startswith("remote.") and key.endswith(".url")


def _words(done: programs.Completed) -> str:
    said = f"{done.stderr}\n{done.stdout}".strip()
    return said or f"it ended with exit code {done.returncode}"
