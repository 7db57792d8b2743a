"""What ``go test -json`` reports, and what follows from it for each test."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field

from cde_orchestrator.adapters.proving.runners.execution import Ended, detail_of
from cde_orchestrator.domain.proofs import Outcome, TestResult

LINE_BYTES = 64 * 1024
"""Of a line; Go splits the output of tests long before."""
_LINES = 40
_OUTCOMES: dict[object, Outcome] = {"pass": "passed", "fail": "failed", "skip": "skipped"}
_WORST: tuple[Outcome, ...] = ("failed", "skipped", "passed")


@dataclass(slots=True)
class _Test:
    """One test of a package so far."""

    began: bool = False
    ended: set[Outcome] = field(default_factory=set)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))


@dataclass(slots=True)
class GoEvents:
    """Takes what ``go test -json`` prints, piece by piece.

    What is no event was printed by Go itself, as when something cannot be compiled.
    """

    _rest: bytes = b""
    _packages: dict[str, str] = field(default_factory=dict)
    _tests: dict[tuple[str, str], _Test] = field(default_factory=dict)
    _other: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))

    def add(self, data: bytes) -> bytes:
        """Take a piece; gives what ``go test`` prints where nothing asks for events."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-LINE_BYTES:]
        return "".join(self._take(line.decode("utf-8", "replace")) for line in lines).encode()

    def began(self, package: str, name: str) -> bool:
        """Whether a test began."""
        return (package, name) in self._tests and self._tests[package, name].began

    def may_run_later(self, package: str, name: str) -> bool:
        """Whether a test did not begin in a package where others did, and that failed."""
        failed = bool(self._began_in(package)) and self._packages.get(package) != "pass"
        return failed and not self.began(package, name)

    def result(self, package: str, name: str, ended: Ended) -> TestResult:
        """How a test ended; one within another that failed before it began failed with it."""
        test = self._tests.get((package, name), _Test())
        around = name
        while not test.began and "/" in around:
            around = around.rpartition("/")[0]
            if self.began(package, around):
                result = self.result(package, around, ended)
                if result.outcome == "failed":
                    return result
        for outcome in _WORST:
            if outcome in test.ended and test.began:
                detail = "" if outcome == "passed" else detail_of("".join(test.lines))
                return TestResult(outcome=outcome, detail=detail)
        if test.began:
            reason = f"the run ended within this test\n{''.join(test.lines)}"
            return TestResult(outcome="failed", detail=detail_of(reason))
        if self._packages.get(package) in {"pass", "skip"}:
            here = ", ".join(self._began_in(package)[:5]) or "none"
            reason = f"there is no such test in the package, or it was not run; run: {here}"
            return TestResult(outcome="missing", detail=detail_of(reason))
        reason = "".join(self._other) or ended.tail
        return TestResult(outcome="error", detail=detail_of(reason), at_load=True)

    def _began_in(self, package: str) -> list[str]:
        return [name for (of, name), test in self._tests.items() if of == package and test.began]

    def _take(self, line: str) -> str:
        try:
            event = json.loads(line) if line.startswith("{") else None
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("Action"), str):
            self._other.append(line + "\n")
            return line + "\n"
        text = str(event.get("Output", ""))
        package, name, action = event.get("Package"), event.get("Test"), event["Action"]
        if isinstance(package, str) and isinstance(name, str):
            test = self._tests.setdefault((package, name), _Test())
            test.began = test.began or action == "run"
            test.lines.append(text)
            if action in _OUTCOMES:
                test.ended.add(_OUTCOMES[action])
        else:
            self._other.append(text)
            if isinstance(package, str) and action in _OUTCOMES:
                self._packages[package] = action
        return text
