"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable

import pytest

from cde_orchestrator.domain import patterns
from cde_orchestrator.domain.patterns import pattern


def test_an_expression_is_compiled_once_and_when_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[str] = []

    class Counted:
        @staticmethod
        def compile(written: str, flags: int) -> re.Pattern[str]:
            compiled.append(written)
            return re.compile(written, flags)

    monkeypatch.setattr(patterns, "re", Counted)
    words = pattern(r"(\w+)", re.IGNORECASE)

    assert pattern(rf"{words.pattern}!").pattern == r"(\w+)!"
    assert compiled == []
    assert words.findall("a b") == ["a", "b"]
    assert words.findall("c") == ["c"]
    assert compiled == [r"(\w+)"]


def test_it_is_used_as_a_compiled_one() -> None:
    words = pattern("(?P<word>[a-z]+)", re.IGNORECASE)
    found = words.search("1 AB")

    assert found is not None
    assert found["word"] == "AB"
    assert words.sub("x", "ab 1") == "x 1"
    assert words.pattern == "(?P<word>[a-z]+)"
    assert words.flags & re.IGNORECASE
    assert pattern(rb"a+").fullmatch(b"aa") is not None
    with pytest.raises(re.error):
        pattern("(").search("")


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_a_copy_is_the_same(again: Callable[[re.Pattern[str]], re.Pattern[str]]) -> None:
    words = pattern(r"\w+", re.IGNORECASE)
    assert again(words).findall("a b") == words.findall("a b") == ["a", "b"]
    assert again(words).findall("c") == ["c"]
