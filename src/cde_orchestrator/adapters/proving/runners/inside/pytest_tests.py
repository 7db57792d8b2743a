"""Runs tests by pytest 6 or newer, for ``launcher.py``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cde_orchestrator.adapters.proving.runners.inside.launcher import Reports

DETAIL_CHARACTERS = 6_000
IDS = 20_000


class PytestPlugin:
    """Chooses the tests that were asked for, and reports on each."""

    def __init__(self, reports: Reports, tests: Sequence[str], version: str) -> None:
        self._reports = reports
        self._write = reports.write
        self._tests = tests
        self._version = version
        self._root = os.getcwd()
        self._raised: dict[str, str] = {}

    def pytest_load_initial_conftests(self) -> Generator[None, Any, None]:
        """Report a conftest.py that cannot be loaded."""
        outcome = yield
        if outcome.excinfo is not None:
            self._write("load", detail=self._reports.shown(outcome.excinfo))

    def pytest_configure(self, config: Any) -> None:
        """Override what would hide a test, or run others; all other options are the project's."""
        for name, value in PYTEST_OPTIONS.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        self._root = str(getattr(config, "rootpath", None) or config.rootdir)
        self._write("configured", version=self._version)

    def pytest_internalerror(self, excrepr: object) -> None:
        """Report what failed outside of any test."""
        self._write("internal", detail=str(excrepr)[-DETAIL_CHARACTERS:])

    def pytest_collectreport(self, report: Any) -> None:
        """Report a file that cannot be loaded, or wants to be skipped."""
        if not report.passed:
            outcome = "skipped" if report.skipped else "error"
            path = self._id(report.nodeid)
            self._write("collect", id=path, outcome=outcome, detail=_detail(report))

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Choose the tests that were asked for."""
        found = [(self._id(item.nodeid), item) for item in items]
        chosen = [
            (name, item)
            for name, item in found
            if any(self._reports.covers(t, name) for t in self._tests)
        ]
        items[:] = [item for _, item in chosen]
        self._write("collected", ids=[name for name, _ in found][:IDS])
        self._write("chosen", ids=[name for name, _ in chosen])

    def pytest_deselected(self, items: Sequence[Any]) -> None:
        """Report what the project's own options left out."""
        self._write("deselected", ids=[self._id(item.nodeid) for item in items])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Report that a test begins."""
        self._raised.clear()
        self._write("start", id=self._id(nodeid))

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        """Note what a test of unittest raised, which keeps it until now."""
        for error in getattr(item, "_excinfo", None) or ():
            self.called(call.when, error)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Report how a step of a test ended; a pass of one that raised is a failure."""
        outcome, detail = report.outcome, _detail(report)
        raised = self._raised.get(report.when)
        if outcome == "passed" and raised and not hasattr(report, "context"):
            outcome, detail = "failed", "reported as passed by a hook, but it raised " + raised
        expected = hasattr(report, "wasxfail")
        name = self._id(report.nodeid)
        self._write(
            "step", id=name, when=report.when, outcome=outcome, expected=expected, detail=detail
        )

    def pytest_sessionfinish(self) -> None:
        """Report that all that was to run has run."""
        self._write("end")

    def called(self, when: str, error: Any) -> None:
        """Note what a step of the test raised, before any hook sees it."""
        self._raised[when] = error.typename if error is not None else ""

    def _id(self, nodeid: str) -> str:
        """The id with its path relative to the project."""
        path, separator, name = nodeid.partition("::")
        path = os.path.relpath(os.path.join(self._root, path))
        return path.replace(os.sep, "/") + separator + name


