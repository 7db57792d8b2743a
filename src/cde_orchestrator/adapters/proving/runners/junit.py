"""Any other runner: a command of the workflow that runs the tests and writes a JUnit file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from cde_orchestrator.adapters.proving.runners.execution import (
    NOT_RUNNABLE,
    Ended,
    RunnerCommand,
    detail_of,
    last_line,
    scratch_environment,
)
from cde_orchestrator.adapters.proving.runners.interpreters import own_python
from cde_orchestrator.adapters.proving.runners.junit_file import (
    MOST_BYTES,
    Case,
    JUnitError,
    cases_of,
)
from cde_orchestrator.adapters.proving.runners.python_ids import path_problem
from cde_orchestrator.adapters.proving.runners.source_folders import python_path
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import UNKNOWN_VERSION, TestRun
from cde_orchestrator.domain.path_patterns import matches_any
from cde_orchestrator.domain.proofs import Outcome, TestResult
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.file_ops import read_bounded, unlink

NAME = "junit"
_IF_WRONG = (
    "if its command or junit is wrong, a person corrects runner in .cde/workflow.yml and runs cde "
    "trust; features under way follow"
)
_MOST_COMPARED = 100_000
_SAID = 200
_WORST: tuple[Outcome, ...] = ("failed", "error", "skipped")


@dataclass(frozen=True, slots=True)
class JUnitRunner:
    """Runs a command, and finds each test in the file that it writes.

    The command runs all tests that it runs; those that were asked for are sought in the file.

    Attributes:
        command: its words.
        report: where it writes the file, relative to the project.
        tests: patterns of the paths of tests, as ``spec/**/*_spec.rb``.
    """

    __test__: ClassVar[bool] = False

    command: tuple[str, ...]
    report: str
    tests: tuple[str, ...]
    name: str = NAME

    @property
    def reads(self) -> tuple[str, ...]:
        """Where its results are, and which files are tests."""
        return self.report, *self.tests

    def problem(self, test: str) -> str | None:
        """Why this is no id of a test: ``path::name``, the path matched by ``tests``."""
        if problem := path_problem(test):
            return problem
        path = test.partition("::")[0]
        if not self.is_test(path):
            return f"{path} is no file of tests by {', '.join(self.tests)}"
        return None

    def is_test(self, path: str) -> bool:
        """Whether one of the patterns matches the path."""
        return matches_any(path, self.tests)

    def version(self, root: Path) -> str:
        """Unknown, as a command says it in a way of its own; E137 where there is no program."""
        command = RunnerCommand(self.name, self.command)
        program = own_python(command, root)[0]
        if programs.found(str(root / program) if "/" in program else program) is None:
            raise command.cannot_run(f"there is no program {program}")
        return UNKNOWN_VERSION

    def run(
        self, root: Path, copy: Path, tests: Sequence[str], seconds: float, watch: Watch | None
    ) -> TestRun:
        """Run the command in the copy, and look the tests up; raises as the port says."""
        command, path = RunnerCommand(self.name, self.command), copy / self.report
        unlink(path, missing_ok=True)
        with scratch_environment() as environment:
            python = python_path(copy, environment.get("PYTHONPATH", ""))
            ended = command.start(
                own_python(command, root),
                folder=copy,
                environment={**environment, "PYTHONPATH": python},
                seconds=seconds,
                watch=watch,
            )
        if ended.exit_code in NOT_RUNNABLE:
            reason = f"it ended with exit code {ended.exit_code}: {last_line(ended.tail)}"
            raise command.cannot_run(reason)
        try:
            cases = cases_of(read_bounded(path, MOST_BYTES))
        except (JUnitError, OSError) as error:
            return self._without_report(tests, ended, str(getattr(error, "strerror", error)))
        if not tests and cases and not self._may_be_named(cases, copy):
            some = (_path(cases[0], copy) or cases[0].place or cases[0].name)[:_SAID]
            patterns = ", ".join(self.tests)
            reason = (
                f"{self.report} has {some}, and no test of a file that is matched by {patterns}"
            )
            raise command.cannot_run(f"{reason} ({_IF_WRONG})")
        found = tuple(f"{_path(case, copy)}::{case.name}" for case in cases)
        results = {test: _result(test, cases, copy) for test in tests} or _worst(found, cases)
        return TestRun(results=results, tail=ended.tail, collected=found[:5_000])

    def _may_be_named(self, cases: Sequence[Case], copy: Path) -> bool:
        """Whether a test of the report is in a file of tests; so where that takes too long."""
        paths = {_path(case, copy) for case in cases}
        if any(map(self.is_test, paths - {""})):
            return True
        places = {case.place or case.name: case for case in cases if not _path(case, copy)}
        files = [path for path in _files(copy) if self.is_test(path)] if places else []
        if len(places) * len(files) > _MOST_COMPARED:
            return True
        return any(_is_in(case, path, copy) for case in places.values() for path in files)

    def _without_report(self, tests: Sequence[str], ended: Ended, reason: str) -> TestRun:
        """As where what is tested cannot be built; E137 where no test was asked for."""
        said = f"it ended with exit code {ended.exit_code}, and {self.report} cannot be read"
        if not tests:
            printed = f": {last_line(ended.tail)[:_SAID]}" if ended.tail.strip() else ""
            reason = f"{said}: {reason} ({_IF_WRONG}); it printed{printed or ' nothing'}"
            raise RunnerCommand(self.name, self.command).cannot_run(reason)
        detail = detail_of(f"{said}: {reason} ({_IF_WRONG})\n{ended.tail}")
        result = TestResult(outcome="error", detail=detail, at_load=True)
        return TestRun(results=dict.fromkeys(tests, result), tail=ended.tail)


def junit_runner(table: Mapping[str, object]) -> JUnitRunner:
    """The runner that a table of a workflow describes, which was validated when it was read."""
    command, tests = table["command"], table["tests"]
    words = command.split() if isinstance(command, str) else _texts(command)
    patterns = (tests,) if isinstance(tests, str) else _texts(tests)
    return JUnitRunner(command=tuple(words), report=str(table["junit"]), tests=tuple(patterns))


def _worst(names: Sequence[str], cases: Sequence[Case]) -> dict[str, TestResult]:
    """How each ended, by its name; what has one name is red where one of them is."""
    results: dict[str, TestResult] = {}
    for name, case in zip(names, cases, strict=True):
        known = results.get(name)
        if known is None or known.passed:
            results[name] = TestResult(outcome=case.outcome)
    return results


def _files(copy: Path) -> Iterator[str]:
    """Paths of the files of a copy; what links lead to is not of it."""
    for folder, _, names in os.walk(copy):
        yield from (Path(folder, name).relative_to(copy).as_posix() for name in names)


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, Sequence) else []


def _result(test: str, cases: Sequence[Case], copy: Path) -> TestResult:
    """How the test ended: red where one of the cases is that it may mean."""
    path, _, name = test.partition("::")
    here = [case for case in cases if _is_in(case, path, copy)]
    meant = [case for case in here if _is_named(case, name)]
    for outcome in _WORST:
        for case in meant:
            if case.outcome == outcome:
                return TestResult(outcome=outcome, detail=detail_of(case.detail))
    if meant:
        return TestResult(outcome="passed")
    broken = [case for case in here if case.outcome == "error"]
    if broken:
        return TestResult(outcome="error", detail=detail_of(broken[0].detail), at_load=True)
    some = ", ".join(case.name for case in here[:5])
    return TestResult(outcome="missing", detail=f"{path} has no such test, but {some or 'none'}")


def _path(case: Case, copy: Path) -> str:
    """The case's file, relative to the project, where the report has one."""
    file = case.file.replace("\\", "/")
    for folder in {str(copy), str(copy.resolve())}:
        file = file.removeprefix(folder + "/")
    return file.removeprefix("./")


def _is_in(case: Case, path: str, copy: Path) -> bool:
    """Whether the case is of the file: by the path that the report has, else by its class.

    A class is named as ``tests.test_pay.TestCard`` for ``tests/test_pay.py``, as ``org.shop.Pay``
    for ``src/test/java/org/shop/Pay.java``, and in Go as the folder of its package.
    """
    if file := _path(case, copy):
        return file == path
    place = _steps(case.place or case.name)
    steps = _steps(str(PurePosixPath(path).with_suffix("")))
    if path.endswith("_test.go"):
        return place[-len(steps[:-1]) :] == steps[:-1]
    return any(place[: len(steps) - n] == steps[n:] for n in range(len(steps)))


def _is_named(case: Case, name: str) -> bool:
    """Whether the case is the test of this name, or one of its cases: ``test_x[1]``, ``x(int)``."""
    *outer, last = name.split("::")
    if case.name in {name, " ".join([*outer, last])}:
        return True
    place = _steps(case.place)
    is_it = case.name == last or case.name.startswith((last + "[", last + "("))
    return is_it and (not outer or place[-len(outer) :] == outer)


def _steps(place: str) -> list[str]:
    return [step for step in re.split(r"[./:$\\]+", place) if step]
