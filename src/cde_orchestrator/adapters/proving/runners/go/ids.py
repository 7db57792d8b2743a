"""Ids of tests in Go, ``pkg/pay_test.go::TestCharge/valid_card``, and files of tests."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from cde_orchestrator.adapters.proving.runners.ids import problem_of_id

_NAME = re.compile(r"(Test|Fuzz|Example)(?![a-z])\w*(/.+)?")
_SPACES = re.compile(r"\s")


def id_problem(test: str) -> str | None:
    """Why this is no id of a test; None where it may be one."""
    wanted = "a file, two colons, and a test, as pkg/x_test.go::TestX or pkg/x_test.go::TestX/case"
    return problem_of_id(test, wanted, _NAME.fullmatch, _file_problem)


def _file_problem(file: PurePosixPath) -> str | None:
    if file.name.endswith("_test.go"):
        return None
    return f"{file} is no file of tests in Go: its name must end in _test.go"


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
