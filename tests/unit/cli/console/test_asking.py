"""A question at the terminal, which is not waited for forever."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator

import pytest

from cde_orchestrator.cli.console.asking import answered_yes

QUESTION = "Allow it?"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The person's side of the terminal; standard input is the other."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield ours
    os.close(ours)


class Screen:
    """Types the answer once the question is there."""

    def __init__(self, side: int, answer: str) -> None:
        self.side, self.answer, self.shown = side, answer, ""

    def write(self, words: str) -> None:
        self.shown += words

    def flush(self) -> None:
        os.write(self.side, self.answer.encode())


@pytest.mark.parametrize(
    ("answer", "is_yes"),
    [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("\x04", False)],
)
def test_only_yes_is_yes(
    person: int, monkeypatch: pytest.MonkeyPatch, answer: str, is_yes: bool
) -> None:
    screen = Screen(person, answer)
    monkeypatch.setattr(sys, "stderr", screen)
    assert answered_yes(QUESTION, 300) is is_yes
    assert screen.shown.startswith("Allow it? [y/N, 300 s]: ")


def test_who_says_nothing_in_time_says_no(person: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(person, "")
    monkeypatch.setattr(sys, "stderr", screen)
    assert not answered_yes(QUESTION, 0.01)
    assert screen.shown.endswith("\n")


def test_what_was_typed_before_is_no_answer(person: int, monkeypatch: pytest.MonkeyPatch) -> None:
    os.write(person, b"y\n")
    monkeypatch.setattr(sys, "stderr", Screen(person, "\n"))
    assert not answered_yes(QUESTION, 300)
