"""Fields, kinds of errors and exported names: seen by tests of them, and by no others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cde_orchestrator.domain.proofs import ProofEvidence
from tests.integration.proving.claims import examine, seen_of, with_this_python

BASE = {"shop/__init__.py": "", "shop/pay.py": "def total(amount):\n    return amount\n"}
WORK = {
    "shop/__init__.py": "from shop.models import Card, CardError\nfrom shop.pay import charge\n",
    "shop/models.py": (
        "from dataclasses import dataclass\n\n"
        "class CardError(ValueError):\n    '''No card.'''\n\n"
        "@dataclass(frozen=True)\nclass Card:\n    number: str\n    name: str = 'none'\n"
    ),
    "shop/pay.py": (
        "def total(amount):\n    return amount\n\n"
        "def charge(card, amount):\n    return card.number, amount\n"
    ),
    "tests/test_card.py": (
        "import shop\n\n"
        "def test_a_field():\n    assert shop.Card('1').number == '1'\n\n"
        "def test_a_default():\n    assert shop.Card('1').name == 'none'\n\n"
        "def test_an_error():\n    assert issubclass(shop.CardError, ValueError)\n\n"
        "def test_a_function():\n    assert shop.charge(shop.Card('1'), 5) == ('1', 5)\n\n"
        "def test_asserts_nothing():\n    shop.charge(shop.Card('1', name='a'), 5)\n\n"
        "def test_raises_by_itself():\n"
        "    try:\n        raise shop.CardError\n    except shop.CardError:\n        pass\n"
    ),
}
HONEST = ("test_a_field", "test_a_default", "test_an_error", "test_a_function")
FALSE = ("test_asserts_nothing", "test_raises_by_itself")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProofEvidence]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        with_this_python(monkeypatch)
        root = tmp_path_factory.mktemp("project")
        tests = [f"tests/test_card.py::{name}" for name in (*HONEST, *FALSE)]
        yield examine(root, BASE, WORK, tests)


@pytest.mark.parametrize("name", HONEST)
def test_what_reads_a_new_name_sees_it(evidence: ProofEvidence, name: str) -> None:
    assert seen_of(evidence)[name].reason == ""
    assert evidence.runs <= 8


@pytest.mark.parametrize("name", FALSE)
def test_what_only_uses_it_does_not(evidence: ProofEvidence, name: str) -> None:
    assert "stays green" in seen_of(evidence)[name].reason
