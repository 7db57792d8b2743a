"""Runs tests by ``cargo test``, program of tests by program of tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cde_orchestrator.adapters.proving.runners.cargo.ids import (
    id_problem,
    is_rust_test,
    name_of,
)
from cde_orchestrator.adapters.proving.runners.cargo.log import outcomes_in, printed_by
from cde_orchestrator.adapters.proving.runners.cargo.targets import Target, targets_in, targets_of
from cde_orchestrator.adapters.proving.runners.detection import text_of
from cde_orchestrator.adapters.proving.runners.execution import (
    Ended,
    RunnerCommand,
    detail_of,
    last_line,
    scratch_environment,
)
from cde_orchestrator.adapters.proving.runners.language_tool import LanguageTool
from cde_orchestrator.adapters.proving.runners.reports import COLLECTED
from cde_orchestrator.adapters.proving.runners.runner_kind import RunnerKind
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import TestRun
from cde_orchestrator.domain.proofs import TestResult
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.file_ops import set_times
from cde_orchestrator.infrastructure.system.tree import is_file

SHOWN = RunnerCommand("cargo", ("cargo", "test"))


class CargoRunner(LanguageTool):
    """Runs tests of a project's packages; what is built is kept in the copy, nothing is fetched."""

    __slots__ = ()
    shown = SHOWN
    problem = staticmethod(id_problem)
    is_test = staticmethod(is_rust_test)

    def version(self, root: Path) -> str:
        """The version of cargo."""
        return last_line(self.asked("--version"))

    def run(
        self, root: Path, copy: Path, tests: Sequence[str], seconds: float, watch: Watch | None
    ) -> TestRun:
        """Run these tests in the copy; E137 where there is no cargo, E119 after the time."""
        deadline = time.monotonic() + seconds
        targets = self._targets(copy)
        for target in targets:  # cargo sees by times, and by them alone, what has changed
            set_times(copy / target.source)
        results: dict[str, TestResult] = {}
        groups: dict[Target, dict[str, str]] = {}
        for test in tests:
            path = test.partition("::")[0]
            there = is_file(copy / path)
            own = targets_of(path, targets) if there else []
            if not own:
                reason = f"no target has {path}" if there else f"there is no file {path}"
                results[test] = TestResult(outcome="missing", detail=reason)
            for target in own:
                groups.setdefault(target, {})[test] = name_of(test)
        tail, collected = "", list[str]()
        for target, names in groups.items():
            run = _TargetRun(self.program(), copy, target, watch, deadline, seconds)
            tail = run.all_of(list(dict.fromkeys(names.values())))
            missing = [test for test, name in names.items() if run.is_missing(name)]
            collected += run.listed({test.partition("::")[0] for test in missing})
            for test, name in names.items():
                results[test] = worst(results.get(test), run.results[name])
        return TestRun(results=results, tail=tail, collected=tuple(collected[:COLLECTED]))

    def _targets(self, copy: Path) -> list[Target]:
        folder = Path(os.path.realpath(copy))
        manifest = str(folder / "Cargo.toml")
        options = ("--offline", "--no-deps", "--format-version", "1", "--manifest-path", manifest)
        try:
            return targets_in(self.asked("metadata", *options), folder)
        except (ValueError, KeyError, TypeError) as error:
            raise self.cannot_run("cargo metadata cannot be read") from error


@dataclass(slots=True)
class _TargetRun:
    """Runs tests of one target.

    Attributes:
        results: by the tests' names.
    """

    cargo: str
    copy: Path
    target: Target
    watch: Watch | None
    deadline: float
    seconds: float
    results: dict[str, TestResult] = field(default_factory=dict)

    def all_of(self, names: Collection[str]) -> str:
        """Run them; gives the end of what was printed."""
        with scratch_environment() as environment:
            log = Path(environment["TMPDIR"]) / "results"
            words = ["--exact", "--logfile", str(log), *names]
            ended = self._start(words, environment, self.watch)
            is_built, outcomes = is_file(log), outcomes_in(text_of(log), names)
        if not is_built and "--offline" in ended.tail:
            raise SHOWN.cannot_run(last_line(ended.tail))
        for name in names:
            if outcome := outcomes.get(name):
                said = printed_by(ended.tail, name) if outcome == "failed" else ""
                self.results[name] = TestResult(outcome=outcome, detail=detail_of(said))
            else:
                self.results[name] = absent(ended, is_built=is_built, is_alone=len(names) == 1)
        return ended.tail

    def is_missing(self, name: str) -> bool:
        """Whether the target has no test of this name."""
        return self.results[name].outcome == "missing"

    def listed(self, paths: Collection[str]) -> list[str]:
        """The ids of the target's tests that may be in these files."""
        if not paths:
            return []
        printed = bytearray()
        with scratch_environment() as environment:
            self._start(["--list", "--format=terse"], environment, None, printed.extend)
        lines = printed.decode("utf-8", "replace").splitlines()
        names = [line.removesuffix(": test") for line in lines if line.endswith(": test")]
        ids = [f"{path}::{name}" for path in sorted(paths) for name in names]
        return [each for each in ids if name_of(each) == each.partition("::")[2]]

    def _start(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        watch: Watch | None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Ended:
        command = [self.cargo, "test", "--offline", "--no-fail-fast", *self.target.options]
        return SHOWN.start(
            [*command, "--", *words],
            folder=self.copy,
            environment={
                **environment,
                "CARGO_TARGET_DIR": str(self.copy / "target"),
                "CARGO_TERM_COLOR": "never",
                "RUST_BACKTRACE": "0",
            },
            seconds=max(self.deadline - time.monotonic(), 0.001),
            watch=watch,
            on_output=on_output,
            limit=self.seconds,
        )


def absent(ended: Ended, *, is_built: bool, is_alone: bool) -> TestResult:
    """Why a test is not in the log of a run."""
    if not is_built:
        return TestResult(outcome="error", detail=detail_of(ended.tail), at_load=True)
    if "\ntest result: " in ended.tail:
        return TestResult(outcome="missing", detail="there is no such test in its target")
    detail = detail_of(f"the run ended before this test did\n{ended.tail}")
    if is_alone and "\nrunning 1 test\n" in ended.tail:
        return TestResult(outcome="failed", detail=detail)
    return TestResult(outcome="error", detail=detail, at_load=True)


def worst(one: TestResult | None, other: TestResult) -> TestResult:
    """Of a test's results in two targets, the one that counts; none in one of them does not."""
    if one is None or one.outcome == "missing":
        return other
    return one if other.outcome in {"passed", "missing"} else other


def detect(root: Path) -> bool:
    """Whether the project is a package or workspace of Rust, and there is cargo."""
    return is_file(root / "Cargo.toml") and programs.found("cargo") is not None


CARGO = RunnerKind("cargo", detect, CargoRunner)
