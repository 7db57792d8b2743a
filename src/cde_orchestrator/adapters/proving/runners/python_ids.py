"""Ids of tests in Python, ``tests/test_pay.py::TestCard::test_charged[visa]``, and their files."""

from __future__ import annotations

from pathlib import PurePosixPath

_FOLDERS = frozenset({"test", "tests", "testing"})


def path_problem(test: str) -> str | None:
    """Why this is not a path below the project and the name of a test in that file."""
    path, separator, name = test.partition("::")
    file = PurePosixPath(path)
    if not separator or not name or name.startswith(("[", "::")) or name.endswith("::"):
        return "it names no test: a proof is a file, two colons and a test in it"
    if file.is_absolute() or ".." in file.parts or "\\" in path or "\0" in test:
        return "its file must be named by its path below the project's folder, with slashes"
    if path != str(file) or path.startswith("-"):
        return f"its path must be written as {file}"
    return None


def id_problem(test: str) -> str | None:
    """Why this is no id of a test in Python; None where it may be one."""
    problem = path_problem(test)
    if problem is None and not (path := test.partition("::")[0]).endswith(".py"):
        return f"{path} is not a file of Python"
    return problem


def is_python_test(path: str) -> bool:
    """Whether a file holds tests, or is there for tests alone."""
    file = PurePosixPath(path)
    name = file.name
    return (
        name == "conftest.py"
        or (name.startswith("test_") and file.suffix == ".py")
        or name.endswith("_test.py")
        or not _FOLDERS.isdisjoint(file.parts[:-1])
    )
