"""What a project's files say of its tests; nothing is run, and little is read."""

from __future__ import annotations

import re
from pathlib import Path

from cde_orchestrator.infrastructure.system.file_ops import read_regular_file
from cde_orchestrator.infrastructure.system.tree import is_folder, names_in

MANIFEST_BYTES = 1024 * 1024
MOST_TESTS = 50
_TEST_FOLDERS = ("tests", "test")
_PYTHON_TEST = re.compile(r"test_\w*\.py|\w*_test\.py")


def text_of(path: Path) -> str:
    """The beginning of a file; empty where there is none that can be read."""
    try:
        return read_regular_file(path, MANIFEST_BYTES)[0].decode("utf-8", "replace")
    except OSError:
        return ""


def mentions(path: Path, pattern: re.Pattern[str]) -> bool:
    """Whether the file has the pattern in it."""
    return pattern.search(text_of(path)) is not None


def python_tests(root: Path) -> list[Path]:
    """Files of tests in Python, in the folders that they are usually in."""
    folders = [root, *(root / name for name in _TEST_FOLDERS if is_folder(root / name))]
    return [
        folder / name
        for folder in folders
        for name in names_in(folder)
        if _PYTHON_TEST.fullmatch(name)
    ][:MOST_TESTS]
