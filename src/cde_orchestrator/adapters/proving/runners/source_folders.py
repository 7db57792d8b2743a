"""Where a project in Python has its packages."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from cde_orchestrator.adapters.proving.runners.detection import text_of
from cde_orchestrator.infrastructure.system.tree import is_folder

SOURCE_FOLDERS = ("src", "lib", "python")
"""Folders of a project from which its packages are often imported."""


def source_folders(copy: Path) -> list[str]:
    """Folders of the copy in which its packages are: the usual ones, and those that it names."""
    names = dict.fromkeys((*SOURCE_FOLDERS, *_named_folders(text_of(copy / "pyproject.toml"))))
    folders = [os.path.normpath(copy / name) for name in names]
    return [each for each in folders if each.startswith(f"{copy}{os.sep}") and is_folder(each)]


def _named_folders(text: str) -> list[str]:
    """What setuptools, hatch and poetry are said to take packages from."""
    import tomllib

    try:
        tools = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        return []
    where = _below(tools, "setuptools", "packages", "find", "where")
    mapped = _below(tools, "setuptools", "package-dir", "")
    built = _below(tools, "hatch", "build", "targets", "wheel", "packages")
    included = _below(tools, "poetry", "packages")
    found = [*(where if isinstance(where, list) else []), mapped]
    found += [
        str(PurePosixPath(str(each)).parent) for each in built or [] if isinstance(built, list)
    ]
    found += [_below(each, "from") for each in included or [] if isinstance(included, list)]
    return [each for each in found if isinstance(each, str) and each]


def _below(table: object, *keys: str) -> Any:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def python_path(copy: Path, inherited: str) -> str:
    """``PYTHONPATH`` for programs in the copy, so that its packages come before installed ones."""
    folders = [*source_folders(copy), str(copy), *filter(None, inherited.split(os.pathsep))]
    return os.pathsep.join(folders)
