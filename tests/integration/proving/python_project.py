"""A small project in Python, whose tests a real runner runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.application.ports.proving import TestRun
from cde_orchestrator.domain.proofs import Outcome, TestResult

SECONDS = 120.0
"""For one run; none comes near it."""


@dataclass(frozen=True)
class PythonProject:
    """A project, and a copy of it in which tests run."""

    root: Path
    copy: Path
    runner: str

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the project and of its copy."""
        for folder in (self.root, self.copy):
            for name, text in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")

    def run(self, *tests: str, seconds: float = SECONDS) -> TestRun:
        """Run tests in the copy."""
        [runner] = InstalledRunners().named(self.root, self.runner)
        return runner.run(self.root, self.copy, tests, seconds, None)

    def result(self, test: str) -> TestResult:
        """How one test ended."""
        return self.run(test).results[test]

    def outcomes(self, path: str, *names: str) -> dict[str, Outcome]:
        """How tests of one file ended, by their names."""
        results = self.run(*(f"{path}::{name}" for name in names)).results
        return {test.removeprefix(f"{path}::"): each.outcome for test, each in results.items()}


def python_project(folder: Path, runner: str, monkeypatch: pytest.MonkeyPatch) -> PythonProject:
    """A new project, whose Python is the one that runs here."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take a second to load
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    project = PythonProject(folder / "project", folder / "copy", runner)
    project.write({"shop.py": "def add(one, other):\n    return one + other\n"})
    return project
