"""Regular expressions that are tried in a process of their own."""

from __future__ import annotations

import sys

import pytest

from cde_orchestrator.adapters.project_files import content_syntax
from cde_orchestrator.adapters.project_files.content_syntax import ParsingContentValidator
from cde_orchestrator.infrastructure.system import apart

search = ParsingContentValidator().search


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("(a+)+b", "a" * 64),
        ("(a|a)*b", "a" * 64),
        ("a*b", "a" * 1_000_000),
        ("a?" * 40 + "[ab]c", "a" * 60),
    ],
)
def test_one_that_would_take_for_ever_is_given_up(
    monkeypatch: pytest.MonkeyPatch, expression: str, text: str
) -> None:
    monkeypatch.setattr(content_syntax, "SEARCH_SECONDS", 0.2)

    assert search(expression, text) is None


def test_one_that_takes_all_memory_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "MEMORY_BYTES", 256 * 1024 * 1024)

    assert search("(a|b|ab)*c", "ab" * 5_000_000) is None


def test_one_that_cannot_be_tried_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/program")

    assert search("a+", "a") is None


def test_what_cannot_be_computed_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(apart.NotComputedError, match="No module named 'no_such_module'"):
        apart.computed_apart("no_such_module", [], seconds=5)
    monkeypatch.setattr(apart, "MEMORY_BYTES", 1024)
    with pytest.raises(apart.NotComputedError):
        apart.computed_apart("cde_orchestrator.adapters.project_files.search", [], seconds=5)


@pytest.mark.parametrize(
    ("expression", "text", "found"),
    [("^b+$", "a\nbb", True), ("(a|b)c", "ab", False), ("\u00fc+", "\u00fc\ud800", True)],
)
def test_others_are_answered(expression: str, text: str, found: bool) -> None:
    assert search(expression, text) is found
