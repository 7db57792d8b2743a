"""Ids of tests in Python, ``tests/test_pay.py::TestCard::test_charged[visa]``, and their files."""

from __future__ import annotations

from pathlib import PurePosixPath

from cde_orchestrator.adapters.proving.runners.ids import problem_of_id

_FOLDERS = frozenset({"test", "tests", "testing"})
_WANTED = "a file, two colons, and a test in it"


def path_problem(test: str) -> str | None:
    """Why this is not a path below the project and the name of a test in that file."""
    return problem_of_id(test, _WANTED, _is_name)


def id_problem(test: str) -> str | None:
    """Why this is no id of a test in Python; None where it may be one."""
    return problem_of_id(test, _WANTED, _is_name, _file_problem)


def _is_name(name: str) -> bool:
    return bool(name) and not name.startswith(("[", "::")) and not name.endswith("::")


def _file_problem(file: PurePosixPath) -> str | None:
    return None if file.suffix == ".py" else f"{file} is not a file of Python"


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
