"""Runs tests by ``go test``, module by module."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from cde_orchestrator.adapters.proving.runners.detection import text_of
from cde_orchestrator.adapters.proving.runners.execution import (
    Ended,
    RunnerCommand,
    last_line,
    scratch_environment,
)
from cde_orchestrator.adapters.proving.runners.go.events import GoEvents
from cde_orchestrator.adapters.proving.runners.go.ids import (
    id_problem,
    is_go_test,
    name_of,
    pattern_of,
)
from cde_orchestrator.adapters.proving.runners.language_tool import LanguageTool
from cde_orchestrator.adapters.proving.runners.reports import COLLECTED
from cde_orchestrator.adapters.proving.runners.runner_kind import RunnerKind
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import TestRun
from cde_orchestrator.domain.proofs import TestResult
from cde_orchestrator.domain.text import counted
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.tree import is_file

SHOWN = RunnerCommand("go", ("go", "test"))
_FUNCTION = re.compile(r"^func ((?:Test|Fuzz|Example)\w*)\(", re.MULTILINE)
_MODULE = re.compile(r'^module\s+"?([^\s"]+)', re.MULTILINE)


class GoRunner(LanguageTool):
    """Runs tests of a project's modules, never from what Go remembers of an earlier run."""

    __slots__ = ()
    shown = SHOWN
    problem = staticmethod(id_problem)
    is_test = staticmethod(is_go_test)

    def version(self, root: Path) -> str:
        """The version of Go."""
        return last_line(self.asked("version")).removeprefix("go version ")

    def run(
        self, root: Path, copy: Path, tests: Sequence[str], seconds: float, watch: Watch | None
    ) -> TestRun:
        """Run these tests in the copy; E137 where there is no Go, E119 after the time."""
        deadline = time.monotonic() + seconds
        results: dict[str, TestResult] = {}
        modules: dict[str, list[str]] = {}
        for test in tests:
            if reason := absence(copy, test):
                results[test] = TestResult(outcome="missing", detail=reason)
            elif (module := module_of(copy, test)) is None:
                results[test] = TestResult(outcome="missing", detail="there is no go.mod above it")
            else:
                modules.setdefault(module, []).append(test)
        tail = ""
        for module, asked in modules.items():
            run = _ModuleRun(self.program(), copy, module, deadline, seconds, watch)
            tail = run.all_of(asked)
            results |= run.results
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        here = [f"{path}::{name}" for path in files for name in functions_in(copy / path)]
        return TestRun(results=results, tail=tail, collected=tuple(here[:COLLECTED]))


@dataclass(slots=True)
class _ModuleRun:
    """Runs tests of one module.

    Attributes:
        deadline: when the time is over, which was this many ``seconds``.
        results: by the tests' ids.
    """

    go: str
    copy: Path
    module: str
    deadline: float
    seconds: float
    watch: Watch | None
    results: dict[str, TestResult] = field(default_factory=dict)

    def all_of(self, tests: Sequence[str]) -> str:
        """Run them, and again those that did not begin, as another one ended the run by a panic.

        Gives the end of what was printed.
        """
        path = _MODULE.search(text_of(self.copy / self.module / "go.mod"))
        tail, batches = "", [list(tests)]
        while batches:
            events, batch = GoEvents(), batches.pop()
            names = {test: name_of(test) for test in batch}
            folders = {test: package_of(self.module, test) for test in batch}
            ended = self._once(batch, list(dict.fromkeys(folders.values())), events)
            tail, again = ended.tail, dict[int, list[str]]()
            for test, name in names.items():
                parts = PurePosixPath(folders[test]).parts
                package = "/".join((path[1] if path else "", *parts))
                self.results[test] = events.result(package, name, ended)
                if events.may_run_later(package, name):
                    again.setdefault(name.count("/"), []).append(test)
            if sum(map(len, again.values())) < len(batch):
                batches += again.values()
        return tail

    def _once(self, tests: Sequence[str], folders: Sequence[str], events: GoEvents) -> Ended:
        words = [
            *(self.go, "test", "-json", "-count=1", "-vet=off", "-timeout=0"),
            *("-run", pattern_of([name_of(test) for test in tests])),
            *(f"./{folder}" for folder in folders),
        ]
        with scratch_environment() as environment:
            return SHOWN.start(
                words,
                folder=self.copy / self.module,
                environment={**environment, "GOTMPDIR": environment["TMPDIR"]},
                seconds=max(self.deadline - time.monotonic(), 0.001),
                watch=self.watch,
                shown=events.add,
                limit=self.seconds,
            )


def absence(copy: Path, test: str) -> str | None:
    """Why the file does not have the test; None where it has."""
    path = test.partition("::")[0]
    if not is_file(copy / path):
        return f"there is no file {path}"
    function = name_of(test).partition("/")[0]
    here = functions_in(copy / path)
    if function in here:
        return None
    close = get_close_matches(function, here, 5, 0.4)
    return f"{path} has no {function}, but " + (", ".join(close) or counted(len(here), "test"))


def functions_in(file: Path) -> list[str]:
    """The functions in a file that are tests."""
    return _FUNCTION.findall(text_of(file))


def module_of(copy: Path, test: str) -> str | None:
    """The folder of the module that the test's file belongs to, ``.`` for the project's own."""
    for folder in PurePosixPath(test.partition("::")[0]).parents:
        if is_file(copy / folder / "go.mod"):
            return str(folder)
    return None


def package_of(module: str, test: str) -> str:
    """The folder of the test's package in its module."""
    return str(PurePosixPath(test.partition("::")[0]).parent.relative_to(module))


def detect(root: Path) -> bool:
    """Whether the project is a module of Go, and there is Go."""
    return is_file(root / "go.mod") and programs.found("go") is not None


GO = RunnerKind("go", detect, GoRunner)
