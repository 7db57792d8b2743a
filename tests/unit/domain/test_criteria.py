"""What counts as a criterion of a specification, and what does not."""

from __future__ import annotations

import hashlib

import pytest

from cde_orchestrator.domain.criteria import (
    Criterion,
    criteria_in,
    criteria_of_file,
    overlooked_in,
)


@pytest.mark.parametrize(
    "line",
    [
        "- AC1: it pays",
        "* AC1 it pays",
        "+ AC1 - it pays",
        "1. AC1: it pays",
        "2) AC1. it pays",
        "- [ ] AC1: it pays",
        "- [x] AC1: it pays",
        "- **AC1**: it pays",
        "- **AC1:** it pays",
        "- `AC1`: it pays",
        "- [AC1] it pays",
        "- (AC1) it pays",
        "  - AC1: it pays",
        "| AC1 | it pays |",
        "| **AC1** | | it pays |",
        "AC1 | it pays",
        "### AC1 - it pays",
        "## AC1: it pays ##",
        "### AC1\n\nit pays",
        "AC1: it pays\n===",
        "- AC1: it\n  pays",
        "- AC1:\nit pays\n\nNot this.",
        "- AC1: it pays\n- another",
        "- AC1: it pays\n> quoted",
        "- AC1: it pays <!-- AC2 -->",
    ],
)
def test_a_criterion_is_the_first_word_of_an_item_a_heading_or_a_row(line: str) -> None:
    assert criteria_in(line) == [Criterion("AC1", "it pays", 1)]


@pytest.mark.parametrize(
    "text",
    [
        "AC1: a paragraph",
        "We saw AC1 before.",
        "- see AC1",
        "> - AC1: quoted",
        "```\n- AC1: code\n```",
        "~~~md\n### AC1\n~~~",
        "- an example:\n\n    ```md\n    - AC1: code\n    ```",
        "- ~~~\n  - AC1: code",
        "<!-- - AC1: hidden -->",
        "<!--\n- AC1: hidden\n-->",
        "- AC: no number",
        "- AC0: no number",
        "- AC01: no number",
        "- AC12345: no number",
        "- AC1.1: a part",
        "- AC1-2: a range",
        "- AC1a: another word",
        "- ac1: lower case",
        "- XAC1: another word",
        "| see | AC1 |",
        "### The AC1",
        "",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert criteria_in(text) == []


def test_each_is_found_once_in_the_order_of_their_first_mention() -> None:
    text = "- AC2: two\n- AC1: one\n- AC2: again\n\n| AC1 | T1 |\n| AC3 | T2 |\n"

    assert criteria_in(text) == [
        Criterion("AC2", "two", 1),
        Criterion("AC1", "one", 2),
        Criterion("AC3", "T2", 6),
    ]


def test_an_item_defines_rather_than_a_row_before_it() -> None:
    text = "| AC1 | T1 |\n| AC2 | T2 |\n\n- AC1: one\n"

    assert criteria_in(text) == [Criterion("AC1", "one", 4), Criterion("AC2", "T2", 2)]


def test_a_criterion_may_say_nothing() -> None:
    assert criteria_in("- AC1\n### AC2\n```\ncode\n```\n### AC3\n") == [
        Criterion("AC1", "", 1),
        Criterion("AC2", "", 2),
        Criterion("AC3", "", 6),
    ]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_a_mark_of_the_encoding_hides_no_criterion(start: bytes) -> None:
    assert criteria_of_file(start + b"- AC1: it pays \xff\n") == [
        Criterion("AC1", "it pays \N{REPLACEMENT CHARACTER}", 1)
    ]


def test_the_words_are_bounded() -> None:
    long = criteria_in("- AC1: " + "\n".join(["word " * 30] * 50))

    assert len(long[0].text) == 500


def test_words_beyond_the_bound_make_another_digest() -> None:
    long = "- AC1: " + "\n".join(["word " * 30] * 50)
    first, same, other = (criteria_in(long + end)[0] for end in ("\nend", "\n  end ", "\nelse"))

    assert first.text == other.text
    assert first.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("- AC-3: It is dark", "AC-3"),
        ("- ac4: It is dark", "ac4"),
        ("- AC05: It is dark", "AC05"),
        ("AC6: It is dark", "AC6"),
        ("> - AC7: It is dark", "AC7"),
        ("1. [ ] **AC 8** It is dark", "AC 8"),
        ("| ac_9 | It is dark |", "ac_9"),
    ],
)
def test_what_looks_like_a_criterion_and_is_none_is_found(line: str, begins: str) -> None:
    text = f"# Shop\n\n## Acceptance criteria\n- AC1: It is light\n\n{line}\n\n## Notes\nAC20 was"
    assert overlooked_in(text) == [(6, begins)]


@pytest.mark.parametrize(
    "line",
    ["AC1 is the main one", "- account 4", "```\nAC-3\n```", "the AC3 of the room", "- AC1.1"],
)
def test_what_speaks_of_one_or_of_something_else_is_not(line: str) -> None:
    assert overlooked_in(f"## Acceptance criteria\n- AC1: It is light\n\n{line}\n") == []


@pytest.mark.parametrize("line", ["- AC1: `GET` is [quick](a)", "### AC1\n\n`GET` is [quick](a)"])
def test_the_words_that_are_kept_have_no_marks_before_them(line: str) -> None:
    """Proofs of earlier releases are kept with these words and their digest."""
    (found,) = criteria_in(line)

    assert found.text == "GET` is [quick](a)"
    assert found.digest == hashlib.sha256(found.text.encode()).hexdigest()


def test_only_under_a_heading_about_criteria() -> None:
    assert overlooked_in("## Goal\nAC-3: It is dark\n\n## Criteria\n### Of light\nAC-4: Dim\n") == [
        (6, "AC-4")
    ]
