"""Ids of tests in JavaScript, ``test/pay.test.js::cards > is charged``, and files of tests."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from cde_orchestrator.adapters.proving.runners.ids import problem_of_id

SEPARATOR = " > "
"""Between the titles of nested suites and that of the test."""
_SUFFIXES = frozenset({".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"})
_FOLDERS = frozenset(
    {"test", "tests", "__tests__", "__snapshots__", "__mocks__", "__fixtures__"},
)
_TEST = re.compile(r".+[.-](test|spec)\.[cm]?[jt]sx?|test\.[cm]?[jt]s")
_STATED = re.compile(r"""\b(?:test|it)(?:\.\w+)?\(\s*(['"`])((?:\\.|(?!\1).)+)\1""")
_SETTINGS = re.compile(r"(vitest|jest)\.(config|setup|workspace)\.([cm]?[jt]s|json)")


def id_problem(test: str) -> str | None:
    """Why this is no id of a test; None where it may be one."""
    wanted = "a file, two colons, and titles, as x.test.js::a > b"
    return problem_of_id(test, wanted, str.strip, _file_problem)


def _file_problem(file: PurePosixPath) -> str | None:
    is_script = file.suffix in _SUFFIXES
    return None if is_script else f"{file} is not a file of JavaScript or TypeScript"


def is_script_test(path: str) -> bool:
    """Whether a file holds tests, or is there for tests alone."""
    file = PurePosixPath(path)
    name = _TEST.fullmatch(file.name) or _SETTINGS.fullmatch(file.name)
    return name is not None or not _FOLDERS.isdisjoint(file.parts[:-1])


def titles_of(test: str) -> list[str]:
    """The titles of an id, the outermost suite's first.

    A title with the separator in it is taken for more than one; ids are equal all the same.
    """
    return test.partition("::")[2].split(SEPARATOR)


def titles_in(text: str) -> list[str]:
    """Titles of tests that a file states; those of suites around them are left out."""
    return [found[2] for found in _STATED.finditer(text)]


def is_stated(test: str, stated: Collection[str]) -> bool:
    """Whether a test, whatever suites it is in, is among those that files state."""
    path, _, _ = test.partition("::")
    return f"{path}::{titles_of(test)[-1]}" in stated
