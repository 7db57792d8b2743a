"""Where records of features would be taken for a package, the line that prevents it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.project_files.inspector import FilesystemProjectInspector

SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
PROJECT = '[project]\nname = "shop"\nversion = "1"\n'
PACKAGE = {"shop/__init__.py": "", "tests/__init__.py": "", "docs/conf.py": ""}


def problem(root: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return FilesystemProjectInspector().packaging_problem(root)


@pytest.mark.parametrize(
    "manifest",
    [
        {"pyproject.toml": SETUPTOOLS + PROJECT},
        {"pyproject.toml": PROJECT},
        {"pyproject.toml": '[build-system]\nrequires = ["setuptools"]\n' + PROJECT},
        {"pyproject.toml": SETUPTOOLS + PROJECT + "[tool.setuptools]\nzip-safe = false\n"},
        {"setup.py": "from setuptools import setup\nsetup(name='shop')\n"},
        {"setup.py": "setup()\n", "pyproject.toml": "[tool.ruff]\nline-length = 88\n"},
    ],
)
def test_a_flat_project_that_names_no_packages_is_warned(
    tmp_path: Path, manifest: dict[str, str]
) -> None:
    said = problem(tmp_path, PACKAGE | manifest)

    assert 'write include = ["shop*"] under [tool.setuptools.packages.find] in pyproj' in said
    (tmp_path / "specs").mkdir()
    assert problem(tmp_path, {}) == said


def test_modules_alone_are_named_as_modules(tmp_path: Path) -> None:
    files = {"shop.py": "", "test_shop.py": "", "setup.py": "setup()\n"}

    assert 'write py-modules = ["shop"] under [tool.setuptools] in' in problem(tmp_path, files)


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": SETUPTOOLS + PROJECT, "src/shop/__init__.py": ""},
        {"pyproject.toml": SETUPTOOLS + PROJECT},
        PACKAGE,
        PACKAGE | {"pyproject.toml": "[tool.ruff]\nline-length = 88\n"},
        PACKAGE | {"pyproject.toml": PROJECT + '[build-system]\nbuild-backend = "hatchling.build"'},
        PACKAGE
        | {"pyproject.toml": SETUPTOOLS + PROJECT + '[tool.setuptools]\npackages = ["shop"]\n'},
        PACKAGE
        | {"pyproject.toml": PROJECT + '[tool.setuptools.packages.find]\ninclude = ["shop*"]\n'},
        PACKAGE | {"setup.py": "setup(packages=find_packages())\n"},
        PACKAGE | {"setup.py": "setup()\n", "setup.cfg": "[options]\npackages = find:\n"},
        PACKAGE | {"pyproject.toml": "not TOML"},
        PACKAGE | {"pyproject.toml": 'project = 1\nbuild-system = "x"\ntool = []\n'},
    ],
)
def test_any_other_project_is_not(tmp_path: Path, files: dict[str, str]) -> None:
    assert problem(tmp_path, files) == ""
