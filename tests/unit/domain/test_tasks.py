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
    unnamed,
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


def test_a_task_goes_on_after_another_one_is_named_in_it() -> None:
    text = "- T1: pay, AC1\n- T2: refund\n  - T1 first\n  - Serves: AC2\n"
    assert tasks(text) == [
        Task("T1", "pay, AC1", (), ("AC1",)),
        Task("T2", "refund; T1 first", (), ("AC2",)),
    ]
    assert problems(f"## Tasks\n{text}", "AC1", "AC2") == []
    rows = "### T1: pay\n| T2 | next |\nServes AC1\n### T2: refund\n"
    assert [each.criteria for each in tasks(rows)] == [("AC1",), ()]


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
        ("`application/json`, `image/*`, `GET/POST`, `and/or`, `N/A`, `text/vnd.a+xml`", ()),
        ("`go.mod`, `Dockerfile`, `.gitignore`", ("go.mod", "Dockerfile", ".gitignore")),
        ("`text/words`, `application/json.py`", ("text/words", "application/json.py")),
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


def test_only_so_many_lines_of_a_task_and_of_the_coverage_are_searched() -> None:
    lines = "".join(f"  - line {number}\n" for number in range(1, 200))
    (found,) = tasks(f"- T1: pay\n{lines}  - AC1 in `late.py`\n")
    assert (found.criteria, found.files) == ((), ())
    (found,) = tasks(f"- T1: pay\n{lines.replace('line 199', 'AC1 in `a.py`')}")
    assert (found.criteria, found.files) == (("AC1",), ("a.py",))

    rows = "AC1: T2\n" * 198
    (found,) = tasks(f"- T1: pay\n## Coverage\n{rows}AC2: T1\nAC3: T1\n")
    assert found.criteria == ("AC2",)


def test_the_coverage_adds_so_many_criteria_at_most() -> None:
    (found,) = tasks("- T1: pay\n## Coverage\nAC1-99: T1\nAC100-150: T1\n")
    assert found.criteria == tuple(f"AC{number}" for number in range(1, CRITERIA_LIMIT + 1))


def test_what_a_task_says_twice_is_in_its_text_once() -> None:
    (found,) = tasks("- T1: pay by card\n  - by card\n  - at once\n  - at once\n")
    assert found.text == "pay by card; at once"


def test_a_section_with_nothing_in_it_does_not_hide_the_next() -> None:
    empty = "\n## Tasks\n\n<!-- none -->\n"
    assert [each.id for each in tasks(f"{empty}\n## Tasks\n- T1: pay\n{empty}")] == ["T1"]
    (found,) = tasks("- T1: pay\n## Coverage\n## Order\n## Coverage\nAC1: T1\n")
    assert found.criteria == ("AC1",)
    assert problems(f"{empty}{empty}", "AC1") == [("has no task under '## Tasks'", 6)]


def test_what_a_text_names_differs_from_what_it_only_contains() -> None:
    text = "in `shop/b.py`, for AC12 and AC3-AC5"
    assert unnamed(text, ["b.py", "shop/b.py"], ["AC12", "AC4"]) == ["b.py"]
    assert unnamed(text, ["shop/b.py"], ["AC1", "AC12"]) == ["AC1", "AC12"]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("T1 [P] the form", "[P] the form"),
        ("T1: **bold** AC1", "**bold** AC1"),
        ("T1: `b.py`: the form", "`b.py`: the form"),
        ("**T1:** `b.py`", "`b.py`"),
        ("[T1] (soon) pay", "(soon) pay"),
        ("**T1 - pay** now", "pay** now"),
        ("**T1**pay", "pay"),
        ("T1: [pay", "pay"),
        ("T1:\n  - _at_ once", "_at_ once"),
    ],
)
def test_marks_before_the_words_stay_where_they_are_closed(said: str, text: str) -> None:
    assert [each.text for each in tasks(f"- {said}")] == [text]
    title = tasks(f"### {said}" if "\n" not in said else "### T1\n_at_ once")
    assert [each.text for each in title] == [text]
    assert tasks("| T1 | `b.py` is new |")[0].text == "`b.py` is new"


def test_a_heading_of_the_same_level_ends_the_tasks() -> None:
    text = "- T1: pay\n### Later\n- T2: refund\n## Order\n- T9\n# End\n- T8\n"
    assert [each.id for each in tasks(text)] == ["T1", "T2"]
    assert problems(f"## Tasks\n{text}- T1: AC1", "AC1") == [
        ("has no task under '## Tasks' that names AC1", 1)
    ]


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


@pytest.mark.parametrize(
    "unit", ["\t", " ", "|", "| ", "> ", "[", "*", "- ", "T", "0", "`", "AC1 "]
)
def test_a_hostile_line_costs_time_in_proportion(unit: str) -> None:
    lines = markdown.read(f"## Tasks\n- T1: pay, AC1\n\n{unit * (400_000 // len(unit))}x\n")

    assert [each.id for each in tasks_in(lines)] == ["T1"]
    assert ticks_in(lines, ["T1"]) == {}
    assert not [*problems_of_tasks(lines, ["AC1"], are_listed=False)]
