"""Regular expressions that are tried in a process of their own."""

from __future__ import annotations

import sys

import pytest

from cde_orchestrator.adapters.project_files import content_syntax
from cde_orchestrator.adapters.project_files.content_syntax import ParsingContentValidator

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


def test_one_that_takes_all_memory_or_cannot_be_tried_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(content_syntax, "_SEARCH", "raise MemoryError")
    assert search("a+", "a") is None
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    assert search("a+", "a") is None
