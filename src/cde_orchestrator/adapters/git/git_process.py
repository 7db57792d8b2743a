"""Runs git, bounded in time and behind a circuit breaker; it never asks anybody anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from cde_orchestrator.adapters.git.own_files import require_plain
from cde_orchestrator.adapters.git.view import keep_index, take_index, view_of
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.correlation import child_environment
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.git_folder import repository_of
from cde_orchestrator.infrastructure.system.programs import Completed, CompletedBytes
from cde_orchestrator.infrastructure.system.retry import is_transient_on_starting, retrying
from cde_orchestrator.infrastructure.system.spans import GIT, span

log = get_logger(__name__)

BREAKER = "git"
TIMEOUT_SECONDS = 60.0

FILES_SECONDS = 300.0
"""For a command that reads or writes each file of a repository."""

PATIENCE_SECONDS = 10.0
"""For a command that a person waits for and that must not fail."""

LOOK_UP_SECONDS = 5.0
"""Most that reading from the repository may take: its configuration may name a pipe."""

_BUSY = b".lock': File exists"
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
_SAFE = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
    "credential.helper=",
)
_AS_THEY_ARE = (
    *("core.autocrlf=false", "core.safecrlf=false", "core.symlinks=true"),
    *("core.checkStat=default", "core.trustctime=true", "core.ignoreStat=false"),
    *("core.sparseCheckout=false", "core.splitIndex=false", "core.untrackedCache=false"),
    "index.skipHash=false",
    *(() if sys.platform in {"darwin", "win32"} else ("core.ignoreCase=false",)),
)
"""How files are compared where each byte counts, whatever the repository says."""
_ALONE = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}
_THROUGH_FILTERS = frozenset({"diff", "status", "switch", "reset"})
"""The commands that compare or write files; no other one may be used for that."""
_AT_TOP = frozenset({"reset"})
"""They throw changes away, so they may not go to a repository around the one that was meant."""
_OF_FILES = frozenset({"checkout-index", "update-index"})
_NEXT_TO = frozenset({"worktree"})
"""They write next to the repository's files, which its configuration may say are anywhere."""
_READING = frozenset(
    {
        *("branch", "cat-file", "diff", "diff-tree", "ls-files", "ls-tree", "rev-list"),
        *("rev-parse", "status", "symbolic-ref"),
    }
)
"""As they are used here they write nothing; nor does ``config`` with one of these options."""
_ASKED = frozenset({"--get", "--list"})
_LOOK_UPS = frozenset({"rev-parse", "config"})
_ABSOLUTE = ("rev-parse", "--path-format=absolute")
_SURROGATES = "surrogateescape"
_PLACES = (*_ABSOLUTE, "--git-dir", "--git-common-dir", "--show-toplevel")
_SETTINGS = ("config", "--list", "--show-scope", "-z")
_NO_REPOSITORY = "fatal: not a git repository (or any of the parent directories): .git"
"""What git says, after the milliseconds that a program takes."""


