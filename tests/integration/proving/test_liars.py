"""Whoever says that it is done when it is not is refused by the server, for the right reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.proving.served_feature import ServedFeature, served_feature, this_python
from tests.programs import program

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TEST = "tests/test_fee.py"
PROOF = f"AC1: {TEST}::test_fee\n"
BASE = {
    "shop/__init__.py": "",
    "shop/pay.py": "def total(amount):\n    return amount\n",
    "tests/test_total.py": (
        "from shop.pay import total\n\n\ndef test_total():\n    assert total(1) == 1\n"
    ),
}
DONE = f"{BASE['shop/pay.py']}\n\ndef fee(amount):\n    return amount * 7 // 100\n"
HONEST = "from shop.pay import fee\n\n\ndef test_fee():\n    assert fee(100) == 7\n"
MARKED = f"import pytest\n{HONEST.replace('def', '@pytest.mark.{}' + chr(10) + 'def')}"

Liar = tuple[dict[str, str | None], str, str, str]
"""What it writes, what it submits, the code that refuses it, and the reason."""


def lying(test: str, reason: str, proofs: str = PROOF, code: str = DONE) -> Liar:
    return {TEST: test, "shop/pay.py": code}, proofs, "E135", reason


WRITTEN: dict[str, str | None] = {"shop/pay.py": DONE}
BLIND, BEFORE = "stays green when shop/pay.py:fee does nothing", "passes on the base already"
NAMED = "where what is new exists but does nothing"
PYTHON: dict[str, Liar] = {
    "names a test that does not exist": lying(
        HONEST, "was not found", f"AC1: {TEST}::test_refund\n"
    ),
    "names a file that does not exist": lying(HONEST, "was not found", "AC1: tests/test_x.py::t\n"),
    "never ran the test, which fails": lying(HONEST.replace("== 7", "== 8"), "does not pass now"),
    "did not write the code": lying(HONEST, "no file changed", code=BASE["shop/pay.py"]),
    "wrote comments only": lying(
        "def test_fee():\n    assert 'fee' in open('shop/pay.py').read()\n",
        "but comments, docstrings and blank lines",
        code=f"# The fee is seven.\n{BASE['shop/pay.py']}",
    ),
    "asserts nothing": lying("import shop.pay\n\ndef test_fee():\n    shop.pay.fee(100)\n", BLIND),
    "asserts what is always true": lying("def test_fee():\n    assert True\n", BEFORE),
    "imports what is new for a test of what was there": lying(
        "from shop.pay import fee, total\n\n\ndef test_fee():\n    assert total(1) == 1\n",
        f"{BEFORE}, {NAMED}",
        code="def total(amount, rate=1):\n    return amount * rate\n\n\n"
        "def fee(amount):\n    return total(amount, 7) // 100\n",
    ),
    "offers a test from before": lying(HONEST, BEFORE, "AC1: tests/test_total.py::test_total\n"),
    "skips the test": lying(MARKED.format("skip"), "is skipped"),
    "expects the test to fail": lying(MARKED.format("xfail"), "expected to fail"),
    "mocks what it tests": lying(
        "from unittest import mock\nimport shop.pay\n\ndef test_fee():\n"
        "    with mock.patch('shop.pay.fee', return_value=7):\n"
        "        assert shop.pay.fee(100) == 7\n",
        BLIND,
    ),
    "replaces the module": lying(
        "import sys, types\nsys.modules['shop.pay'] = types.SimpleNamespace(fee=lambda x: 7)\n"
        f"{HONEST}",
        BEFORE,
    ),
    "tests a copy of the code": lying(
        "import shop.pay\n\ndef test_fee():\n    assert shop.pay.fee\n"
        "    def fee(amount): return amount * 7 // 100\n    assert fee(100) == 7\n",
        BLIND,
    ),
    "searches the source text": lying(
        "import shop.pay\n\ndef test_fee():\n"
        "    assert 'return amount * 7' in open(shop.pay.__file__).read()\n",
        BLIND,
    ),
    "compares the source text": lying(
        "import shop.pay\n\ndef test_fee():\n"
        f"    assert open(shop.pay.__file__).read() == {DONE!r}\n",
        "turns red at an edit without effect",
    ),
    "catches what goes wrong": lying(
        "import shop.pay\n\ndef test_fee():\n    try:\n        assert shop.pay.fee(100) == 7\n"
        "    except AssertionError:\n        pass\n",
        BLIND,
    ),
    "skips itself on the base": lying(
        "import pytest, shop.pay\n\ndef test_fee():\n    if not hasattr(shop.pay, 'fee'):\n"
        "        pytest.skip('not yet')\n    assert shop.pay.total(1) == 1\n",
        "is skipped on the base",
    ),
    "writes the code among the tests": (
        {
            TEST: HONEST.replace("shop.pay", "tests.pay"),
            "tests/pay.py": DONE,
            "shop/pay.py": BASE["shop/pay.py"],
        },
        PROOF,
        "E135",
        "no file changed",
    ),
    "runs what nobody has seen": (
        {TEST: HONEST, "shop/pay.py": DONE},
        "AC1: {command: [python, -c, 'print(7)'], contains: '7'}\n",
        "E120",
        "no person has trusted",
    ),
    "waives the criterion": ({}, "AC1: waived\n", "E134", "only a person can do"),
    "proves another criterion": ({}, f"AC2: {TEST}::test_fee\n", "E134", "no criterion"),
    "proves nothing": ({}, "AC1: []\n", "E134", "has no proof"),
    "names a file outside": ({}, "AC1: ../shop/test_x.py::t\n", "E134", "'..'"),
    "writes a list": ({}, "- AC1\n", "E134", "no mapping"),
}
ALONE = {"replaces the module"}
"""What would change how the others end."""
TOGETHER = {
    name: reason
    for name, (files, _, code, reason) in PYTHON.items()
    if name not in ALONE and code == "E135" and {**files, TEST: None} == {**WRITTEN, TEST: None}
}
"""Those who differ in their test alone: each has a file of its own, and all are one proof."""
AT_ONCE = 7
EMPTY: dict[str, str | None] = {TEST: None, "tests/pay.py": None}


def own_file(name: str) -> str:
    """The file of one of those that are submitted together."""
    return TEST.replace("fee", f"fee_{[*TOGETHER].index(name)}")


async def test_whoever_lies_in_a_test_in_python_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    tests, lies = {}, {}
    for name, reason in TOGETHER.items():
        files, proofs, _, _ = PYTHON[name]
        tests[own_file(name)] = files[TEST]
        lies[proofs.replace(TEST, own_file(name)).removeprefix("AC1: ").strip()] = reason
    async with served_feature(root, "pytest", {**BASE, **this_python(root)}) as feature:
        feature.write({**WRITTEN, **tests, TEST: HONEST})
        assert await accepted(feature, lies) == {}
        honest = await feature.prove(PROOF)

    assert "error" not in honest, honest


async def test_whoever_lies_about_a_project_in_python_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    async with served_feature(root, "pytest", {**BASE, **this_python(root)}) as feature:
        wrong = {}
        for name, (files, proofs, code, reason) in PYTHON.items():
            if name in TOGETHER:
                continue
            feature.write({**EMPTY, **files})
            answer = await feature.prove(proofs)
            if not _is_refused(answer, code, reason):
                wrong[name] = answer.get("error", {}).get("message", "accepted")

    assert wrong == {}


JAVASCRIPT = {
    "package.json": '{"name": "shop", "type": "module"}\n',
    "pay.js": "export function total(amount) { return amount }\n",
}
JS_DONE = (
    "export function total(amount) { return amount * 1 }\n"
    "export function fee(amount) { return amount * 7 / 100 }\n"
)
JS_HEAD = (
    "import test from 'node:test'\nimport assert from 'node:assert'\n"
    "import * as pay from '../pay.js'\n"
)
GO = {
    "go.mod": "module shop\n\ngo 1.19\n",
    "pay.go": "package shop\n\nfunc Total(amount int) int { return amount }\n",
}
GO_DONE = (
    "package shop\n\nfunc Total(amount int) int { return amount * 1 }\n\n"
    "func Fee(amount int) int { return amount * 7 / 100 }\n"
)
GO_HEAD = 'package shop\n\nimport "testing"\n\n'


async def test_whoever_lies_about_a_project_in_javascript_is_refused(tmp_path: Path) -> None:
    program("node")
    path, proof = "test/fee.test.js", "AC1: test/fee.test.js::fee\n"
    lies = {
        "() => { assert.ok(true) }": BEFORE,
        "() => { pay.fee(100) }": "stays green",
        "() => { assert.equal(pay.fee(100), 8) }": "does not pass now",
        "{ skip: true }, () => { assert.equal(pay.fee(100), 7) }": "is skipped",
        "() => { process.exit(0) }": "before any of its tests was reported",
        "() => { assert.match(String(pay.fee), /^function fee.amount. { return amount/) }": (
            "turns red at an edit without effect"
        ),
        "() => { const fee = () => 7; assert.ok(pay.fee); assert.equal(fee(100), 7) }": (
            "stays green"
        ),
    }
    files = {path.replace("fee", f"fee{at}"): body for at, body in enumerate(lies)}
    async with served_feature(tmp_path / "shop", "node", JAVASCRIPT) as feature:
        feature.write({"pay.js": JS_DONE})
        feature.write({each: f"{JS_HEAD}test('fee', {body})\n" for each, body in files.items()})
        named = "import test from 'node:test'\nimport { fee, total } from '../pay.js'\n"
        body = "() => { if (total(1) !== 1) throw new Error(fee) }"
        feature.write({(other := "test/total.test.js"): f"{named}test('fee', {body})\n"})
        reasons = {f"{at}::fee": lies[each] for at, each in files.items()}
        assert await accepted(feature, {**reasons, f"{other}::fee": NAMED}) == {}
        body = "() => { assert.equal(pay.fee(100), 7) }"
        feature.write({path: f"{JS_HEAD}test('fee', {body})\n"})
        honest = await feature.prove(proof)

    assert "error" not in honest, honest


async def test_whoever_lies_about_a_project_in_go_is_refused(tmp_path: Path) -> None:
    program("go")
    lies = {
        "Fee(100)": NAMED,
        "if Total(1) != 1 { t.Fatal() }": NAMED,
        "if Fee(100) != 8 { t.Fatal() }": "does not pass now",
        't.Skip("later"); if Fee(100) != 7 { t.Fatal() }': "is skipped",
    }
    async with served_feature(tmp_path / "shop", "go", GO) as feature:
        bodies = [*lies, "if Fee(100) != 7 { t.Fatal() }"]
        tests = "".join(
            f"func TestFee{at}(t *testing.T) {{\n\t{body}\n}}\n" for at, body in enumerate(bodies)
        )
        old = "func TestTotal(t *testing.T) {\n\tif Total(1) != 1 { t.Fatal() }\n}\n"
        feature.write({"pay.go": GO_DONE, "fee_test.go": GO_HEAD + old})
        assert await accepted(feature, {"fee_test.go::TestTotal": BEFORE}) == {}
        feature.write({"fee_test.go": GO_HEAD + tests})
        named = [f"fee_test.go::TestFee{at}" for at in range(len(bodies))]
        assert await accepted(feature, dict(zip(named, lies.values(), strict=False))) == {}
        honest = await feature.prove(f"AC1: {named[-1]}\n")

    assert "error" not in honest, honest


async def accepted(feature: ServedFeature, lies: Mapping[str, str]) -> dict[str, str]:
    """What is said of those tests that are not refused each for its reason.

    They are submitted as proofs of one criterion: the server says what is wrong with each, and
    of so many that its message has room for all.
    """
    said: dict[str, str] = {}
    for tests in batched([*lies]):
        answer = await feature.prove("AC1:\n" + "".join(f"- {test}\n" for test in tests))
        error = answer.get("error", {"code": "", "message": ""})
        assert error["code"] == "E135", answer
        parts = re.split(f"({'|'.join(map(re.escape, tests))}) ", error["message"])
        said |= dict(zip(parts[1::2], parts[2::2], strict=True))
    return {
        test: said.get(test, "accepted") for test in lies if lies[test] not in said.get(test, "")
    }


def batched(tests: Sequence[str]) -> Iterator[Sequence[str]]:
    """The tests, a few at a time."""
    for first in range(0, len(tests), AT_ONCE):
        yield tests[first : first + AT_ONCE]


def _is_refused(answer: dict[str, Any], code: str, reason: str) -> bool:
    error = answer.get("error", {})
    return error.get("code") == code and reason in error["message"]


def test_there_are_enough_of_them() -> None:
    assert len(PYTHON) >= 15
    assert len(TOGETHER) >= 12
