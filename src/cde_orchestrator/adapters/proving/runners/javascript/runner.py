"""Runs tests in JavaScript by Node.js and the runner of the project."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cde_orchestrator.adapters.proving.runners.detection import text_of
from cde_orchestrator.adapters.proving.runners.execution import (
    RunnerCommand,
    last_line,
    scratch_environment,
)
from cde_orchestrator.adapters.proving.runners.javascript.ids import (
    id_problem,
    is_script_test,
    is_stated,
    titles_in,
)
from cde_orchestrator.adapters.proving.runners.javascript.manifests import installed, manifest
from cde_orchestrator.adapters.proving.runners.javascript.reports import ScriptReports
from cde_orchestrator.adapters.proving.runners.reports import COLLECTED, report_file
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import TestRun
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proofs import TestResult
from cde_orchestrator.infrastructure.observability.correlation import command_environment
from cde_orchestrator.infrastructure.system import programs

REPORTERS = Path(__file__).with_name("reporters")
VERSION_SECONDS = 60.0
_IMPORTED = re.compile(r"""\b(?:from|require\s*\(|import)\s*['"]([@\w:/.-]+)['"]""")
_NOT_INHERITED = ("NODE_TEST_CONTEXT", "NODE_V8_COVERAGE", "VITEST", "JEST_WORKER_ID")
"""Variables by which a runner takes itself for a part of another run."""


@dataclass(frozen=True, slots=True)
class ScriptTool:
    """A runner of tests in JavaScript.

    Attributes:
        name: as in ``runner:`` of a workflow file.
        package: its folder below ``node_modules``; empty for what is part of Node.js.
        words: its fixed words in a project.
        options: what lets it run tests in these files, by their ids.
        others: what a file imports whose tests are another runner's.
    """

    name: str
    package: str
    words: Callable[[Path], tuple[str, ...]]
    options: Callable[[Sequence[str], Sequence[str]], Sequence[str]]
    others: Sequence[str]


@dataclass(frozen=True, slots=True)
class ScriptRunner:
    """Runs tests of a project by a runner in JavaScript, and takes its results from a reporter.

    Attributes:
        tool: which runner.
        root: the project.
    """

    __test__: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()

    tool: ScriptTool
    root: Path

    @property
    def name(self) -> str:
        """The runner's."""
        return self.tool.name

    @property
    def command(self) -> tuple[str, ...]:
        """As a person would type it; which tests are run is not part of it."""
        return self.tool.words(self.root)

    def problem(self, test: str) -> str | None:
        """Why this is no id of a test, or the test is another runner's."""
        if problem := id_problem(test):
            return problem
        path = test.partition("::")[0]
        imported = set(_IMPORTED.findall(text_of(self.root / path)))
        found = next((name for name in self.tool.others if name in imported), None)
        return found and f"{path} has tests of {found}"

    def is_test(self, path: str) -> bool:
        """Whether a file holds tests, or is there for tests alone."""
        return is_script_test(path)

    def version(self, root: Path) -> str:
        """The runner's version and that of Node.js."""
        node = self._node(root)
        try:
            ended = programs.run(
                [node, "--version"], environment=command_environment(), seconds=VERSION_SECONDS
            )
        except (OSError, programs.TookTooLongError) as error:
            raise self._cannot_run("node does not start") from error
        if ended.returncode != 0:
            raise self._cannot_run(last_line(ended.stdout + ended.stderr))
        shown = f"Node.js {ended.stdout.strip().removeprefix('v')}"
        if not self.tool.package:
            return shown
        place = installed(root, self.tool.package) or ""
        stated = manifest(root / place).get("version", "?")
        return f"{self.name} {stated} on {shown}"

    def run(
        self, root: Path, copy: Path, tests: Sequence[str], seconds: float, watch: Watch | None
    ) -> TestRun:
        """Run these tests in the copy; E137 where there is no runner, E119 after the time."""
        node = self._node(root)
        absent = {
            test: TestResult(outcome="missing", detail=f"there is no file {file}")
            for test in tests
            if not (copy / (file := test.partition("::")[0])).is_file()
        }
        asked = [test for test in tests if test not in absent]
        if not asked:
            return TestRun(results=absent, tail="")
        files = list(dict.fromkeys(test.partition("::")[0] for test in asked))
        with scratch_environment() as environment, report_file({}) as reported:
            for variable in _NOT_INHERITED:
                environment.pop(variable, None)
            ended = RunnerCommand(self.name, self.command).start(
                [node, *self.command[1:], *self.tool.options(files, asked)],
                folder=copy,
                environment=environment,
                seconds=seconds,
                watch=watch,
                stdin=reported.file,
            )
            rows = reported.rows()
        reports = ScriptReports(copy, rows)
        if not reports.is_begun:
            reason = f"it ended with exit code {ended.exit_code}: {last_line(ended.tail)}"
            raise self._cannot_run(reason)
        run = reports.run_of(asked, ended)
        silent = [each for each in files if not reports.has_tests(each)]
        stated = [
            f"{each}::{title}" for each in silent for title in titles_in(text_of(copy / each))
        ]
        unreported = {
            test: reports.unreported(ended)
            for test in asked
            if run.results[test].outcome == "missing" and is_stated(test, stated)
        }
        return TestRun(
            results={**run.results, **unreported, **absent},
            tail=run.tail,
            collected=(*run.collected, *stated[:COLLECTED]),
        )

    def _node(self, root: Path) -> str:
        """Node.js, which is given the files of the runner."""
        if (node := programs.found("node")) is None:
            raise self._cannot_run("PATH has no node")
        package = self.tool.package
        if package and installed(root, package) is None:
            raise self._cannot_run(f"{package} is not installed in node_modules")
        return node

    def _cannot_run(self, reason: str) -> FeatureError:
        return RunnerCommand(self.name, self.command).cannot_run(reason)