class GitError(OSError):
    """git is missing, took too long, or ended with an exit code that is not 0."""

    @property
    def reason(self) -> str:
        """What git says first but warnings; what follows is advice for its own users."""
        lines = str(self).strip().splitlines() or ["git cannot be run"]
        return next((line for line in lines if not line.startswith("warning:")), lines[0])


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
        done = self._completed(arguments[0], partial(self._run, arguments, timeout_seconds))
        said = (each.decode(errors="replace") for each in (done.stdout, done.stderr))
        return Completed(done.args, done.returncode, *said)

    def output(self, *arguments: str, data: bytes | None = None) -> bytes:
        """All that a command prints that neither compares nor writes files; raises as ``run``."""
        work = partial(self._run, arguments, TIMEOUT_SECONDS, data)
        return _stdout_of(self._completed(arguments[0], work))

    @contextmanager
    def byte_by_byte(self, *asked: str, writes: bool = False) -> Iterator[ByteByByte]:
        """Commands on files as they are, with an index of their own; raises as ``run``.

        Args:
            asked: what else ``git rev-parse`` is asked for, a line each.
            writes: whether something is written to the repository.
        """
        folder, places = self._folder.absolute(), CompletedBytes((), 0)
        if _is_in_none(folder):
            raise GitError(_NO_REPOSITORY)

        def look() -> CompletedBytes:
            nonlocal places
            places = self._places(TIMEOUT_SECONDS, _top_of(folder, writes=writes), asked)
            return places if places.returncode else self._start(_SETTINGS, TIMEOUT_SECONDS)

        settings = _stdout_of(self._completed("rev-parse", look)).decode(errors=_SURROGATES)
        *lines, _ = places.stdout.decode(errors=_SURROGATES).split("\n")
        first, answers = lines[: len(lines) - len(asked)], lines[len(lines) - len(asked) :]
        with view_of("\n".join(first), settings, as_they_are=True) as (variables, real):
            yield ByteByByte(self, answers, variables, real)

    def _completed(self, command: str, work: Callable[[], CompletedBytes]) -> CompletedBytes:
        """What the work says, which runs git, in time and tried again; raises as ``complete``."""
        watch = Stopwatch()
        COMPUTE_SLOT.leave()
        with span(GIT):
            done = self._breaker.call(_patiently, work, command)
        log.info(
            "git_ran", command=command, exit_code=done.returncode, duration_ms=watch.elapsed_ms
        )
        return done

    def _run(
        self, arguments: tuple[str, ...], timeout_seconds: float, data: bytes | None = None
    ) -> CompletedBytes:
        writes = arguments[0] not in _READING and _ASKED.isdisjoint(arguments)
        top = _top_of(self._folder.absolute(), writes=writes)
        if arguments[0] in _THROUGH_FILTERS:
            return self._run_without_filters(arguments, timeout_seconds, top)
        if arguments[0] in _NEXT_TO and (done := self._places(timeout_seconds, top)).returncode:
            return done
        return self._start(arguments, timeout_seconds, data=data)

    def _run_without_filters(
        self, arguments: tuple[str, ...], timeout_seconds: float, expected: Path | None
    ) -> CompletedBytes:
        places = self._places(
            timeout_seconds, self._folder if arguments[0] in _AT_TOP else expected
        )
        if places.returncode:
            return places
        settings = self._start(_SETTINGS, timeout_seconds)
        if settings.returncode:
            return settings
        found = (each.stdout.decode(errors=_SURROGATES) for each in (places, settings))
        with view_of(*found) as (variables, real):
            done = self._start(arguments, timeout_seconds, variables)
        return _in_real_terms(done, real)

    def _places(
        self, timeout_seconds: float, expected: Path | None, asked: tuple[str, ...] = ()
    ) -> CompletedBytes:
        """The folders of the repository; GitError where its files are not the expected ones."""
        done = self._start((*_PLACES, *asked), timeout_seconds)
        lines = done.stdout.decode(errors=_SURROGATES).split("\n")
        top = Path("\n".join(lines[2 : -1 - len(asked)]))
        if not done.returncode and expected and top.is_dir() and not top.samefile(expected):
            raise GitError(f"the files of the repository are at {top}")
        return done

    def _start(
        self,
        arguments: tuple[str, ...],
        timeout_seconds: float,
        variables: Mapping[str, str] | None = None,
        *,
        data: bytes | None = None,
        settings: tuple[str, ...] = (),
        folder: Path | None = None,
    ) -> CompletedBytes:
        # Variables of git would lead it to another repository.
        inherited = child_environment()
        kept = {key: value for key, value in inherited.items() if not key.startswith("GIT_")}
        if arguments[0] in _LOOK_UPS:
            timeout_seconds = min(timeout_seconds, LOOK_UP_SECONDS)
        words = (word for each in (*_SAFE, *settings) for word in ("-c", each))
        return programs.run_bytes(
            ["git", *words, "-C", str(folder or self._folder.absolute()), *arguments],
            environment={
                **kept,
                **_QUIET,
                **_NO_PROGRAM,
                **_AS_COMMITTED,
                **_ALONE,
                **(variables or {}),
            },
            seconds=timeout_seconds,
            data=data,
        )


