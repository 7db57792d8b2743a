"""Runs git, bounded in time and behind a circuit breaker; it never asks anybody anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cde_orchestrator.adapters.git.own_files import require_plain
from cde_orchestrator.adapters.git.view import view_of
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.correlation import child_environment
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.programs import Completed
from cde_orchestrator.infrastructure.system.retry import is_transient_on_starting, retrying
from cde_orchestrator.infrastructure.system.spans import GIT, span

log = get_logger(__name__)

BREAKER = "git"
TIMEOUT_SECONDS = 60.0

PATIENCE_SECONDS = 10.0
"""For a command that a person waits for and that must not fail."""

LOOK_UP_SECONDS = 5.0
"""Most that reading from the repository may take: its configuration may name a pipe."""

_BUSY = ".lock': File exists"
"""What git says when another git is at work in the repository.

Most commands that are run here have changed nothing then. A branch is created by ``update-ref``
where there is a commit, since ``switch -c`` may have created it by the time that it meets a lock;
``worktree add -b`` may leave one, which is used the next time.
"""

_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_NO_PROGRAM = {
    **dict.fromkeys(("GIT_ASKPASS", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR"), "false"),
    "GIT_PAGER": "cat",
    "GIT_SSH_COMMAND": "false",
}
"""They come before what the repository names; nothing that is run here needs one of them."""
_AS_COMMITTED = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": f"{os.devnull}/none"}
"""A commit is what its name says: a repository may name another one to be taken instead."""
# A repository may be a stranger's: none of its own programs is run. A folder with the files of
# a repository comes with any clone and is none; nothing that is missing is fetched.
_SAFE = tuple(
    word
    for setting in (
        "core.fsmonitor=false",
        f"core.hooksPath={os.devnull}",
        "safe.bareRepository=explicit",
        "submodule.recurse=false",
        "credential.helper=",
    )
    for word in ("-c", setting)
)
_ALONE = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}
_THROUGH_FILTERS = frozenset({"diff", "status", "switch", "reset"})
"""The commands that compare or write files; no other one may be used for that."""
_AT_TOP = frozenset({"reset"})
"""They throw changes away, so they may not go to a repository around the one that was meant."""
_NEXT_TO = frozenset({"worktree"})
"""They write next to the repository's files, which its configuration may say are anywhere."""
_READING = frozenset({"branch", "diff", "ls-files", "rev-parse", "status", "symbolic-ref"})
"""As they are used here they write nothing; nor does ``config`` with one of these options."""
_ASKED = frozenset({"--get", "--list"})
_LOOK_UPS = frozenset({"rev-parse", "config"})
_ABSOLUTE = ("rev-parse", "--path-format=absolute")
_PLACES = (*_ABSOLUTE, "--git-dir", "--git-common-dir", "--show-toplevel")
_SETTINGS = ("config", "--list", "--show-scope", "-z")


class GitError(OSError):
    """git is missing, took too long, or ended with an exit code that is not 0."""


