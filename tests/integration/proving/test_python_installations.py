"""Tests run by every pytest that is in use, and see the copy however a project is installed.

What is needed is installed for it, so this is tried in a soak alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.proving.python_project import PythonProject
from tests.integration.proving.test_pytest_runner import EVERY_OUTCOME, FILE
from tests.soak import SOAK

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not SOAK, reason="it installs packages"),
    pytest.mark.timeout(0 if SOAK else 600),
]
SEES = """
import shop, subprocess, sys
def test_here(): assert shop.WHERE == "copy"
def test_in_a_child():
    words = [sys.executable, "-c", "import shop; print(shop.WHERE)"]
    assert subprocess.check_output(words, cwd="/", text=True).strip() == "copy"
"""
STRICT = "--config-settings=editable_mode=strict"
COMPATIBLE = "--config-settings=editable_mode=compat"
FOUND = "[tool.setuptools.packages.find]\nwhere = ['{0}']\n"
HATCH = "[tool.hatch.build.targets.wheel]\npackages = ['{0}/shop']\n"
WAYS = [
    pytest.param("setuptools.build_meta", "src", FOUND, ["-e"], id="setuptools"),
    pytest.param("setuptools.build_meta", "code", FOUND, ["-e"], id="setuptools, own folder"),
    pytest.param("setuptools.build_meta", "code", FOUND, [STRICT, "-e"], id="setuptools, strict"),
    pytest.param("setuptools.build_meta", "code", FOUND, [COMPATIBLE, "-e"], id="setuptools, old"),
    pytest.param("setuptools.build_meta", "code", FOUND, [], id="no editable installation"),
    pytest.param("hatchling.build", "code", HATCH, ["-e"], id="hatch"),
    pytest.param(
        "hatchling.build",
        "code",
        "[tool.hatch.build]\ndev-mode-exact = true\n" + HATCH,
        ["-e"],
        id="hatch, exact",
    ),
    pytest.param("flit_core.buildapi", ".", "", ["-e"], id="flit"),
]


def installed(project: PythonProject, *packages: str) -> PythonProject:
    """The project, with a virtual environment of its own."""
    environment = project.root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = str(environment / "bin" / "python")
    words = [python, "-m", "pip", "install", "-q", "-U", "--no-build-isolation"]
    for some in (("setuptools", "wheel", "hatchling", "editables", "flit-core"), packages):
        subprocess.run([*words, *some], check=True, cwd=project.root)
    return project


@pytest.mark.parametrize("version", ["6.2.5", "7.4.4", "8.0.2", "8.4.1", "9.0.0"])
def test_pytest_of_every_version(tmp_path: Path, version: str) -> None:
    project = PythonProject(tmp_path / "project", tmp_path / "copy", "pytest")
    project.write({FILE: EVERY_OUTCOME, "shop.py": "def add(a, b):\n    return a + b\n"})
    installed(project, f"pytest=={version}")
    expected = {
        "test_passed": "passed",
        "test_one_case": "failed",
        "test_expected": "expected_failure",
        "test_skipped": "skipped",
        "TestAll": "passed",
        "test_setup": "error",
        "test_teardown": "failed",
        "test_none": "missing",
    }

    assert project.outcomes(FILE, *expected) == expected


@pytest.mark.parametrize(("backend", "folder", "settings", "words"), WAYS)
def test_what_is_installed_from_the_project_comes_from_the_copy(
    tmp_path: Path, backend: str, folder: str, settings: str, words: list[str]
) -> None:
    project = PythonProject(tmp_path / "project", tmp_path / "copy", "pytest")
    manifest = f"[build-system]\nrequires = []\nbuild-backend = '{backend}'\n"
    manifest += "[project]\nname = 'shop'\nversion = '1'\ndescription = 'x'\n"
    package = f"{folder}/shop/__init__.py"
    project.write({"pyproject.toml": manifest + settings.format(folder), FILE: SEES})
    project.write({package: '"""Shop."""\nWHERE = \'person\'\n'})
    installed(project, "pytest", *words, ".")
    (project.copy / package).write_text("WHERE = 'copy'\n")

    outcomes = project.outcomes(FILE, "test_here", "test_in_a_child")

    assert outcomes == {"test_here": "passed", "test_in_a_child": "passed"}