class ByteByByte:
    """git on the files as they are: no attribute, filter or setting changes a byte of them.

    Attributes:
        answers: to what was asked.
        top: the folder with the repository's files; names are relative to it.
        index: the index of these commands, which is thrown away; there is none at first.
    """

    def __init__(
        self,
        git: Git,
        answers: list[str],
        variables: Mapping[str, str],
        real: Mapping[str, str],
    ) -> None:
        self._git, self._variables, self._real = git, variables, real
        self.answers = answers
        self.top, self._folder = Path(variables["GIT_WORK_TREE"]), variables["GIT_DIR"]
        self.index = Path(variables["GIT_INDEX_FILE"])

    def take_index(self) -> str | None:
        """Begin with the index that was kept last; what was noted of it; None: there is none."""
        return take_index(self.index, self._folder)

    def keep_index(self, note: str) -> None:
        """Keep the index for the next commands of this work tree."""
        keep_index(self.index, self._folder, note)

    def output(self, *arguments: str, data: bytes | None = None, own: bool = True) -> bytes:
        """All that a command prints, with the index of these or the person's own, to read.

        Raises as ``Git.run``.
        """
        left = () if own else ("GIT_INDEX_FILE",)
        variables = {key: each for key, each in self._variables.items() if key not in left}
        seconds = FILES_SECONDS if arguments[0] in _OF_FILES else TIMEOUT_SECONDS

        def work() -> CompletedBytes:
            done = self._git._start(
                arguments,
                seconds,
                variables,
                data=data,
                settings=_AS_THEY_ARE,
                folder=self.top,
            )
            return _in_real_terms(done, self._real)

        return _stdout_of(self._git._completed(arguments[0], work))


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


def _top_of(folder: Path, *, writes: bool) -> Path | None:
    """The top of the repository, whose own files are looked at first; GitError as they are not."""
    try:
        repository = require_plain(folder, writes=writes)
    except OSError as error:
        raise GitError(str(error)) from error
    return None if repository is None else repository.top


def _is_in_none(folder: Path) -> bool:
    """Whether the folder is in no repository; git, which is asked otherwise, would find none."""
    try:
        return repository_of(folder) is None
    except OSError:
        return False


def _in_real_terms(done: CompletedBytes, real: Mapping[str, str]) -> CompletedBytes:
    """With the names of what is really there in what git says of a view."""
    for made, there in real.items():
        done.stderr = done.stderr.replace(os.fsencode(made), os.fsencode(there))
    return done


def _stdout_of(done: CompletedBytes) -> bytes:
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise GitError(said or f"git ended with exit code {done.returncode}")
    return done.stdout


def _patiently(work: Callable[[], CompletedBytes], command: str) -> CompletedBytes:
    """Try again what was surely not done: git did not start, or another one was at work."""

    def once() -> CompletedBytes:
        done = work()
        if done.returncode and _BUSY in done.stderr:
            raise _GitBusyError(done)
        return done

    try:
        return retrying(once, "git", _is_transient)
    except _GitBusyError as busy:
        return busy.done
    except GitError:
        raise
    except OSError as error:
        raise GitBrokenError(str(error)) from error
    except programs.TookTooLongError as error:
        raise GitStuckError(f"git {command}: {error.timeout:g} seconds") from error


class _GitBusyError(Exception):
    def __init__(self, done: CompletedBytes) -> None:
        super().__init__(done.stderr.decode(errors="replace").strip())
        self.done = done


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, _GitBusyError) or is_transient_on_starting(error)
