"""An excerpt has every section of a document, whole where it is short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.excerpts import READ_BYTES, SECTIONS_LIMIT, Section, sections_of

SPEC = """# Spec

Before.

Goal
----

Why.

## 2. **Scope:**

In: a
### Detail
b

## Empty

# Last
c
"""


def test_sections_are_those_of_the_first_two_levels_with_what_is_below_them() -> None:
    assert sections_of(SPEC.encode()) == [
        Section("Spec", "spec", "Before.", 0),
        Section("Goal", "goal", "Why.", 0),
        Section("2. **Scope:**", "scope", "In: a\n### Detail\nb", 0),
        Section("Last", "last", "c", 0),
    ]


@pytest.mark.parametrize("data", [b"", b"\n \n", b"# Title\n\n## Goal\n"])
def test_what_says_nothing_has_no_sections(data: bytes) -> None:
    assert sections_of(data) == []


def test_what_has_no_headings_is_one_section() -> None:
    assert sections_of(b"AC1: tests/a.py\nAC2: b\n") == [
        Section("", "", "AC1: tests/a.py\nAC2: b", 0)
    ]


def test_short_sections_are_whole_and_long_ones_share_what_is_left() -> None:
    long = "".join(f"line {number:04}\n" for number in range(900))
    text = f"## A\nshort\n## B\n{long}## C\n{long}## D\nalso\n"
    found = sections_of(text.encode())

    assert [(each.heading, each.more) for each in found] == [
        ("A", 0),
        ("B", 781),
        ("C", 781),
        ("D", 0),
    ]
    assert found[1].text.endswith("line 0118")
    assert sum(len(each.text) for each in found) <= SECTIONS_LIMIT


def test_what_is_apart_takes_no_room_from_the_others() -> None:
    criteria = "".join(f"- AC{number}: {'x' * 190}\n" for number in range(1, 31))
    text = f"## Goal\nshort\n## 3. Acceptance criteria:\n{criteria}## Constraints\n{criteria}"
    goal, others, constraints = sections_of(text.encode(), apart={"acceptance criteria"})

    assert (goal.more, others.more, constraints.more) == (0, 18, 18)
    alone = sections_of(text.encode())
    assert [each.more for each in alone] == [0, 24, 24]


def test_of_a_line_that_is_too_long_the_beginning_is_shown() -> None:
    (found,) = sections_of(b"## A\n" + b"x" * 5_000 + b"\nb\n", 100)
    assert found == Section("A", "a", "x" * 99 + "\u2026", 1)


def test_only_the_beginning_of_a_huge_document_is_read() -> None:
    text = b"## A\nb\n" * (READ_BYTES // 4)
    assert len(sections_of(text)) <= READ_BYTES // 7


def test_what_is_not_seen_is_left_out() -> None:
    (found,) = sections_of("## A\nb\u202ec\x1b[31m\r\n".encode())
    assert found.text == "bc[31m"


@given(st.text("#ab \n-=", max_size=300), st.integers(10, 200))
def test_no_excerpt_is_longer_than_its_limit(text: str, limit: int) -> None:
    found = sections_of(text.encode(), limit)
    assert sum(len(each.text) for each in found) <= limit + len(found)
    assert all(each.text for each in found)
    for is_apart in (True, False):
        some = [e for e in sections_of(text.encode(), limit, {"a"}) if (e.key == "a") is is_apart]
        assert sum(len(each.text) for each in some) <= limit + len(some)
