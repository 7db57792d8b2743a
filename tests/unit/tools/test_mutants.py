"""Small faults are put into a module one at a time, and what became of them is counted."""

from __future__ import annotations

import tomllib

import pytest

from tools.mutants import EQUIVALENT, GROUPS, Verdict, equivalent, is_current, report, sampled
from tools.mutants_copy import ROOT
from tools.mutation import Mutable

SOURCE = '''\
"""A module."""
from typing import TYPE_CHECKING

log = logger()
LIMIT: int = 5
Item = TypeVar("Item")
SIZE = cast("int", 7); Kind = Literal["a"]


def first(items: list[str], *, quick: bool = True) -> str | None:
    """The first one."""
    if items and quick:
        log.info("found", count=1)
        note(items, at=LIMIT)
        items.cursor = 1
    return items[0] if len(items) < LIMIT else None
'''


def changes(line: int) -> set[str]:
    module = Mutable("a.py", SOURCE)
    numbers = range(1, len(module.places.get(line, ())) + 1)
    mutants = [module.mutant(line, number) for number in numbers]
    return {text[1:].strip() for each in mutants if each for text in each.difference()[1:]}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (1, set()),
        (2, set()),
        (4, set()),
        (5, {"LIMIT: int = 6"}),
        (6, set()),
        (7, {'SIZE = cast("int", 8); Kind = Literal["a"]'}),
        (10, {"def first(items: list[str], *, quick: bool = False) -> str | None:"}),
        (11, set()),
        (12, {"if items or quick:", "if not (items and quick):"}),
        (13, set()),
        (14, {"pass", "note(items, )"}),
        (15, {"pass", "items.cursor = 2"}),
    ],
)
def test_each_line_has_the_faults_that_a_test_could_notice(line: int, expected: set[str]) -> None:
    assert changes(line) == expected


def test_a_comparison_is_moved_and_a_choice_is_made_for_good() -> None:
    assert {
        "return items[0] if len(items) <= LIMIT else None",
        "return items[1] if len(items) < LIMIT else None",
        "return items[0] if (len(items) < LIMIT) and False else None",
    } <= changes(16)


def test_a_seed_chooses_the_same_mutants_again_each_of_another_line() -> None:
    modules = [Mutable("a.py", SOURCE), Mutable("b.py", SOURCE)]
    one, again, other = (sampled(modules, 6, seed) for seed in ("1", "1", "2"))

    assert [each.name for each in one] == [each.name for each in again]
    assert [each.name for each in one] != [each.name for each in other]
    assert len({(each.path, each.line) for each in one}) == 6
    assert len(sampled(modules, 1_000, "1")) == 14


def test_what_was_judged_to_make_no_difference_is_found_by_its_lines() -> None:
    mutant = Mutable("a.py", SOURCE).mutant(5, 1)
    change = "- LIMIT: int = 5\n+ LIMIT: int = 6\n"
    assert mutant is not None

    assert equivalent(mutant, [{"path": "a.py", "change": change, "why": "It is."}]) == "It is."
    assert equivalent(mutant, [{"path": "b.py", "change": change, "why": "It is."}]) is None


@pytest.mark.parametrize(
    ("change", "current"),
    [
        ("-LIMIT: int = 5\n+LIMIT: int = 6", True),
        ("-LIMIT: int = 5\n+LIMIT: int = 7", False),
        ("-LIMIT: int = 4\n+LIMIT: int = 5", False),
        ("-        items.cursor = 1\n+        pass", True),
        ("-    wide=True,", True),
        ("-    wide=True,\n+    wide=False,", True),
    ],
)
def test_what_was_judged_is_current_as_long_as_the_source_has_it(
    change: str, current: bool
) -> None:
    source = SOURCE + "\n\nprint(\n    wide=True,\n    deep=SIZE,\n)\n"
    assert is_current({"path": "a.py", "change": change, "why": "It is."}, source) is current


JUDGED = tomllib.loads(EQUIVALENT.read_text())["mutant"]


@pytest.mark.parametrize("path", sorted({each["path"] for each in JUDGED}))
def test_the_list_of_what_makes_no_difference_is_current(path: str) -> None:
    source = (ROOT / path).read_text()
    known = [each for each in JUDGED if each["path"] == path]

    assert [each["change"] for each in known if not is_current(each, source)] == []


def test_what_is_equivalent_does_not_count_against_the_tests() -> None:
    mutant = Mutable("a.py", SOURCE).mutant(5, 1)
    assert mutant is not None
    outcomes = ["killed", "killed", "killed", "survived", "equivalent"]
    text = report([Verdict("state", mutant, outcome) for outcome in outcomes])

    assert "survived a.py:5#1\n-LIMIT: int = 5\n+LIMIT: int = 6\n" in text
    assert "| state | 5 | 3 | 1 | 1 | 0 | 75.0 % |" in text
    assert "| all | 5 | 3 | 1 | 1 | 0 | 75.0 % |" in text


def test_every_module_that_is_changed_exists() -> None:
    assert [
        path for paths in GROUPS.values() for path in paths if not (ROOT / path).is_file()
    ] == []
    assert EQUIVALENT.is_file()
