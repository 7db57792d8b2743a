"""Tests that do not show what they are offered for, each refused for its own reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proofs import Proof, ProofEvidence, ProofSeen
from tests.integration.proving.claims import examine, seen_of, with_this_python

BASE = {
    "shop/__init__.py": "",
    "shop/pay.py": "def total(amount):\n    return amount\n",
    "tests/test_old.py": (
        "from shop.pay import total\n\ndef test_total():\n    assert total(1) == 1\n"
    ),
}
PAY = """\
def total(amount):
    return amount


def fee(amount):
    \"\"\"Seven percent.\"\"\"
    return amount * 7 // 100
"""
FILE = "tests/test_fee.py"
FALSE_TESTS = """\
import ast
import inspect
from pathlib import Path
from unittest import mock

import pytest

import shop.pay

SOURCE = Path(shop.pay.__file__)


def test_honest():
    assert shop.pay.fee(100) == 7

def test_asserts_nothing():
    shop.pay.fee

def test_calls_and_asserts_nothing():
    shop.pay.fee(100)

def test_true():
    assert True

def test_what_was_there():
    assert shop.pay.total(1) == 1

def test_mocks_what_it_tests():
    with mock.patch("shop.pay.fee", return_value=7):
        assert shop.pay.fee(100) == 7

def test_a_double_of_its_own():
    assert hasattr(shop.pay, "fee")
    fee = mock.Mock(return_value=7)
    assert fee(100) == 7

def test_it_exists():
    assert callable(shop.pay.fee)

def test_its_name_is_in_the_source():
    assert "def fee" in SOURCE.read_text()

def test_the_source_is_this():
    assert "Seven percent.\\"\\"\\"\\n    return amount * 7" in SOURCE.read_text()

def test_the_number_of_its_line():
    assert inspect.getsourcelines(shop.pay.fee)[1] == 5

def test_its_bytecode():
    def fee(amount): return amount * 7 // 100
    assert shop.pay.fee.__code__.co_code == fee.__code__.co_code

def test_its_constants():
    assert shop.pay.fee.__code__.co_consts == ("Seven percent.", 7, 100)

def test_its_number_of_instructions():
    assert len(shop.pay.fee.__code__.co_code) < 30

def test_its_syntax_tree():
    words, code = ast.parse(inspect.getsource(shop.pay.fee)).body[0].body
    assert isinstance(code.value.right, ast.Constant)

def test_its_documentation():
    assert shop.pay.fee.__doc__ == "Seven percent."

def test_a_copy_of_the_code():
    assert hasattr(shop.pay, "fee")
    def fee(amount): return amount * 7 // 100
    assert fee(100) == 7

def test_catches_what_goes_wrong():
    try:
        assert shop.pay.fee(100) == 7
    except AssertionError:
        pass

def test_fails():
    assert shop.pay.fee(100) == 8

@pytest.mark.skip(reason="later")
def test_skipped():
    assert shop.pay.fee(100) == 7

@pytest.mark.xfail
def test_expected_to_fail():
    assert shop.pay.fee(100) == 8

@pytest.mark.xfail
def test_expected_to_fail_but_passes():
    assert shop.pay.fee(100) == 7

def test_skips_where_it_is_not_there():
    if not hasattr(shop.pay, "fee"):
        pytest.skip("not yet")
    assert shop.pay.total(1) == 1

def test_skips_where_it_gives_nothing():
    if shop.pay.fee(100) != 7:
        pytest.skip("not today")

def test_compares_it_with_itself():
    assert shop.pay.fee(100) == shop.pay.fee(100)

def test_is_truthy_or_not():
    assert shop.pay.fee(100) or True
