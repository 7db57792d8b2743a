"""What of a change can be knocked out, where parts of it say less than others."""

from __future__ import annotations

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.application.ports.proving import ChangedFile
from cde_orchestrator.application.proofs.change import Change

MARKS = ChangedFile("shop/marks.py", None, b"class Marked:\n    pass\n")
EXPORTS = ChangedFile("shop/__init__.py", b"", b"from shop.pay import charge\n")
CODE = ChangedFile("shop/pay.py", None, b"def charge(card):\n    return card.number\n")


def change(*files: ChangedFile) -> Change:
    """A change of source files alone."""
    return Change.of(files, SourceKnockOuts(), lambda _: False, lambda _: True)


def test_names_alone_are_knocked_out_where_nothing_else_changed() -> None:
    found = change(EXPORTS, MARKS)

    assert list(found.places) == ["shop/__init__.py", "shop/marks.py"]
    assert found.ignored == []


def test_what_was_removed_is_known() -> None:
    gone = ChangedFile("shop/old.py", b"x = 1\n", None)

    assert (change(CODE, gone).removed, change(CODE, gone).ignored) == (["shop/old.py"],) * 2


def test_names_alone_stay_where_functions_changed() -> None:
    """Without them any test would turn red that loads them, one that asserts nothing, too."""
    found = change(EXPORTS, MARKS, CODE)

    assert [place.id for place in found.all_places] == ["shop/pay.py:charge"]
    assert found.ignored == ["shop/__init__.py", "shop/marks.py"]
