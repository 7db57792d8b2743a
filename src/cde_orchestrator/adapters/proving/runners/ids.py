"""What ids of tests have in common, whatever runs them: a file, two colons, and a name in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath


def problem_of_id(
    test: str,
    wanted: str,
    is_name: Callable[[str], object],
    file_problem: Callable[[PurePosixPath], str | None] = lambda _: None,
) -> str | None:
    """Why this is no id of a test; None where it may be one.

    Args:
        test: what was written.
        wanted: what it must be, as ``a file, two colons, and a test, as x_test.go::TestX``.
        is_name: whether what follows the colons may be a test's name.
        file_problem: why a file holds no tests of the kind; None where it may.
    """
    path, separator, name = test.partition("::")
    file = PurePosixPath(path)
    if not separator or not is_name(name):
        return f"it names no test: it must be {wanted}"
    if file.is_absolute() or ".." in file.parts or "\\" in path or "\0" in test:
        return "its file must be given by its path below the project's folder, with slashes"
    if (problem := file_problem(file)) is not None:
        return problem
    if path != str(file) or path.startswith("-"):
        return f"its path must be as short as it can be, as {file}"
    return None
