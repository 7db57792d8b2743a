"""Changed functions of Python that do what they did before, with their new text left in place."""

from __future__ import annotations

import ast
from textwrap import dedent
from typing import Any

import pytest

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.application.ports.proving import ChangedFile

KNOCK_OUTS = SourceKnockOuts()


def as_before(before: str, after: str) -> str:
    """A changed module with its functions as they were."""
    file = ChangedFile("shop/pay.py", dedent(before).encode(), dedent(after).encode())
    return KNOCK_OUTS.knocked_out(file, KNOCK_OUTS.places(file), "before").decode()


def run(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "pay"}
    exec(text, space)
    return space


def test_the_new_text_stays_and_the_old_body_is_what_runs() -> None:
    after = 'def total(items, fee=0):\n    """Sum."""\n    return sum(items) + fee\n\nLAST = 1\n'

    text = as_before("def total(items):\n    return sum(items)\n\nLAST = 1\n", after)

    assert after.split("\n\n", maxsplit=1)[0] in text
    assert run(text)["total"]([1, 2], fee=3) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a):\n    return a\n", "def f(b):\n    return b\n"),
        ("def f(a):\n    return a\n", "async def f(a):\n    return a + 1\n"),
        ("def f(a):\n    return a\n", "def f(a):\n    yield a\n"),
        ("def f(a): return a\n", "def f(a): return a + 1\n"),
        ("def f(a):\n  return a\n", "def f(a):\n    return a + 1\n"),
        ("def f(a):\n    raise NotImplementedError\n", "def f(a):\n    return a\n"),
        ("", "def f(a):\n    return a\n"),
    ],
)
def test_nothing_is_done_where_the_old_body_does_not_fit_or_there_was_none(
    before: str, after: str
) -> None:
    assert as_before(before, after) == after


def test_parameters_that_were_removed_are_back() -> None:
    before = "def load(text, **others):\n    return text\n"
    after = "def load(text):\n    return text\n"

    assert run(as_before(before, after))["load"]("a", age=1) == "a"
    with pytest.raises(TypeError):
        run(after)["load"]("a", age=1)


def test_methods_properties_and_decorated_functions_are_defined_once_more() -> None:
    before = """\
        import functools

        class Card:
            @property
            def limit(self):
                return 1

            @limit.setter
            def limit(self, value):
                self.was = value

            @staticmethod
            def pay(amount):
                # As agreed.
                return amount

            def __repr__(self):
                return "card"  # old

        @functools.lru_cache
        def fee(amount):
            return 0
        """
    after = before.replace("return 1", "return 2").replace("self.was = value", "self.now = value")
    after = after.replace("return amount", "return amount * 2").replace("return 0", "return 7")
    after = after.replace('"card"  # old', 'f"card {self.limit}"  # new')

    text = as_before(before, after)

    space = run(text)
    card = space["Card"]()
    card.limit = 5
    assert (card.limit, card.was, card.pay(3), repr(card), space["fee"](1)) == (1, 5, 3, "card", 0)
    assert len(ast.parse(text).body[1].body) == 8  # type: ignore[attr-defined]


def test_an_inner_function_alone_is_as_it_was() -> None:
    before = "def outer():\n    def inner():\n        return 1\n    return inner() + 10\n"
    after = before.replace("return 1\n", "return 2\n")

    assert run(as_before(before, after))["outer"]() == 11
