"""Starts what runs tests in a copy, as checks are started, and leaves nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cde_orchestrator.adapters.proving.scratch import RUN, scratch_folder
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.infrastructure.observability.correlation import command_environment
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system import supervised_process as supervised
from cde_orchestrator.infrastructure.system.captured_output import CapturedOutput
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.os_errors import error_words
from cde_orchestrator.infrastructure.system.retry import retrying
from cde_orchestrator.infrastructure.system.spans import TESTS, span

DETAIL_CHARACTERS = 2_000
NOT_RUNNABLE = frozenset({126, 127})
"""Exit codes by which shells say that a command may not be run, or does not exist."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; the end of what it printed, without secrets."""

    exit_code: int
    tail: str


@dataclass(frozen=True, slots=True)
class RunnerCommand:
    """A runner, and its command as a person sees it in ``cde trust``.

    Attributes:
        proof: the id of the proof that it is, where it is one itself.
    """

    runner: str
    words: tuple[str, ...]
    proof: str = ""

    def cannot_run(self, reason: str) -> FeatureError:
        """E137 with the reason."""
        facts = {"runner": self.runner, "command": " ".join(self.words), "reason": reason}
        return FeatureError.of("E137", **facts, **({"proof": self.proof} if self.proof else {}))

    @span(TESTS)
    def start(
        self,
        words: Sequence[str],
        *,
        folder: Path,
        environment: dict[str, str],
        seconds: float,
        watch: Watch | None,
        stdin: IO[bytes] | None = None,
        on_output: Callable[[bytes], None] | None = None,
        shown: Callable[[bytes], bytes] | None = None,
        limit: float | None = None,
    ) -> Ended:
        """Run these words to their end; no process of theirs is left.

        Args:
            words: what is really started, the program first.
            folder: in which it runs.
            environment: all that it sees of the environment.
            seconds: after them it is ended.
            watch: gets what is printed, line by line, without secrets.
            stdin: what it reads.
            on_output: gets what is printed, as it comes.
            shown: makes of what is printed what a person is to see of it.
            limit: what is said of the time, where the seconds are what is left of it.

        Raises:
            FeatureError: E137, they cannot be started; E119, it took too long.
        """
        capture = CapturedOutput(watch)

        def add(data: bytes) -> None:
            capture.add(data if shown is None else shown(data))
            if on_output is not None:
                on_output(data)

        def once() -> supervised.Ending:
            process = supervised.SupervisedProcess(
                words, folder=folder, environment=environment, stdin=stdin
            )
            COMPUTE_SLOT.leave()
            ended = process.watch(add, seconds)
            capture.end()
            return ended

        try:
            ending = retrying(once, "start_tests", supervised.may_start_later)
        except supervised.NotStartedError as error:
            said = error_words(error)
            raise self.cannot_run(f"{words[0]}: {said}" if self.proof else said) from error
        if ending.cause == "timeout":
            raise FeatureError.of(
                "E119",
                feature="?",
                phase="?",
                command=" ".join(self.words),
                seconds=seconds if limit is None else limit,
                tail=capture.text[-DETAIL_CHARACTERS:].strip(),
            )
        return Ended(ending.exit_code, capture.text)


_NOT_INHERITED = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"),
        "PYTHONOPTIMIZE",
    }
)
"""Variables of a hook of git, by which tests would work on the person's repository, and one with
which ``assert`` does nothing."""


@contextmanager
def scratch_environment() -> Iterator[dict[str, str]]:
    """The environment of a run, with a folder of its own for temporary files, removed afterwards.

    Bytecode is not written: what was compiled from a file could be taken for the file after it
    was edited within the same second.
    """
    with scratch_folder(RUN) as folder:
        inherited = command_environment()
        environment = {name: inherited[name] for name in inherited.keys() - _NOT_INHERITED}
        environment["PATH"] = programs.absolute_path(environment)
        yield {**environment, "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def last_line(text: str) -> str:
    """The last line that speaks of an error, else the last one, which says why in most programs."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines[-20:] if "error" in line.lower()]
    return (errors or lines or ["it printed nothing"])[-1].rstrip(".")


def detail_of(text: str) -> str:
    """The end of a text, without secrets, as long as a result may hold."""
    return without_secrets(text.replace("\x00", "\ufffd"))[-DETAIL_CHARACTERS:]
