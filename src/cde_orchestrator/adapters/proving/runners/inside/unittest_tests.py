"""Runs tests by unittest, for ``launcher.py``."""

from __future__ import annotations

import importlib.util
import os
import sys
import unittest
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cde_orchestrator.adapters.proving.runners.inside.launcher import Reports

DETAIL_CHARACTERS = 6_000


class UnittestResult(unittest.TestResult):
    """Reports on each test of unittest."""

    def __init__(self, reports: Reports) -> None:
        super().__init__()
        self._reports = reports
        self._write = reports.write
        self.names: dict[int, str] = {}
        self.classes: dict[str, list[str]] = {}

    def startTest(self, test: Any) -> None:
        """Report that a test begins."""
        super().startTest(test)
        self._write("start", id=self.names[id(test)])
        self._step(test, "passed", when="setup")

    def stopTest(self, test: Any) -> None:
        """Report that a test has ended."""
        super().stopTest(test)
        self._step(test, "passed", when="teardown")

    def addSuccess(self, test: Any) -> None:
        """Report a pass."""
        self._step(test, "passed")

    def addFailure(self, test: Any, err: Any) -> None:
        """Report a failure."""
        self._step(test, "failed", self._reports.shown(err))

    def addError(self, test: Any, err: Any) -> None:
        """Report an error, of a test or of what is set up for several."""
        self._step(
            test,
            "failed",
            self._reports.shown(err),
            when="call" if id(test) in self.names else "setup",
        )

    def addSkip(self, test: Any, reason: str) -> None:
        """Report a test that is skipped, or a class of them."""
        self._step(test, "skipped", reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        """Report a failure that was expected."""
        self._step(test, "skipped", self._reports.shown(err), expected=True)

    def addUnexpectedSuccess(self, test: Any) -> None:
        """Report a pass where a failure was expected."""
        self._step(test, "passed", expected=True)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Report a part of a test that failed."""
        if err is not None:
            self._step(test, "failed", str(subtest) + "\n" + self._reports.shown(err))

    def _step(self, test: Any, outcome: str, detail: str = "", **facts: Any) -> None:
        """A step of a test, or of all tests of ``setUpClass (test_shop.TestCard)``."""
        names = [self.names[id(test)]] if id(test) in self.names else []
        where = "" if names else str(test).partition(" (")[2].rstrip(")")
        for place, below in self.classes.items():
            names += below if where and (place + ".").startswith(where + ".") else []
        facts = {"when": "call", "outcome": outcome, "detail": detail, **facts}
        for name in names:
            self._write("step", id=name, **facts)


def run(request: dict[str, Any], reports: Reports, take_path: Callable[[], None]) -> None:
    """Run tests by unittest."""
    take_path()
    reports.write("begin")
    reports.write("configured", version="")
    result, chosen = UnittestResult(reports), unittest.TestSuite()
    kept = []  # a suite forgets what has run, and another test could get its id
    for path in request["files"]:
        for test in _loaded(path, reports):
            place = type(test).__qualname__
            name = path + "::" + place + "::" + str(getattr(test, "_testMethodName", "test"))
            reports.write("collected", ids=[name])
            if any(reports.covers(each, name) for each in request["tests"]):
                reports.write("chosen", ids=[name])
                result.names[id(test)] = name
                result.classes.setdefault(type(test).__module__ + "." + place, []).append(name)
                chosen.addTest(test)
                kept.append(test)
    chosen.run(result)
    reports.write("end")


def _loaded(path: str, reports: Reports) -> list[Any]:
    """The tests of a file; none where it cannot be loaded, which is reported."""
    try:
        pending: list[Any] = [unittest.TestLoader().loadTestsFromModule(_module(path))]
    except unittest.SkipTest as skip:
        reports.write("collect", id=path, outcome="skipped", detail=str(skip))
        return []
    except BaseException:  # noqa: BLE001 - as SystemExit, whatever loading may raise
        reports.write("collect", id=path, outcome="error", detail=reports.shown(sys.exc_info()))
        return []
    found = []
    while pending:
        test = pending.pop(0)
        if isinstance(test, unittest.TestSuite):
            pending[:0] = list(test)
        elif type(test).__module__ == "unittest.loader":  # load_tests of the file failed
            detail = repr(getattr(test, "_exception", test))
            reports.write("collect", id=path, outcome="error", detail=detail[-DETAIL_CHARACTERS:])
        else:
            found.append(test)
    return found


def _module(path: str) -> Any:
    """The module of a file, by the name that it has from outside of all packages."""
    folder, name = os.path.split(os.path.abspath(path))
    names = [name[: -len(".py")]]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        names.insert(0, name)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = importlib.import_module(".".join(names))
    if os.path.realpath(str(module.__file__)) == os.path.realpath(path):
        return module
    spec: Any = importlib.util.spec_from_file_location("_".join(["file", *names]), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
