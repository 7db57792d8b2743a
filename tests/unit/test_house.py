"""The rules of the house that no linter knows. None of them has an exemption list."""

from __future__ import annotations

import ast
import builtins
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cde_orchestrator"
SOURCES = ("src", "benchmarks", "examples", "tools")
VAGUE_NAMES = {"utils", "helpers", "manager", "common"}

FUNCTION_LINES = 60
SOURCE_FILE_LINES = 400
TEST_FILE_LINES = 800
LINE_CHARACTERS = 100
DECISION_WORDS = 600


def python_files(*folders: str) -> list[Path]:
    """The Python files of these top-level folders, in order; a folder may be absent."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def shown(path: Path, line: int | None = None) -> str:
    """Name a place so that an editor can open it."""
    name = path.relative_to(ROOT).as_posix()
    return name if line is None else f"{name}:{line}"


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def line_count(path: Path) -> int:
    """The lines of one file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def imported_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every absolute import, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.partition(".")[0]


def project_table() -> dict[str, Any]:
    """The whole of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def runtime_requirements() -> list[Requirement]:
    """What an installation needs, the extras included."""
    project = project_table()["project"]
    extras = project["optional-dependencies"].values()
    return [
        Requirement(text)
        for text in [*project["dependencies"], *(one for e in extras for one in e)]
    ]


def test_the_rules_have_something_to_look_at() -> None:
    assert python_files("src")
    assert python_files("tests")


def test_a_function_fits_a_screen() -> None:
    too_long = [
        f"{shown(path, node.lineno)} {node.name}: {lines} lines"
        for path in python_files(*SOURCES, "tests")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]

    assert too_long == []


@pytest.mark.parametrize(
    ("folders", "limit"), [(SOURCES, SOURCE_FILE_LINES), (("tests",), TEST_FILE_LINES)]
)
def test_a_file_holds_one_idea(folders: tuple[str, ...], limit: int) -> None:
    too_long = [
        f"{shown(path)}: {lines} lines"
        for path in python_files(*folders)
        if (lines := line_count(path)) > limit
    ]

    assert too_long == []


def test_a_line_fits_the_width() -> None:
    too_wide = [
        f"{shown(path, number)}: {len(line)} characters"
        for path in python_files(*SOURCES, "tests")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LINE_CHARACTERS
    ]

    assert too_wide == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [
        shown(path)
        for path in python_files(*SOURCES, "tests")
        if VAGUE_NAMES.intersection(path.relative_to(ROOT).with_suffix("").parts)
    ]

    assert vague == []


def test_exception_classes_end_in_error() -> None:
    classes = [
        (shown(path, node.lineno), node.name, {ast.unparse(base) for base in node.bases})
        for path in python_files("src")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
    ]
    exceptions = {
        name
        for name, kind in vars(builtins).items()
        if isinstance(kind, type)
        and issubclass(kind, BaseException)
        and not issubclass(kind, Warning)
    }

    def is_exception(base: str) -> bool:
        name = base.rpartition(".")[2]
        return name in exceptions or name.endswith(("Error", "Exception"))

    while (
        found := {name for _, name, bases in classes if any(map(is_exception, bases))} - exceptions
    ):
        exceptions |= found

    misnamed = [
        f"{place} {name}"
        for place, name, bases in classes
        if any(map(is_exception, bases)) and not name.endswith("Error")
    ]
    assert misnamed == []


def test_the_package_itself_holds_its_version_and_nothing_else() -> None:
    body = parsed(PACKAGE / "__init__.py").body

    assert [type(node) for node in body] == [ast.Expr, ast.Assign]
    assert re.fullmatch(r"__version__ = '\d+\.\d+\.\d+\S*'", ast.unparse(body[1]))


def test_the_domain_imports_the_standard_library_and_two_libraries_alone() -> None:
    # Entities log; names of any script are written in Latin letters by tables (ADR 25).
    allowed = {*sys.stdlib_module_names, "cde_orchestrator", "structlog", "anyascii"}

    foreign = [
        f"{shown(path, line)} {name}"
        for path in sorted((PACKAGE / "domain").rglob("*.py"))
        for line, name in imported_names(parsed(path))
        if name not in allowed
    ]

    assert foreign == []


def test_everything_that_the_package_imports_is_declared() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in runtime_requirements()}
    distributions = packages_distributions()

    def is_declared(name: str) -> bool:
        owners = distributions.get(name, [name])  # an extra need not be installed
        return any(canonicalize_name(owner) in declared for owner in owners)

    undeclared = [
        f"{shown(path, line)} {name}"
        for path in python_files("src")
        for line, name in imported_names(parsed(path))
        if name not in {*sys.stdlib_module_names, "cde_orchestrator"} and not is_declared(name)
    ]

    assert undeclared == []


def test_a_decision_record_is_numbered_once_and_stays_under_a_page() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))

    assert [
        path.name for path in records if not re.match(r"\d{4}-[a-z0-9-]+\.md$", path.name)
    ] == []
    numbers = [path.name[:4] for path in records]
    assert len(numbers) == len(set(numbers))
    assert [
        path.name
        for path in records
        if len(path.read_text(encoding="utf-8").split()) > DECISION_WORDS
    ] == []


def test_every_decision_record_is_in_the_table_of_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("\n## Decisions\n")[2]

    rows = re.findall(r"^\| \[(\d{4})\]\(adr/([^)]+)\) \| \S", table, re.MULTILINE)

    assert [file for _, file in rows] == sorted(
        path.name for path in (ROOT / "docs" / "adr").glob("*.md")
    )
    assert [file for number, file in rows if not file.startswith(number)] == []


def test_no_pattern_repeats_a_group_without_giving_back() -> None:
    """Python before 3.11.5 matches possessive groups and atomic ones wrongly (gh-106052).

    Debian 12 has 3.11.2. Of single characters, ``[^@]*+`` is right there too.
    """
    found = [
        f"{shown(path, node.lineno)} {node.value}"
        for path in python_files("src")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.search(r"\(\?>|(?<!\\)\)(?:[*+?]|\{[\d,]+\})\+", node.value)
    ]

    assert found == []


def test_a_value_is_made_a_dataclass_by_its_base_alone() -> None:
    """``@dataclass`` would make its methods as well, and pass over how the class was declared."""
    classes = [
        (node, shown(path, node.lineno))
        for path in python_files("src")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
    ]
    values, before = {"Value"}, 0
    while before < len(values):  # their subclasses, and so on
        before = len(values)
        values |= {node.name for node, _ in classes if values & {*map(_last_name, node.bases)}}
    found = [
        f"{place} {node.name}"
        for node, place in classes
        if values & {*map(_last_name, node.bases)}
        if "dataclass" in map(_last_name, node.decorator_list)
    ]

    assert len(values) > 50
    assert found == []


def _last_name(node: ast.expr) -> str:
    """``Value`` of ``value.Value`` or ``Value[T]``, as ``dataclass`` of ``dataclass(...)``."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
