"""What tests that run in another Python report, and what follows from it for each test.

Reports come by a file without a name, which is the standard input of what runs the tests. What
is run there can write to it as well: so each line is signed with a key of this run alone, and is
numbered. Code in the same process can still find the key, if it searches for it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import IO, Any, get_args

from cde_orchestrator.adapters.proving.runners.execution import Ended, detail_of
from cde_orchestrator.application.ports.proving import TestRun
from cde_orchestrator.domain.proofs import Outcome, TestResult
from cde_orchestrator.domain.text import counted

MOST_BYTES = 64 * 1024 * 1024
COLLECTED = 5_000
_OUTCOMES: frozenset[str] = frozenset(get_args(Outcome))
_WORST: tuple[Outcome, ...] = ("failed", "error", "missing", "expected_failure", "skipped")


class ReportFile:
    """A file without a name, with a request in it, and later the reports."""

    def __init__(self, file: IO[bytes], key: bytes) -> None:
        self.file = file
        self._key = key

    def rows(self) -> list[dict[str, Any]] | None:
        """The reports; None once a line has a wrong signature, or there are too many."""
        self.file.seek(0)
        data = self.file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            return None
        rows = []
        for number, line in enumerate(data.split(b"\n")[:-1], 1):
            signature, _, body = line.partition(b" ")
            signed = hmac.new(self._key, b"%d %s" % (number, body), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(signature, signed.encode()):
                return None
            rows.append(json.loads(body))
        return rows

    def read(self) -> Reported:
        """What was reported; nothing of it counts where something else wrote to the file."""
        rows = self.rows()
        reported = Reported(is_sound=rows is not None)
        for row in rows or ():
            reported.add(row)
        return reported


@contextmanager
def report_file(request: Mapping[str, Any]) -> Iterator[ReportFile]:
    """The file for one run, to be its standard input."""
    key = secrets.token_bytes(32)
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps({**request, "key": key.hex()}).encode())
        file.flush()
        file.seek(0, os.SEEK_SET)
        yield ReportFile(file, key)


@dataclass(slots=True)
class _Test:
    """The steps of one test so far."""

    passed: set[str] = field(default_factory=set)
    red: dict[Outcome, str] = field(default_factory=dict)

    def add(self, step: Mapping[str, Any]) -> None:
        """A step, as setting it up, ended."""
        when, detail = str(step.get("when")), str(step.get("detail", ""))
        if step.get("expected"):
            self.red.setdefault("expected_failure", detail or "it was expected to fail")
        elif step.get("outcome") == "passed":
            self.passed.add(when)
        elif step.get("outcome") == "skipped":
            self.red.setdefault("skipped", detail)
        elif step.get("outcome") == "failed":
            self.red.setdefault("error" if when == "setup" else "failed", detail)

    @property
    def result(self) -> TestResult | None:
        """How it ended; None while it runs."""
        for outcome in _WORST:
            if outcome in self.red:
                return TestResult(outcome=outcome, detail=detail_of(self.red[outcome]))
        if {"setup", "call", "teardown"} <= self.passed:
            return TestResult(outcome="passed")
        return None


@dataclass(slots=True)
class Reported:
    """What one run reported.

    Attributes:
        is_sound: whether nothing else wrote to the file.
        kinds: of the reports, each once.
        no_runner: why there is no runner.
        python: the version of Python.
        version: the runner's; empty where it is Python's.
        collected: ids that were found.
    """

    is_sound: bool = True
    kinds: set[str] = field(default_factory=set)
    no_runner: str = ""
    python: str = ""
    version: str = ""
    collected: list[str] = field(default_factory=list)
    _load: list[str] = field(default_factory=list)
    _files: dict[str, TestResult] = field(default_factory=dict)
    _chosen: set[str] = field(default_factory=set)
    _deselected: set[str] = field(default_factory=set)
    _tests: dict[str, _Test] = field(default_factory=dict)
    _running: str = ""

    def add(self, report: Mapping[str, Any]) -> None:
        """Take the next report."""
        kind, name = str(report["kind"]), str(report.get("id", ""))
        detail = str(report.get("detail", ""))
        self.kinds.add(kind)
        if kind == "no_runner":
            self.no_runner = str(report["reason"])
        elif kind == "python":
            self.python = str(report["version"])
        elif kind == "configured":
            self.version = str(report["version"])
        elif kind in {"load", "internal"}:
            self._load.append(detail)
        elif kind == "collect" and report["outcome"] in _OUTCOMES:
            outcome: Outcome = report["outcome"]
            result = TestResult(outcome=outcome, detail=detail_of(detail), at_load=True)
            self._files.setdefault(name, result)
        elif kind == "collected":
            self.collected.extend(report["ids"])
        elif kind == "chosen":
            self._chosen.update(report["ids"])
        elif kind == "deselected":
            self._deselected.update(report["ids"])
        elif kind == "start":
            self._running = name
            self._tests.setdefault(name, _Test())
        elif kind == "step":
            self._tests.setdefault(name, _Test()).add(report)

    def run_of(self, tests: Sequence[str], ended: Ended) -> TestRun:
        """How each of these tests ended."""
        results = {test: self._result(test, ended) for test in tests}
        return TestRun(
            results=results, tail=ended.tail, collected=tuple(self.collected[:COLLECTED])
        )

    def _result(self, test: str, ended: Ended) -> TestResult:
        """How the test ended, which may be a function with many cases, or a class of tests."""
        if not self.is_sound:
            reason = "something else than the runner wrote to the file of its reports"
            return TestResult(outcome="error", detail=reason, at_load=True)
        known = self._chosen | self._deselected | self._tests.keys()
        members = sorted(each for each in known if covers(test, each))
        if not members:
            return self._absent(test, ended)
        results = {name: self._member(name, ended) for name in members}
        for outcome in _WORST:
            for name, result in results.items():
                if result.outcome == outcome and name != test:
                    detail = detail_of(f"{name}: {result.detail}")
                    return TestResult(outcome=outcome, detail=detail, at_load=result.at_load)
                if result.outcome == outcome:
                    return result
        return TestResult(outcome="passed")

    def _member(self, name: str, ended: Ended) -> TestResult:
        found = self._tests.get(name)
        if found is not None and (result := found.result) is not None:
            return result
        if found is None and name in self._deselected:
            reason = "an option of the project, as -k or -m in its settings, leaves it out"
            return TestResult(outcome="missing", detail=reason)
        if found is not None and name == self._running and "end" not in self.kinds:
            reason = f"the run ended within this test, with exit code {ended.exit_code}\n"
            return TestResult(outcome="failed", detail=detail_of(reason + ended.tail))
        return self._not_run(ended)

    def _absent(self, test: str, ended: Ended) -> TestResult:
        """Why nothing of this name ran."""
        path = test.partition("::")[0]
        for name, result in self._files.items():
            if covers(name, test) or name in {path, "."} or path.startswith(name + "/"):
                return result
        if "end" not in self.kinds or self._load:
            return self._not_run(ended)
        here = [each.partition("::")[2] for each in self.collected if covers(path, each)]
        names = list(dict.fromkeys(name.partition("[")[0] for name in here))
        close = get_close_matches(test.partition("::")[2], names, 5, 0.4)
        found = f"{path} has " + (", ".join(close) if close else counted(len(names), "other test"))
        return TestResult(outcome="missing", detail=f"there is no such test; {found}")

    def _not_run(self, ended: Ended) -> TestResult:
        reason = "".join(self._load) or (
            f"the run ended before this test, with exit code {ended.exit_code}\n{ended.tail}"
        )
        return TestResult(outcome="error", detail=detail_of(reason), at_load=True)


def covers(test: str, found: str) -> bool:
    """Whether a test that was asked for means this one: its own, a case, or one of its class."""
    return found == test or found.startswith((test + "[", test + "::"))
