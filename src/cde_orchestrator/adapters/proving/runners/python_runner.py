"""Runs tests by a project's own Python, with pytest or unittest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cde_orchestrator.adapters.proving.runners.execution import (
    Ended,
    RunnerCommand,
    last_line,
    scratch_environment,
)
from cde_orchestrator.adapters.proving.runners.inside import launcher
from cde_orchestrator.adapters.proving.runners.interpreters import (
    NAMES,
    interpreter_of,
    levels_to_top,
    program_of,
)
from cde_orchestrator.adapters.proving.runners.python_ids import id_problem, is_python_test
from cde_orchestrator.adapters.proving.runners.reports import Reported, report_file
from cde_orchestrator.adapters.proving.runners.source_folders import source_folders
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import TestRun
from cde_orchestrator.domain.proofs import TestResult
from cde_orchestrator.infrastructure.observability.correlation import command_environment
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.spans import TESTS, span

VERSION_SECONDS = 60.0
_NOT_INHERITED = ("PYTHONPATH", "PYTHONSAFEPATH")
"""Variables that would put other files first, or fewer."""
_versions: dict[tuple[object, ...], str] = {}


@dataclass(frozen=True, slots=True)
class PythonRunner:
    """Runs tests by a module of the project's interpreter, as ``python -m pytest`` does.

    Attributes:
        name: the runner's, and that of its module.
        root: the project.
    """

    __test__: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()

    name: str
    root: Path

    @property
    def command(self) -> tuple[str, ...]:
        """As a person would type it; which tests are run is not part of it."""
        interpreter = interpreter_of(self.root)
        return (*(interpreter.words if interpreter else NAMES[:1]), "-m", self.name)

    def problem(self, test: str) -> str | None:
        """Why this is no id of a test."""
        return id_problem(test)

    def is_test(self, path: str) -> bool:
        """Whether a file holds tests, or is there for tests alone."""
        return is_python_test(path)

    def version(self, root: Path) -> str:
        """The runner's version and Python's, as the last run had them; asked for where none was."""
        program = program_of(root, self._command)
        key = self._key(program)
        if key not in _versions:
            _versions[key] = self._asked(program)
        return _versions[key]

    def run(
        self, root: Path, copy: Path, tests: Sequence[str], seconds: float, watch: Watch | None
    ) -> TestRun:
        """Run these tests in the copy; E137 where there is no runner, E119 after the time."""
        program = program_of(root, self._command)
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        present = [file for file in files if (copy / file).is_file()]
        absent = {
            test: TestResult(outcome="missing", detail=f"there is no file {file}")
            for test in tests
            if (file := test.partition("::")[0]) not in present
        }
        asked = [test for test in tests if test not in absent]
        if not asked:
            return TestRun(results=absent, tail="")
        request = {
            "runner": self.name,
            "files": present,
            "tests": asked,
            "path": [*source_folders(copy), str(copy)],
            "inherited": list(filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))),
            "moved": _moved(root, copy),
        }
        with scratch_environment() as environment, report_file(request) as reports:
            for variable in _NOT_INHERITED:
                environment.pop(variable, None)
            ended = self._command.start(
                [program, "-B", launcher.__file__],
                folder=copy,
                environment=environment,
                seconds=seconds,
                watch=watch,
                stdin=reports.file,
            )
            reported = reports.read()
        self._refuse(reported, ended)
        if "configured" in reported.kinds:
            _versions[self._key(program)] = self._shown(reported.version, reported.python)
        run = reported.run_of(asked, ended)
        return TestRun(results={**run.results, **absent}, tail=run.tail, collected=run.collected)

    def _refuse(self, reported: Reported, ended: Ended) -> None:
        """Raise E137 where the runner did not get as far as the tests by no fault of theirs."""
        reason = reported.no_runner
        if reported.is_sound and not reported.kinds & {"begin", "no_runner"}:
            reason = f"it ended with exit code {ended.exit_code}: {last_line(ended.tail)}"
        elif "returned" in reported.kinds and not reported.kinds & {"configured", "load"}:
            reason = f"its settings are refused: {last_line(ended.tail)}"
        if reason:
            raise self._command.cannot_run(reason)

    def _key(self, program: str) -> tuple[object, ...]:
        """What is another key once the interpreter was replaced."""
        found = os.stat(program)
        return self.name, program, found.st_dev, found.st_ino, found.st_mtime_ns

    @span(TESTS)
    def _asked(self, program: str) -> str:
        """The version, by the interpreter itself."""
        own = "r.__version__" if self.name == "pytest" else "''"
        code = f"import platform, {self.name} as r; print({own}, platform.python_version())"
        environment = command_environment()
        for variable in _NOT_INHERITED:
            environment.pop(variable, None)
        try:
            words = [program, "-B", "-c", code]
            ended = programs.run(words, environment=environment, seconds=VERSION_SECONDS)
        except (OSError, programs.TookTooLongError) as error:
            raise self._command.cannot_run("Python does not start") from error
        if ended.returncode != 0:
            raise self._command.cannot_run(last_line(ended.stderr))
        runner, _, python = ended.stdout.strip("\n").rpartition(" ")
        return self._shown(runner, python)

    def _shown(self, runner: str, python: str) -> str:
        return " ".join([self.name, *runner.split(), "on Python", python])

    @property
    def _command(self) -> RunnerCommand:
        return RunnerCommand(self.name, self.command)


def _moved(root: Path, copy: Path) -> dict[str, str]:
    """What is in place of which folder: the copy of the project, and of the whole repository."""
    moved = {}
    for real in (root, Path(os.path.realpath(root))):
        up = levels_to_top(real)
        moved[str(real)] = str(copy)
        moved[str((real, *real.parents)[up])] = str((copy, *copy.parents)[up])
    return moved
