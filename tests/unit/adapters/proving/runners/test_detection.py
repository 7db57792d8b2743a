"""Runners are found in a project's own files, of which nothing is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.adapters.proving.runners.source_folders import source_folders
from cde_orchestrator.domain.exceptions import FeatureError

UNITTEST = "import unittest\n"


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter that is found is the one that runs here."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, []),
        ({"README.md": "pytest"}, []),
        ({"pytest.ini": ""}, ["pytest"]),
        ({"conftest.py": ""}, ["pytest"]),
        ({"pyproject.toml": "[dependency-groups]\ndev = ['pytest']\n"}, ["pytest"]),
        ({"pyproject.toml": "# pytest\n"}, []),
        ({"tests/test_x.py": ""}, ["pytest"]),
        ({"tests/test_x.py": UNITTEST}, ["pytest"]),
        ({"x.py": ""}, []),
    ],
)
def test_pytest_is_found(tmp_path: Path, files: Mapping[str, str], found: list[str]) -> None:
    write(tmp_path, files)

    assert InstalledRunners().detect(tmp_path) == found


def test_unittest_is_found_where_the_interpreter_has_no_pytest(tmp_path: Path) -> None:
    write(tmp_path, {"tests/test_x.py": UNITTEST, ".venv/bin/python": "#!/bin/sh\nexit 1\n"})
    (tmp_path / ".venv/bin/python").chmod(0o755)

    assert InstalledRunners().detect(tmp_path) == ["unittest"]


def test_nothing_of_the_project_is_run(tmp_path: Path) -> None:
    write(tmp_path, {"conftest.py": "", ".venv/bin/python": f"#!/bin/sh\ntouch {tmp_path}/ran\n"})
    write(tmp_path, {".venv/lib/python3.9/site-packages/pytest/__init__.py": "raise ValueError"})
    (tmp_path / ".venv/bin/python").chmod(0o755)

    assert InstalledRunners().detect(tmp_path) == ["pytest"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("where", [".venv", "venv"])
def test_the_interpreter_of_a_virtual_environment_comes_first(tmp_path: Path, where: str) -> None:
    write(tmp_path, {f"{where}/bin/python": ""})
    [before] = InstalledRunners().named(tmp_path, "pytest")
    assert before.command == ("python3", "-m", "pytest")

    (tmp_path / where / "bin/python").chmod(0o755)

    assert before.command == (f"{where}/bin/python", "-m", "pytest")


def test_the_environment_of_the_repository_is_that_of_a_project_in_it(tmp_path: Path) -> None:
    write(tmp_path, {"outer/.git": "", "outer/.venv/bin/python": "", "outer/a/b/x.py": ""})
    write(tmp_path, {".venv/bin/python": ""})
    for folder in (tmp_path, tmp_path / "outer"):
        (folder / ".venv/bin/python").chmod(0o755)

    [runner] = InstalledRunners().named(tmp_path / "outer/a/b", "pytest")

    assert runner.command == ("../../.venv/bin/python", "-m", "pytest")


def test_runners_are_named_by_one_name_or_several(tmp_path: Path) -> None:
    runners = InstalledRunners()

    assert [each.name for each in runners.named(tmp_path, "pytest")] == ["pytest"]
    assert [each.name for each in runners.named(tmp_path, ["unittest", "pytest"])] == [
        "unittest",
        "pytest",
    ]


@pytest.mark.parametrize("name", ["nose", ["pytest", "nose"]])
def test_a_runner_that_does_not_exist_is_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(FeatureError) as caught:
        InstalledRunners().named(tmp_path, name)

    assert caught.value.code == "E137"
    assert "pytest" in caught.value.message


@pytest.mark.parametrize(
    ("settings", "folders"),
    [
        ("", ["src"]),
        ("no TOML", ["src"]),
        ("tool = 1", ["src"]),
        ("[tool.setuptools.packages.find]\nwhere = ['code', '../code', '/usr']\n", ["src", "code"]),
        ("[tool.setuptools.package-dir]\n'' = 'code'\n", ["src", "code"]),
        ("[tool.hatch.build.targets.wheel]\npackages = ['code/shop', 'shop']\n", ["src", "code"]),
        ("[tool.poetry]\npackages = [{include = 'x', from = 'code'}, 1]\n", ["src", "code"]),
        ("[tool.poetry]\npackages = 'code'\n[tool.setuptools]\npackages = ['code']\n", ["src"]),
    ],
)
def test_folders_of_packages_are_known(tmp_path: Path, settings: str, folders: list[str]) -> None:
    write(tmp_path, {"src/x.py": "", "code/x.py": "", "pyproject.toml": settings})

    assert source_folders(tmp_path) == [str(tmp_path / name) for name in folders]


MANAGERS = [
    ("poetry.lock", "poetry", ("poetry", "run", "python")),
    ("Pipfile", "pipenv", ("pipenv", "run", "python")),
]


@pytest.mark.parametrize(("manifest", "manager", "words"), MANAGERS)
def test_a_package_manager_is_asked_where_python_is_once_it_runs_tests(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    manifest: str,
    manager: str,
    words: tuple[str, ...],
) -> None:
    said = f"#!/bin/sh\necho x >>{tmp_path}/asked\necho {sys.executable}\n"
    write(tmp_path, {f"bin/{manager}": said, manifest: "", "tests/test_x.py": ""})
    (tmp_path / "bin" / manager).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    [runner] = InstalledRunners().named(tmp_path, "pytest")

    assert InstalledRunners().detect(tmp_path) == ["pytest"]
    assert runner.command == (*words, "-m", "pytest")
    assert not (tmp_path / "asked").exists()
    assert runner.version(tmp_path) == runner.version(tmp_path)
    assert (tmp_path / "asked").read_text() == "x\n"


@pytest.mark.parametrize("said", ["exit 1", "echo", "echo /no/such/python"])
def test_a_package_manager_without_an_answer_is_no_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    write(tmp_path, {"bin/poetry": f"#!/bin/sh\n{said}\n", "poetry.lock": ""})
    (tmp_path / "bin/poetry").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    [runner] = InstalledRunners().named(tmp_path, "pytest")

    with pytest.raises(FeatureError) as caught:
        runner.version(tmp_path)

    assert caught.value.code == "E137"
    assert "poetry" in caught.value.message


def test_without_python_there_is_no_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "relative/bin")
    write(tmp_path, {"tests/test_x.py": UNITTEST})

    assert InstalledRunners().detect(tmp_path) == []
    with pytest.raises(FeatureError) as caught:
        InstalledRunners().named(tmp_path, "unittest")[0].version(tmp_path)
    assert caught.value.code == "E137"