"""
GREEN_BEFORE = "passes on the base already"
BLIND = "stays green when shop/pay.py:fee does nothing"
CONTROL = "turns red at an edit without effect in shop/pay.py"
REASONS = {
    "test_asserts_nothing": BLIND,
    "test_calls_and_asserts_nothing": BLIND,
    "test_true": GREEN_BEFORE,
    "test_what_was_there": GREEN_BEFORE,
    "test_mocks_what_it_tests": BLIND,
    "test_a_double_of_its_own": BLIND,
    "test_it_exists": BLIND,
    "test_its_name_is_in_the_source": BLIND,
    "test_the_source_is_this": CONTROL,
    "test_the_number_of_its_line": BLIND,
    "test_its_bytecode": CONTROL,
    "test_its_constants": CONTROL,
    "test_its_number_of_instructions": CONTROL,
    "test_its_syntax_tree": CONTROL,
    "test_its_documentation": BLIND,
    "test_a_copy_of_the_code": BLIND,
    "test_catches_what_goes_wrong": BLIND,
    "test_fails": "does not pass now",
    "test_skipped": "is skipped",
    "test_expected_to_fail": "is expected to fail",
    "test_expected_to_fail_but_passes": "is expected to fail",
    "test_skips_where_it_is_not_there": "is skipped on the base",
    "test_skips_where_it_gives_nothing": BLIND,
    "test_compares_it_with_itself": BLIND,
    "test_is_truthy_or_not": BLIND,
    "test_that_is_not_there": "was not found: the runner found these in the file",
}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProofEvidence]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        with_this_python(monkeypatch)
        root = tmp_path_factory.mktemp("project")
        tests = [f"{FILE}::{name}" for name in ("test_honest", *REASONS)]
        yield examine(root, BASE, {"shop/pay.py": PAY, FILE: FALSE_TESTS}, tests)


@pytest.mark.parametrize("name", REASONS)
def test_a_false_proof_is_refused_for_its_own_reason(evidence: ProofEvidence, name: str) -> None:
    assert REASONS[name] in seen_of(evidence)[name].reason


def test_an_honest_one_among_them_proves(evidence: ProofEvidence) -> None:
    assert seen_of(evidence)["test_honest"] == ProofSeen(
        id=f"{FILE}::test_honest",
        now="passed",
        base="failed",
        control="passed",
        knocked_out="failed",
        sees=("shop/pay.py:fee",),
    )
    assert evidence.runs <= 8


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with_this_python(monkeypatch)
    return tmp_path


TEST_OF_FEE = "from shop.pay import fee\n\ndef test_fee():\n    assert fee(100) == 7\n"


def only(root: Path, work: dict[str, str], *proofs: str | Proof) -> ProofSeen:
    """What is seen of the first proof."""
    found = examine(root, BASE, work, proofs or [f"{FILE}::test_fee"])
    return found.criteria[0].proofs[0]


def test_code_among_the_tests_is_no_change(root: Path) -> None:
    work = {
        "tests/pay.py": PAY,
        FILE: "from pay import fee\n\ndef test_fee():\n    assert fee(100) == 7\n",
    }

    assert "no file changed since the base but tests" in only(root, work).reason


def test_a_fixture_that_replaces_the_code_is_noticed(root: Path) -> None:
    conftest = (
        "import pytest, shop.pay\n\n"
        "@pytest.fixture(autouse=True)\n"
        "def fee(monkeypatch):\n"
        "    monkeypatch.setattr(shop.pay, 'fee', lambda amount: 7, raising=False)\n"
    )
    test = "import shop.pay\n\ndef test_fee():\n    assert shop.pay.fee(100) == 7\n"
    work = {"shop/pay.py": PAY, "tests/conftest.py": conftest, FILE: test}

    assert GREEN_BEFORE in only(root, work).reason


def test_a_module_that_is_replaced_is_noticed(root: Path) -> None:
    test = (
        "import sys, types\n\n"
        "sys.modules['shop.pay'] = types.SimpleNamespace(fee=lambda amount: 7)\n"
        "from shop.pay import fee\n\n"
        "def test_fee():\n    assert fee(100) == 7\n"
    )

    assert GREEN_BEFORE in only(root, {"shop/pay.py": PAY, FILE: test}).reason


def test_a_comment_in_the_code_is_no_change(root: Path) -> None:
    work = {
        "shop/pay.py": f"# Charges a fee of seven percent.\n{BASE['shop/pay.py']}\n\n",
        FILE: "from pathlib import Path\n\n"
        "def test_fee():\n    assert 'seven' in Path('shop/pay.py').read_text()\n",
    }

    assert "but comments, docstrings and blank lines" in only(root, work).reason


def test_a_file_that_is_there_is_no_proof(root: Path) -> None:
    test = "from pathlib import Path\n\ndef test_fee():\n    assert Path('shop/fee.py').exists()\n"

    assert "stays green" in only(root, {"shop/fee.py": PAY, FILE: test}).reason


def test_a_command_that_prints_what_it_is_asked_to_prove_is_no_proof(root: Path) -> None:
    proof = Proof(command=("python3", "-c", "print(7)"), contains="7")

    assert GREEN_BEFORE in only(root, {"shop/pay.py": PAY}, proof).reason


def test_a_command_that_fails_is_no_proof(root: Path) -> None:
    proof = Proof(command=("python3", "-c", "import shop.pay; print(shop.pay.fee(100))"))
    other = Proof(command=proof.command, contains="8")

    evidence = examine(root, BASE, {"shop/pay.py": PAY}, [proof, other])

    blind, failing = evidence.criteria[0].proofs
    assert "stays green" in blind.reason
    assert "does not pass now" in failing.reason


def test_a_command_whose_output_is_the_code_s_is_a_proof(root: Path) -> None:
    words = ("python3", "-c", "import shop.pay; print(shop.pay.fee(100))")

    assert only(root, {"shop/pay.py": PAY}, Proof(command=words, contains="7")).proves


def test_imports_alone_that_the_test_does_not_load_are_said_as_what_they_are(root: Path) -> None:
    before = {**BASE, "shop/__init__.py": "", "shop/easy.py": "import os, sys\nSIZE = 1\n"}
    test = (
        "from shop import pay\n\n\ndef test_fee():\n    assert pay.__name__ == 'shop.pay'\n\n\n"
        "def test_easy():\n    from shop.easy import SIZE\n    assert SIZE == 1\n"
    )
    now = {"shop/easy.py": "import os\nSIZE = 1\n", FILE: test}

    (seen,) = examine(root, before, now, [f"{FILE}::test_fee"]).criteria[0].proofs

    assert "also when shop/easy.py cannot be loaded, so it does not use what changed" in seen.reason


def test_code_that_is_installed_elsewhere_is_said_as_what_it_is(root: Path) -> None:
    elsewhere = root / "elsewhere"
    (elsewhere / "shop").mkdir(parents=True)
    (elsewhere / "shop" / "__init__.py").touch()
    (elsewhere / "shop" / "pay.py").write_text(PAY)
    test = f"import sys\nsys.path.insert(0, {str(elsewhere)!r})\n{TEST_OF_FEE}"

    with pytest.raises(FeatureError) as refused:
        only(root, {"shop/pay.py": PAY, FILE: test})

    assert refused.value.code == "E138"