PYTEST_OPTIONS: dict[str, object] = {
    "collectonly": False,
    "continue_on_collection_errors": True,
    "dist": "no",
    "failedfirst": False,
    "lf": False,
    "maxfail": 0,
    "newfirst": False,
    "numprocesses": None,
    "setuponly": False,
    "setupplan": False,
    "stepwise": False,
    "stepwise_skip": False,
    "trace": False,
    "tx": [],
    "usepdb": False,
}
PYTEST_SETTINGS = {
    **dict.fromkeys(["pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"], "\n"),
    "pyproject.toml": "\n[tool.pytest",
    "tox.ini": "\n[pytest]",
    "setup.cfg": "\n[tool:pytest]",
}
ROOT_FILES = ("setup.py", "pyproject.toml")
PYTEST_HOOKS: dict[str, Any] = {
    "pytest_load_initial_conftests": {"hookwrapper": True},
    "pytest_configure": {"tryfirst": True},
    "pytest_collection_modifyitems": {"tryfirst": True},
    "pytest_runtest_logreport": {"tryfirst": True},
    "pytest_runtest_makereport": {"tryfirst": True},
    "pytest_sessionfinish": {"tryfirst": True},
}


def run(request: dict[str, Any], reports: Reports, take_path: Callable[[], None]) -> None:
    """Run tests by pytest 6 or newer."""
    try:
        pytest = importlib.import_module("pytest")
    except Exception as error:  # noqa: BLE001 - whatever it is, there is no pytest
        reports.write("no_runner", reason="pytest cannot be imported, " + repr(error))
        return
    if int(pytest.__version__.split(".")[0]) < 6:
        reports.write("no_runner", reason="it is pytest " + pytest.__version__ + ", 6 is needed")
        return
    for name, options in PYTEST_HOOKS.items():
        pytest.hookimpl(**options)(getattr(PytestPlugin, name))
    plugin = PytestPlugin(reports, request["tests"], pytest.__version__)
    _watch_calls(importlib.import_module("_pytest.runner").CallInfo, plugin)
    take_path()
    reports.write("begin")
    try:
        code = pytest.main([*request["files"], *own_settings(request["files"])], plugins=[plugin])
    except BaseException:
        reports.write("load", detail=reports.shown(sys.exc_info()))
        raise
    reports.write("returned", code=int(code))


def own_settings(files: Sequence[str]) -> list[str]:
    """Options that keep pytest from settings above the copy, where others may write.

    pytest searches all folders above the tests, as ``/tmp``, for its settings and conftest.py.
    """
    folder = os.path.commonpath([os.path.dirname(os.path.abspath(file)) for file in files])
    root = ""
    while True:
        for name, mark in PYTEST_SETTINGS.items():
            if mark in _text(os.path.join(folder, name)):
                return []
        named = any(os.path.isfile(os.path.join(folder, name)) for name in ROOT_FILES)
        root = root or (folder if named else "")
        above = os.path.dirname(folder)
        if above == folder or os.stat(above).st_mode & 0o022:
            break
        folder = above
    root = root or os.getcwd()
    settings = os.path.join(os.environ["TMPDIR"], "pytest.ini")
    descriptor = os.open(settings, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"[pytest]\n")
    os.close(descriptor)
    return ["-c", settings, "--rootdir", root, "--confcutdir", root]


def _text(path: str) -> str:
    """A file with a line break before each line; empty where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        return "\n" + file.read()


def _watch_calls(call_info: Any, plugin: PytestPlugin) -> None:
    """Let the plugin see what each step of a test raised."""
    original = call_info.from_call.__func__

    def from_call(cls: Any, func: Any, when: str, *rest: Any, **options: Any) -> Any:
        call = original(cls, func, when, *rest, **options)
        plugin.called(when, call.excinfo)
        return call

    call_info.from_call = classmethod(from_call)


def _detail(report: Any) -> str:
    """Why it did not pass."""
    if report.passed:
        return str(getattr(report, "wasxfail", ""))
    where = getattr(report, "longrepr", None)
    if isinstance(where, tuple):  # of a test that was skipped: file, line, reason
        return str(where[-1])
    return (str(getattr(report, "wasxfail", "")) + "\n" + str(where))[-DETAIL_CHARACTERS:].strip()
