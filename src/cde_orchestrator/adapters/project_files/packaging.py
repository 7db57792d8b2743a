"""Whether the records of features break the installation of the project that they are in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from cde_orchestrator.adapters.project_files.manifests import ProjectFolder
from cde_orchestrator.infrastructure.system.tree import is_file, is_folder, names_in

RECORDS = "specs"
_NAMED = re.compile(r"\b(?:packages|py[_-]modules)\b")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BESIDES = frozenset(
    {
        *("benchmark", "benchmarks", "build", "example", "examples", "exercise", "exercises"),
        *("tasks", "test", "tests", "tools", "util", "utils", "bin", "ci", "scripts", "htmlcov"),
        *("doc", "docs", "documentation", "manpages", "changelog", "news", "newsfragments"),
        *("conftest", "debian", "dodo", "fabfile", "noxfile", "pavement", "python", "setup"),
        *("site_scons", "toxfile"),
    }
)
"""Names of folders and modules that setuptools takes for none of a project's; not ``specs``."""


def packaging_problem(root: Path, found: Callable[[str], str | None]) -> str:
    """Why ``pip install .`` fails once ``specs/`` is there, and what prevents it; empty: it works.

    setuptools finds the packages of a project that names none by itself, and takes every folder
    at its top for one. Nothing of the project is run.
    """
    folder = ProjectFolder(Path(os.path.realpath(root)), found)
    if is_folder(root / "src") or not _finds_packages(folder):
        return ""
    names = [each for each in names_in(root) if each != RECORDS]
    packages = [each for each in names if _is_package(root, each)]
    modules = [each[:-3] for each in names if _is_module(root, each)]
    if packages:
        table, line = "tool.setuptools.packages.find", f"include = {_listed(packages, '*')}"
    elif modules:
        table, line = "tool.setuptools", f"py-modules = {_listed(modules)}"
    else:
        return ""
    return (
        f"setuptools takes {RECORDS}/, where the records of features go, for a package, so that "
        f"pip install . fails or leaves out the project's own; write {line} under [{table}] in "
        "pyproject.toml"
    )


def _finds_packages(folder: ProjectFolder) -> bool:
    """Whether setuptools builds the project, and nothing says of what it consists."""
    said = " ".join(folder.text(name) for name in ("setup.py", "setup.cfg"))
    if _NAMED.search(said):
        return False
    content = folder.content("pyproject.toml")
    pyproject = content if isinstance(content, dict) else {}
    system, tools = pyproject.get("build-system"), pyproject.get("tool")
    own = tools.get("setuptools") if isinstance(tools, dict) else None
    if isinstance(own, dict) and ("packages" in own or "py-modules" in own):
        return False
    if isinstance(system, dict):
        return str(system.get("build-backend", "setuptools")).startswith("setuptools")
    return isinstance(pyproject.get("project"), dict) or bool(folder.text("setup.py"))


def _is_package(root: Path, name: str) -> bool:
    return (
        _NAME.fullmatch(name) is not None
        and name not in _BESIDES
        and is_file(root / name / "__init__.py")
    )


def _is_module(root: Path, name: str) -> bool:
    stem, _, ending = name.rpartition(".")
    return (
        ending == "py"
        and _NAME.fullmatch(stem) is not None
        and stem not in _BESIDES
        and not stem.startswith("test_")
        and is_file(root / name)
    )


def _listed(names: list[str], ending: str = "") -> str:
    return json.dumps([f"{each}{ending}" for each in sorted(names)])