class Git:
    """git in one folder, behind the circuit breaker of its project."""

    def __init__(self, folder: Path, breakers: BreakerRegistry) -> None:
        self._folder = folder
        self._breaker = breakers.get(BREAKER, failures=GitBrokenError, costly=GitStuckError)

    def run(self, *arguments: str, timeout_seconds: float = TIMEOUT_SECONDS) -> str:
        """What the command prints; raises GitError where it says no, else as ``complete``."""
        done = self.complete(*arguments, timeout_seconds=timeout_seconds)
        if done.returncode:
            raise GitError(done.stderr.strip() or f"git ended with exit code {done.returncode}")
        return done.stdout.strip()

    def complete(self, *arguments: str, timeout_seconds: float = TIMEOUT_SECONDS) -> Completed:
        """The command when it has ended, whatever its exit code.

        Raises:
            GitBrokenError: git itself does not work; this is what counts as a failure.
            CircuitBreakerOpenError: E903, git is given time to recover.
        """
        watch = Stopwatch()
        COMPUTE_SLOT.leave()
        with span(GIT):
            done = self._breaker.call(self._patiently, arguments, timeout_seconds)
        log.info(
            "git_ran",
            command=arguments[0],
            exit_code=done.returncode,
            duration_ms=watch.elapsed_ms,
        )
        return done

    def _patiently(self, arguments: tuple[str, ...], timeout_seconds: float) -> Completed:
        """Try again what was surely not done: git did not start, or another one was at work."""
        try:
            return retrying(lambda: self._run(arguments, timeout_seconds), "git", _is_transient)
        except _GitBusyError as busy:
            return busy.done
        except GitError:
            raise
        except OSError as error:
            raise GitBrokenError(str(error)) from error
        except programs.TookTooLongError as error:
            raise GitStuckError(f"git {arguments[0]}: {error.timeout:g} seconds") from error

    def _run(self, arguments: tuple[str, ...], timeout_seconds: float) -> Completed:
        try:
            writes = arguments[0] not in _READING and _ASKED.isdisjoint(arguments)
            repository = require_plain(self._folder.absolute(), writes=writes)
        except OSError as error:
            raise GitError(str(error)) from error
        top = None if repository is None else repository.top
        if arguments[0] in _THROUGH_FILTERS:
            done = self._run_without_filters(arguments, timeout_seconds, top)
        elif arguments[0] in _NEXT_TO and (done := self._places(timeout_seconds, top)).returncode:
            return done
        else:
            done = self._start(arguments, timeout_seconds)
        if done.returncode and _BUSY in done.stderr:
            raise _GitBusyError(done)
        return done

    def _run_without_filters(
        self, arguments: tuple[str, ...], timeout_seconds: float, expected: Path | None
    ) -> Completed:
        places = self._places(
            timeout_seconds, self._folder if arguments[0] in _AT_TOP else expected
        )
        if places.returncode:
            return places
        settings = self._start(_SETTINGS, timeout_seconds, errors="surrogateescape")
        if settings.returncode:
            return settings
        with view_of(places.stdout, settings.stdout) as (variables, real):
            done = self._start(arguments, timeout_seconds, variables)
        for made, there in real.items():
            done.stderr = done.stderr.replace(made, there)
        return done

    def _places(self, timeout_seconds: float, expected: Path | None) -> Completed:
        """The folders of the repository; GitError where its files are not the expected ones."""
        done = self._start(_PLACES, timeout_seconds, errors="surrogateescape")
        top = Path(done.stdout.removesuffix("\n").rpartition("\n")[2])
        if not done.returncode and expected and top.is_dir() and not top.samefile(expected):
            raise GitError(f"the files of the repository are at {top}")
        return done

    def _start(
        self,
        arguments: tuple[str, ...],
        timeout_seconds: float,
        variables: Mapping[str, str] | None = None,
        *,
        errors: str = "replace",
    ) -> Completed:
        # Variables of git would lead it to another repository.
        inherited = child_environment()
        kept = {key: value for key, value in inherited.items() if not key.startswith("GIT_")}
        if arguments[0] in _LOOK_UPS:
            timeout_seconds = min(timeout_seconds, LOOK_UP_SECONDS)
        return programs.run(
            ["git", *_SAFE, "-C", str(self._folder.absolute()), *arguments],
            environment={
                **kept,
                **_QUIET,
                **_NO_PROGRAM,
                **_AS_COMMITTED,
                **_ALONE,
                **(variables or {}),
            },
            seconds=timeout_seconds,
            errors=errors,
        )


class GitBrokenError(GitError):
    """git is missing or took too long."""


class GitStuckError(GitBrokenError):
    """git took too long; the next command would as well."""


def git_output(root: Path, *arguments: str) -> str:
    """What git prints in a project where it has to work; no failure of the work elsewhere.

    Raises:
        CDESystemError: E922, the project is no git repository, or git refuses.
    """
    try:
        return Git(root, BreakerRegistry()).run(*arguments, timeout_seconds=PATIENCE_SECONDS)
    except GitError as error:
        raise CDESystemError.of("E922", path=str(root), reason=str(error)) from error


class _GitBusyError(Exception):
    def __init__(self, done: Completed) -> None:
        super().__init__(done.stderr.strip())
        self.done = done


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, _GitBusyError) or is_transient_on_starting(error)
