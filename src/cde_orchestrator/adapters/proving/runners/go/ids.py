"""Ids of tests in Go, ``pkg/pay_test.go::TestCharge/valid_card``, and files of tests."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_NAME = re.compile(r"(Test|Fuzz|Example)(?![a-z])\w*(/.+)?")
_SPACES = re.compile(r"\s")


def id_problem(test: str) -> str | None:
    """Why this is no id of a test; None where it may be one."""
    path, separator, name = test.partition("::")
    file = PurePosixPath(path)
    if not separator or not _NAME.fullmatch(name):
        return (
            "it names no test: it must be a file, two colons, and a test, "
            "as pkg/x_test.go::TestX or pkg/x_test.go::TestX/case"
        )
    if file.is_absolute() or ".." in file.parts or "\\" in path or "\0" in test:
        return "its file must be given by its path below the project's folder, with slashes"
    if not file.name.endswith("_test.go"):
        return f"{path} is no file of tests in Go: its name must end in _test.go"
    if path != str(file) or path.startswith("-"):
        return f"its path must be as short as it can be, as {file}"
    return None


def is_go_test(path: str) -> bool:
    """Whether a file holds tests, or is there for tests alone."""
    file = PurePosixPath(path)
    return file.name.endswith("_test.go") or "testdata" in file.parts[:-1]


def name_of(test: str) -> str:
    """The test's name as Go reports it: with no spaces."""
    return _SPACES.sub("_", test.partition("::")[2])


def pattern_of(names: list[str]) -> str:
    """What ``-run`` selects these tests by.

    Parts between slashes are matched each by its own; tests within tests are chosen as far as all
    of them have such a part.
    """
    parts = [name.split("/") for name in names]
    levels = zip(*parts, strict=False)
    chosen = (dict.fromkeys(map(_literally, level)) for level in levels)
    return "/".join(f"^({'|'.join(each)})$" for each in chosen)


def _literally(text: str) -> str:
    """The text as a part of a regular expression of Go, which has no escape for a slash."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)
