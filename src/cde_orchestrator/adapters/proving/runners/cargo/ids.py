"""Ids of tests in Rust, ``tests/pay.rs::charges`` or ``src/pay.rs::pay::tests::charges``."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from cde_orchestrator.adapters.proving.runners.ids import problem_of_id

_NAME = re.compile(r"\w+(::\w+)*")


def id_problem(test: str) -> str | None:
    """Why this is no id of a test; None where it may be one."""
    wanted = (
        "a file, two colons, and the name that cargo test shows, "
        "as tests/pay.rs::charges or src/pay.rs::pay::tests::charges"
    )
    return problem_of_id(test, wanted, _NAME.fullmatch, _file_problem)


def _file_problem(file: PurePosixPath) -> str | None:
    return None if file.suffix == ".rs" else f"{file} is not a file of Rust"


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
