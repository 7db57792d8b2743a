"""Ids of tests in Rust, ``tests/pay.rs::charges`` or ``src/pay.rs::pay::tests::charges``."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_NAME = re.compile(r"\w+(::\w+)*")


def id_problem(test: str) -> str | None:
    """Why this is no id of a test; None where it may be one."""
    path, separator, name = test.partition("::")
    file = PurePosixPath(path)
    if not separator or not _NAME.fullmatch(name):
        return (
            "it names no test: it must be a file, two colons, and the name that cargo test shows, "
            "as tests/pay.rs::charges or src/pay.rs::pay::tests::charges"
        )
    if file.is_absolute() or ".." in file.parts or "\\" in path or "\0" in test:
        return "its file must be given by its path below the project's folder, with slashes"
    if file.suffix != ".rs":
        return f"{path} is not a file of Rust"
    if path != str(file) or path.startswith("-"):
        return f"its path must be as short as it can be, as {file}"
    return None


def is_rust_test(path: str) -> bool:
    """Whether a file holds tests, or is there for tests alone.

    A file below ``src`` is not: what it has of tests is within its code.
    """
    parts = PurePosixPath(path).parts[:-1]
    return "src" not in parts and not {"tests", "benches"}.isdisjoint(parts)


def module_of(path: str) -> list[str]:
    """The names of the modules that a file is, the outermost first; none for a target's own."""
    parts = PurePosixPath(path).with_suffix("").parts
    modules = list(parts[parts.index("src") + 1 :]) if "src" in parts else []
    if modules[-1:] in (["mod"], ["lib"], ["main"]):
        modules.pop()
    return [] if modules[:1] == ["bin"] else modules


def name_of(test: str) -> str:
    """The test's name for the tool: as given, or within the module of its file."""
    path, _, name = test.partition("::")
    modules = module_of(path)
    if name.split("::")[: len(modules)] == modules:
        return name
    return "::".join((*modules, name))
