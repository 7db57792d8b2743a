"""Modules of Python as they were, with what is new in them added, but doing nothing."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.application.ports.proving import ChangedFile

KNOCK_OUTS = SourceKnockOuts()
BEFORE = '''"""Pays."""
from __future__ import annotations

class PayError(ValueError):
    pass

def total(items: Unknown) -> int:
    return sum(items)
'''
AFTER = '''"""Pays, and charges."""
from __future__ import annotations
import json

class PayError(Exception):
    pass

class TooMuchError(PayError):
    def __init__(self, most: int) -> None:
        self.most = most

def total(items, most=None):
    if most is not None and sum(items) > most:
        raise TooMuchError(most)
    return 7

def fee(amount):
    return amount * 7

RATE = 7
'''


def supplied(before: str | None, after: str, path: str = "shop/pay.py") -> bytes | None:
    """What is added to a file."""
    file = ChangedFile(path, None if before is None else before.encode(), after.encode())
    return KNOCK_OUTS.supplied(file, KNOCK_OUTS.places(file), "nothing")


def run(before: str | None, after: str) -> dict[str, Any]:
    """What a module has with it."""
    space: dict[str, Any] = vars(ModuleType("pay"))
    exec(compile(supplied(before, after) or b"", "pay.py", "exec", dont_inherit=True), space)
    return space


def test_what_was_there_is_as_it_was_and_what_is_new_does_nothing() -> None:
    found = run(BEFORE, AFTER)

    assert found["total"]([1, 2]) == 3
    with pytest.raises(TypeError):
        found["total"]([1], most=0)
    assert issubclass(found["PayError"], ValueError)
    assert issubclass(found["TooMuchError"], found["PayError"])
    assert found["TooMuchError"](3).most is None
    assert found["fee"](100) is None
    assert found["RATE"] == 0


def test_the_text_of_the_base_comes_first() -> None:
    text = supplied(BEFORE, AFTER)

    assert text is not None
    assert text.startswith(BEFORE.encode())


def test_what_cannot_be_made_without_the_change_is_left_out() -> None:
    after = "def rate():\n    return {'a': 7}\n\nrates = rate()['a']\n\ndef fee():\n    pass\n"

    found = run("LAST = 1\n", after)

    assert "rates" not in found
    assert found["LAST"] == 1
    assert found["rate"]() is None
    assert "fee" in found


def test_names_that_are_exported_are_more_by_what_is_new() -> None:
    before = "__all__ = ['a']\ndef a():\n    return 1\n"
    after = f"{before}def fee():\n    return 7\ndef _own():\n    return 7\n"

    assert run(before, after)["__all__"] == ["a", "fee"]


def test_a_statement_that_binds_what_was_there_does_not_replace_it() -> None:
    found = run("a = [1]\n", "a, b = [2], [3]\ndef fee():\n    return 7\n")

    assert (found["a"], found["b"]) == ([1], [3])


def test_a_module_that_is_new_is_knocked_out() -> None:
    assert run(None, AFTER)["total"]([1, 2]) is None


def test_other_encodings_are_kept() -> None:
    before = "# coding: latin-1\nNAME = 'é'\n".encode("latin-1")
    after = "# coding: latin-1\nNAME = 'é'\ndef fee():\n    return '€é'\n".replace("€", "ü")
    file = ChangedFile("shop/pay.py", before, after.encode("latin-1"))

    text = KNOCK_OUTS.supplied(file, KNOCK_OUTS.places(file), "nothing")

    assert text is not None
    space = vars(ModuleType("pay"))
    exec(compile(text, "pay.py", "exec"), space)
    assert space["NAME"] == "é"
    assert space["fee"]() is None


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        (BEFORE, BEFORE.replace("sum", "max"), "shop/pay.py"),
        (BEFORE, "import json\n" + BEFORE.partition("annotations")[2], "shop/pay.py"),
        ("def a(:\n", AFTER, "shop/pay.py"),
        ("a: 1\n", "a: 1\nb: 2\n", "shop/pay.yml"),
        (None, "b: 2\n", "shop/pay.yml"),
    ],
    ids=["nothing new", "an import", "no Python before", "data", "new data"],
)
def test_nothing_is_added_where_nothing_is_new_or_nobody_knows_how(
    before: str | None, after: str, path: str
) -> None:
    if "import json" in after:
        before = f"{before}json = None\n"
    assert supplied(before, after, path) is None


def test_a_file_that_is_gone_has_nothing_new() -> None:
    file = ChangedFile("shop/pay.py", b"a = 1\n", None)

    assert KNOCK_OUTS.supplied(file, [], "nothing") is None


def test_what_a_script_does_is_not_done_once_more() -> None:
    started = "if __name__ == 'pay':\n    import json\n    done = [json]\n"

    assert "done" not in run("", f"def fee():\n    return 7\n{started}")
