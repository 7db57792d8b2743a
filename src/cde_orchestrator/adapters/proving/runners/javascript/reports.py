"""What reporters of tests in JavaScript reported, and what follows from it for each test."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from cde_orchestrator.adapters.proving.runners.execution import Ended, detail_of
from cde_orchestrator.adapters.proving.runners.javascript.ids import SEPARATOR
from cde_orchestrator.adapters.proving.runners.reports import COLLECTED
from cde_orchestrator.application.ports.proving import TestRun
from cde_orchestrator.domain.proofs import Outcome, TestResult

_OUTCOMES: frozenset[str] = frozenset(get_args(Outcome))
UNSOUND = "something else than the runner wrote to the file of its reports"
_WORST: tuple[Outcome, ...] = (
    *("failed", "error", "missing", "expected_failure", "skipped", "passed"),
)


class ScriptReports:
    """What one run reported.

    Args:
        folder: in which it ran.
        rows: its reports; None where something else wrote to their file.
    """

    def __init__(self, folder: Path, rows: Sequence[Mapping[str, Any]] | None) -> None:
        self._folder = os.path.realpath(folder)
        self._is_sound = rows is not None
        self._kinds = {row["kind"] for row in rows or ()}
        self._tests: dict[str, list[TestResult]] = {}
        self._unselected: set[str] = set()
        self._red: dict[str, TestResult] = {}
        self._running: dict[str, str] = {}
        for row in rows or ():
            if "path" in row:
                self._add(row)

    @property
    def is_begun(self) -> bool:
        """Whether the runner got as far as its reporter, or that cannot be known."""
        return not self._is_sound or "begin" in self._kinds

    def has_tests(self, path: str) -> bool:
        """Whether a test of the file was reported, even if it was not asked for."""
        return any(each.startswith(f"{path}::") for each in self._tests.keys() | self._unselected)

    def run_of(self, tests: Sequence[str], ended: Ended) -> TestRun:
        """How each of these tests ended."""
        collected = sorted(self._tests.keys() | self._unselected)
        return TestRun(
            results={test: self._result(test, ended) for test in tests},
            tail=ended.tail,
            collected=tuple(collected[:COLLECTED]),
        )

    def unreported(self, ended: Ended) -> TestResult:
        """How a test ended that its file states, where nothing of the file was reported."""
        reason = (
            "its file ended before any of its tests was reported, as by process.exit; the run "
            f"ended with exit code {ended.exit_code}\n{ended.tail}"
        )
        return TestResult(outcome="error", detail=detail_of(reason), at_load=True)

    def _add(self, row: Mapping[str, Any]) -> None:
        path = os.path.relpath(row["path"], self._folder).replace(os.sep, "/")
        name = f"{path}::{SEPARATOR.join(row.get('titles', ()))}"
        kind, outcome, detail = row["kind"], row.get("outcome"), str(row.get("detail", ""))
        if kind == "start":
            self._running[path] = name
        elif kind == "red":
            result = TestResult(
                outcome="error", detail=detail_of(detail), at_load=bool(row.get("atLoad"))
            )
            self._red[name if "titles" in row else path] = result
        elif outcome == "unselected":
            self._unselected.add(name)
        elif outcome in _OUTCOMES:
            result = TestResult(outcome=outcome, detail=detail_of(detail))
            self._tests.setdefault(name, []).append(result)

    def _result(self, test: str, ended: Ended) -> TestResult:
        """How the test ended; of tests with the same titles, the worst."""
        if not self._is_sound:
            return TestResult(outcome="error", detail=UNSOUND, at_load=True)
        worst = min(
            self._tests.get(test, ()), key=lambda each: _WORST.index(each.outcome), default=None
        )
        if worst is not None and worst.outcome != "error":
            return worst
        return self._around(test, ended) or worst or self._absent(test, ended)

    def _around(self, test: str, ended: Ended) -> TestResult | None:
        """What was red around the test: its file, or a suite that it is in."""
        for name, result in self._red.items():
            if name == test.partition("::")[0] or test.startswith(name + SEPARATOR):
                said = result.detail or detail_of(ended.tail) or f"{name} failed"
                return replace(result, detail=said)
        return None

    def _absent(self, test: str, ended: Ended) -> TestResult:
        """Why nothing was reported of its end."""
        path = test.partition("::")[0]
        tail = f"with exit code {ended.exit_code}\n{ended.tail}"
        if "end" not in self._kinds and self._running.get(path) == test:
            return TestResult(outcome="failed", detail=detail_of(f"the run ended in it, {tail}"))
        if "end" not in self._kinds:
            reason = detail_of(f"the run ended before this test did, {tail}")
            return TestResult(outcome="error", detail=reason, at_load=True)
        names = sorted(self._tests.keys() | self._unselected)
        here = [each.partition("::")[2] for each in names if each.startswith(path + "::")]
        close = get_close_matches(test.partition("::")[2], here, 5, 0.4) or here[:5]
        reason = f"there is no such test; {path} has {', '.join(close) or 'none'}"
        return TestResult(outcome="missing", detail=detail_of(reason))
