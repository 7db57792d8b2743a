"""Of a review, the points are found that nobody has marked as done."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.open_points import POINT_LIMIT, SHOWN, open_points


def review(*points: str, heading: str = "Follow-ups") -> str:
    """A review with these lines under a heading."""
    return "\n".join(["# Review", "## Verdict", "Verdict: approved", f"## {heading}", *points])


@pytest.mark.parametrize(
    "point",
    [
        "make max_age keyword-only",
        "[ ] document it",
        "low, a.py:3, a typo, open",
        "a.py: not yet fixed",
        "fixed-width columns are too narrow",
        "fixed widths are too narrow",
        "the fix is slow on Windows",
        "minor: was fixed once; open again",
        "Nothing checks the limit of 5",
        "None-existing users are charged",
        "None of the tests covers a refund",
        "No findings of the audit were read",
        "Closed accounts, done by hand, are charged",
        "Resolved: no",
        "a.py:3, fixed: not yet.",
        "| a.py:3 | done: no |",
    ],
)
@pytest.mark.parametrize("heading", ["Follow-ups", "Findings", "Open points"])
def test_a_point_is_open_unless_it_is_marked(point: str, heading: str) -> None:
    shown = point.removeprefix("[ ] ").strip("| ")
    assert open_points(review(f"- {point}", heading=heading)) == [shown]


@pytest.mark.parametrize(
    "point",
    [
        "- [x] document it",
        "* [X] document it",
        "1. ~~document it~~",
        "- low, a.py:3, a typo, fixed",
        "- Done: document it",
        "- document it (resolved in 3f2a)",
        "- document it - closed",
        "- document it \N{EM DASH} **done**",
        "| Place | State |\n|---|---|\n| a.py:3 | fixed |",
        "None: every line was read.",
        "- No findings",
        "- Nothing.",
        "- **None**, all of it was read",
        "(none)",
        "- Nothing to report",
        "- None so far - see the log",
        "n/a",
        "| Place | State |\n|---|---|\n| None | |",
        "- a.py:3, done: no test lacks",
        "<!-- a comment -->",
        "```\n- code\n```",
        "",
    ],
)
def test_what_is_done_or_says_nothing_is_left_out(point: str) -> None:
    assert open_points(review(point)) == []


def test_points_are_items_and_rows_each_in_a_line() -> None:
    text = review(
        "- one\n  goes on",
        "- two",
        "",
        "A paragraph",
        "of lines",
        "",
        "| a | b |",
        "|---|---|",
        "| row | open |",
        "| r | done |",
    )
    text += "\n## Findings\n- two\n- three\n## Else\n- four"

    shown = ["one goes on", "two", "row | open", "three"]
    assert open_points(text) == shown
    more = "\n".join(f"- {each}" for each in ("six", "seven"))
    assert len(open_points(text.replace("- three", f"- three\n{more}"))) == SHOWN


@pytest.mark.parametrize("about", ["Two are left:\n\n{}", "{}\n\nThat is all, and waits."])
@pytest.mark.parametrize("listed", ["- one", "| a |\n|---|\n| one |", "1. one"])
def test_a_paragraph_beside_what_is_open_is_about_it(about: str, listed: str) -> None:
    assert open_points(review(about.format(listed))) == open_points(review(listed))


@pytest.mark.parametrize("listed", ["- [x] one", "1. ~~one~~", "- fixed: one"])
def test_a_paragraph_beside_a_list_that_is_done_is_a_point(listed: str) -> None:
    assert open_points(review("Two were found:", "", listed, "", "Anybody gets in.")) == [
        "Anybody gets in."
    ]


def test_a_paragraph_that_says_that_it_is_open_is_a_point_beside_any_list() -> None:
    said = "An empty password is accepted. This is not fixed."
    assert open_points(review(said, "", "- one")) == [said, "one"]


def test_paragraphs_are_points_where_no_list_says_something() -> None:
    assert open_points(review("It is slow", "on Windows.", "", "It is loud.")) == [
        "It is slow on Windows.",
        "It is loud.",
    ]
    assert open_points(review("- None", "", "It is slow.")) == ["It is slow."]


def test_what_is_shown_is_bounded_and_harmless() -> None:
    text = review(*(f"- {'x' * 1000}{number}\x1b[2J\u202e" for number in range(100)))

    points = open_points(text)

    assert [len(each) for each in points] == [POINT_LIMIT]
    assert open_points(review("- a\x1b[2J\u202e")) == ["a\\x1b[2J\\u202e"]
    assert open_points("nothing of the kind") == []


@pytest.mark.parametrize("unit", ["- [", "| ", "- a\n", "  \n", "~~", "(", "- a, ", "fixed "])
def test_a_hostile_review_costs_time_in_proportion(unit: str) -> None:
    assert len(open_points(review(unit * 16_000))) <= SHOWN
