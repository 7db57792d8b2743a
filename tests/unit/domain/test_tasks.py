"""What counts as a task of a feature, what belongs to it, and which criteria have none."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.tasks import (
    CRITERIA_LIMIT,
    FILES_LIMIT,
    TASKS_LIMIT,
    TEXT_LIMIT,
    Task,
    problems_of_tasks,
    tasks_in,
    ticks_in,
)


def tasks(text: str, heading: str = "## Tasks") -> list[Task]:
    """The tasks of a text under the heading of tasks."""
    return tasks_in(markdown.read(f"{heading}\n{text}"))


def problems(text: str, *criteria: str, are_listed: bool = False) -> list[tuple[str, int | None]]:
    """What is wrong, and in which line, without what to do about it."""
    found = problems_of_tasks(markdown.read(text), criteria, are_listed=are_listed)
    return [(words, line) for words, _, line in found]


@pytest.mark.parametrize(
    "text",
    [
        "- T1: pay in `shop/pay.py`, for AC1",
        "- [ ] T1: pay in `shop/pay.py`, for AC1",
        "1. [x] **T1**: pay in `shop/pay.py`, for AC1",
        "### T1 - pay in `shop/pay.py`, for AC1",
        "- T1: pay in `shop/pay.py`,\n  for AC1",
        "- T1: pay in `shop/pay.py`,\nfor AC1\n\nNothing of it: `a.py`, AC2",
        "- T1: pay in `shop/pay.py`, for AC1\n- see T1 in `a.py`, AC2",
        "- T1: pay in `shop/pay.py`, for AC1\n## Order\n- T1: first, in `a.py`, AC2",
        "- T1: pay in `shop/pay.py`, for AC1\n### Notes\nOn `a.py`, for AC2",
        "- T1: pay in `shop/pay.py`, for AC1\n\n```\n- T2: code\n```",
        "| T1 | pay in `shop/pay.py`, for AC1 |",
    ],
)
def test_a_task_begins_an_item_a_heading_or_a_row(text: str) -> None:
    assert tasks(text) == [Task("T1", "pay in `shop/pay.py`, for AC1", ("shop/pay.py",), ("AC1",))]


@pytest.mark.parametrize("text", ["T1: a paragraph", "> - T1: quoted", "- t1: lower case", ""])
def test_anything_else_is_none(text: str) -> None:
    assert tasks(text) == []
    assert tasks("- T1: pay", heading="## Plan") == []


def test_what_is_nested_belongs_to_its_task() -> None:
    found = tasks(
        "- T1: pay\n"
        "  - Serves: AC1, AC2\n"
        "  - Done when: `tests/test_pay.py::test_pay` passes\n"
        "    ```\n    `code.py`\n    ```\n"
        "\n"
        "  In `shop/pay.py:12`, too.\n"
        "- T2\n"
        "  - refund\n"
        "### T3\n"
        "for AC4\n"
        "#### How\n"
        "with care\n"
        "### T4: the end\n"
    )

    words = "pay; Done when: `tests/test_pay.py::test_pay` passes; In `shop/pay.py:12`, too."
    assert found == [
        Task("T1", words, ("tests/test_pay.py", "shop/pay.py"), ("AC1", "AC2")),
        Task("T2", "refund"),
        Task("T3", "for AC4; How; with care", (), ("AC4",)),
        Task("T4", "the end"),
    ]


def test_a_row_has_nothing_below_it() -> None:
    assert tasks("| T1 | pay | AC1 |\n| x | AC2 |") == [Task("T1", "pay", (), ("AC1",))]


@pytest.mark.parametrize(
    ("said", "files"),
    [
        ("`a.py`", ("a.py",)),
        ("``src/app``", ("src/app",)),
        ("`Makefile` and `a.py`, `a.py`", ("Makefile", "a.py")),
        ("`os.path`, `charge()`, `pytest -q`, `AC1`", ()),
        ("`../a.py`, `/etc/passwd`, `.git/config`, `C:\\a.py`", ()),
        (f"`{'a' * 250}.py`", ()),
        ("a.py", ()),
        (" ".join(f"`{number}.py`" for number in range(30)), None),
    ],
)
def test_files_are_paths_in_backticks(said: str, files: tuple[str, ...] | None) -> None:
    (found,) = tasks(f"- T1: pay in {said}")

    assert found.files == (files if files is not None else tuple(f"{n}.py" for n in range(20)))
    assert len(found.files) <= FILES_LIMIT


@pytest.mark.parametrize(
    ("said", "criteria"),
    [
        ("AC1 and AC3", ("AC1", "AC3")),
        ("AC1-AC3", ("AC1", "AC2", "AC3")),
        ("AC1-3", ("AC1", "AC2", "AC3")),
        ("AC1 to AC3", ("AC1", "AC2", "AC3")),
        ("AC1 … AC2", ("AC1", "AC2")),
        ("AC1 - 3 ways", ("AC1",)),
        ("AC3-AC1", ("AC3", "AC1")),
        ("AC1-AC9000", ("AC1", "AC9000")),
        ("AC0, AC01, XAC1, AC1a, ac1", ()),
        ("AC1-99 AC100-199", None),
    ],
)
def test_criteria_are_named_one_by_one_or_from_one_to_another(
    said: str, criteria: tuple[str, ...] | None
) -> None:
    (found,) = tasks(f"- T1: pay, {said}")

    expected = tuple(f"AC{number}" for number in range(1, CRITERIA_LIMIT + 1))
    assert found.criteria == (expected if criteria is None else criteria)


def test_the_coverage_says_which_criteria_a_task_serves_too() -> None:
    text = "- T1: pay, AC1\n- T2: refund\n\n## Coverage\n"
    rows = (
        "| Criterion | Tasks |\n|---|---|\n| AC1 | T1 |\n| AC2 | T1, T2, T9 |\nAC3: T2\nT1 last\n"
    )
    code = "```\nAC4: T1\n```\n"

    assert [each.criteria for each in tasks(text + rows + code)] == [
        ("AC1", "AC2"),
        ("AC2", "AC3"),
    ]


def test_a_long_text_is_cut_and_many_tasks_are_one_more_than_are_accepted() -> None:
    (found,) = tasks(f"- T1: {'word ' * 200}\n  - more\n")
    assert len(found.text) == TEXT_LIMIT
    assert found.text.endswith("…")
    many = "".join(f"- T{number}: AC1\n" for number in range(1, 300))
    assert len(tasks(many)) == TASKS_LIMIT + 1
    assert problems(f"## Tasks\n{many}", "AC1") == [("has more than 100 tasks", 1)]


def test_boxes_say_what_is_done_of_the_tasks_that_are_known() -> None:
    lines = markdown.read("- [x] T1: done\n- [ ] T2: not yet\n- T3\n- [X] T4\n- [x] T9\n- [ ] T4\n")

    assert ticks_in(lines, ["T1", "T2", "T3", "T4"]) == {"T1": True, "T2": False, "T4": False}


LIST = "# Title\n\n## Tasks\n- T1: pay, for AC1\n"


@pytest.mark.parametrize(
    ("text", "criteria", "found"),
    [
        (LIST, ("AC1",), []),
        (LIST, (), []),
        (
            LIST,
            ("AC1", "AC2", "AC3"),
            [
                ("has no task under '## Tasks' that names AC2", 3),
                ("has no task under '## Tasks' that names AC3", 3),
            ],
        ),
        (f"{LIST}- t2: AC2\n", ("AC1",), [("has 't2', which is not counted as a task", 5)]),
        ("## Tasks\nTask 1 is all.\n", ("AC1",), [("has no task under '## Tasks'", 1)]),
        ("Words.", ("AC1",), [("has no task under '## Tasks'", None)]),
        ("Words.", (), []),
        ("## Order\nT1 first.\n", (), []),
    ],
)
def test_each_criterion_has_a_task(
    text: str, criteria: tuple[str, ...], found: list[tuple[str, int | None]]
) -> None:
    assert problems(text, *criteria) == found


def test_a_text_after_the_list_need_not_list_tasks_but_lists_all_if_it_does() -> None:
    assert problems("Words.", "AC1", are_listed=True) == []
    assert problems("## Tasks\n- T1: AC1\n", "AC1", "AC2", are_listed=True) == [
        ("has no task under '## Tasks' that names AC2", 1)
    ]
