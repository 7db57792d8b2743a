"""Runs of tests in copies, few and within a time that is bound for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import TestRun, TestRunner
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.proof_rules import RUNS_LIMIT
from cde_orchestrator.domain.proofs import TestResult
from cde_orchestrator.domain.value import Value

log = get_logger(__name__)

LEAST_SECONDS = 30.0
_TIMES_AS_LONG = 10.0
"""How much longer than before a run may take in which functions do nothing: one may never end."""
_SPARE = 2.0
"""How many times the slowest round's time must be left for one that is repeated."""
_CANNOT_RUN = frozenset({"E119", "E121", "E137"})


class Group(Value):
    """Proofs that one runner runs, by their ids."""

    runner: TestRunner
    tests: Sequence[str]


class Rounds(Value, frozen=False, kw_only=True):
    """Runs tests in rounds; in each, a runner is started once for all of its tests.

    Attributes:
        phase: for errors.
        seconds: how long all rounds may take.
        taken: how many rounds there were.
        collected: ids that runners found, so far.
    """

    root: Path
    phase: str
    groups: Sequence[Group]
    seconds: float
    watch: Watch | None
    taken: int = 0
    collected: list[str] = field(default_factory=list)
    _timer: Stopwatch = field(default_factory=Stopwatch)
    _longest: float = 0.0
    _slowest: float = 0.0

    @property
    def left(self) -> int:
        """How many rounds there may still be."""
        return RUNS_LIMIT - self.taken

    @property
    def may_repeat(self) -> bool:
        """Whether there may be one more, and there is time for it, however slow it is."""
        return self.left > 0 and self._seconds_left > _SPARE * self._slowest

    def run(self, folder: Path, tests: Collection[str], words: str) -> dict[str, TestResult]:
        """Run these tests in a copy as the work is.

        Raises:
            FeatureError: E119, all rounds together took too long; E121, E137, it cannot run.
        """
        return self._round(folder, tests, words, patient=True)

    def try_out(self, folder: Path, tests: Collection[str], words: str) -> dict[str, TestResult]:
        """Run them in a copy that lacks something; that they cannot be run at all is a result.

        Raises:
            FeatureError: E119, all rounds together took too long.
        """
        return self._round(folder, tests, words, patient=False)

    def _round(
        self, folder: Path, tests: Collection[str], words: str, *, patient: bool
    ) -> dict[str, TestResult]:
        self.taken += 1
        if self.watch is not None:
            what = f"{len(tests)} proof" + ("s" if len(tests) > 1 else "")
            left = max(0, round(self._seconds_left))
            bound = f"run {self.taken} of at most {RUNS_LIMIT}, {left} s left"
            self.watch(f"{bound}: {what} {words}\n")
        started, results = self._timer.elapsed_ms, dict[str, TestResult]()
        try:
            for group in self.groups:
                asked = [test for test in group.tests if test in tests]
                if asked:
                    results |= self._run(group.runner, folder, asked, patient=patient)
        finally:
            lasted_ms = self._timer.elapsed_ms - started
            said = {"purpose": words, "proofs": len(tests), "passed": _passed(results.values())}
            log.info("proofs_run", **said, duration_ms=round(lasted_ms, 3))
        if self.watch is not None:
            self.watch(f"{_counted(results.values())}\n")
        lasted = lasted_ms / 1000
        self._slowest = max(self._slowest, lasted)
        if patient:
            self._longest = max(self._longest, lasted)
        return results

    @property
    def _seconds_left(self) -> float:
        return self.seconds - self._timer.elapsed_ms / 1000

    def _run(
        self, runner: TestRunner, folder: Path, tests: Sequence[str], *, patient: bool
    ) -> Mapping[str, TestResult]:
        left = self._seconds_left
        if left <= 0:
            raise self._too_long(runner, "")
        usual = max(LEAST_SECONDS, _TIMES_AS_LONG * self._longest)
        seconds = left if patient else min(left, usual)
        try:
            # What is red where something is missing would only alarm those who read it.
            watch = self.watch if patient else None
            run: TestRun = runner.run(self.root, folder, tests, seconds, watch)
        except FeatureError as error:
            tail = str(error.context.get("tail", ""))
            if error.code == "E119" and (patient or self._seconds_left <= 0):
                raise self._too_long(runner, tail) from error
            if patient or error.code not in _CANNOT_RUN:
                raise
            return dict.fromkeys(tests, TestResult(outcome="error", detail=tail, at_load=True))
        self.collected += run.collected
        missing = TestResult(outcome="missing")
        return {test: run.results.get(test, missing) for test in tests}

    def _too_long(self, runner: TestRunner, tail: str) -> FeatureError:
        command = " ".join(runner.command) or runner.name
        facts = {"phase": self.phase, "command": command, "seconds": self.seconds}
        return FeatureError.of("E119", **facts, tail=tail)


def _counted(results: Iterable[TestResult]) -> str:
    """How many of the proofs passed, and how many did not."""
    found = list(results)
    passed = _passed(found)
    failed = len(found) - passed
    return f"{passed or 'none'} passed" + (f", {failed} did not" if failed else "")


def _passed(results: Iterable[TestResult]) -> int:
    return sum(result.passed for result in results)
