"""A test is found in the file of whatever runner wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.application.checks.trial_words import ended
from cde_orchestrator.application.ports.proving import TestRunner
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proofs import TestResult
from cde_orchestrator.domain.trial import Trial
from tests.fakes import NOON

JAVA = "<t><testcase classname='org.shop.PayTest' name='charges'/></t>"
CASES = "<t><testcase classname='org.shop.PayTest' name='charges(int)[1]'/></t>"
PYTEST = "<t><testcase classname='tests.test_pay.TestCard' name='test_x[a]'/></t>"
OLD_PYTEST = "<t><testcase file='tests/test_pay.py' classname='x' name='test_x'/></t>"
GO = "<t><testcase classname='example.com/shop/pay' name='TestCharge'/></t>"
JEST = "<t><testcase file='/COPY/pay.test.js' classname='pay' name='pay charges'/></t>"
MOCHA = "<t><testsuite file='./pay.test.js'><testcase name='charges'/></testsuite></t>"
PHP = "<t><testcase class='PayTest' classname='PayTest' name='testCharge'/></t>"
RSPEC = "<t><testcase file='./spec/pay_spec.rb' classname='spec.pay' name='charges'/></t>"
FOUND = [
    (JAVA, "src/test/java/org/shop/PayTest.java::charges"),
    (CASES, "src/test/java/org/shop/PayTest.java::charges"),
    (PYTEST, "tests/test_pay.py::test_x"),
    (PYTEST, "tests/test_pay.py::TestCard::test_x"),
    (OLD_PYTEST, "tests/test_pay.py::test_x"),
    (GO, "pay/pay_test.go::TestCharge"),
    (JEST, "pay.test.js::pay charges"),
    (JEST, "pay.test.js::pay::charges"),
    (MOCHA, "pay.test.js::charges"),
    (PHP, "tests/PayTest.php::testCharge"),
    (RSPEC, "spec/pay_spec.rb::charges"),
]
OTHERS = [
    (JAVA, "src/test/java/org/bank/PayTest.java::charges"),
    (JAVA, "src/test/java/org/shop/PayTest.java::charge"),
    (PYTEST, "tests/test_pay.py::TestBill::test_x"),
    (PYTEST, "tests/test_pays.py::test_x"),
    (PYTEST, "other/test_pay.py::test_x"),
    (OLD_PYTEST, "test_pay.py::test_x"),
    (GO, "bill/pay_test.go::TestCharge"),
    (JEST, "bill.test.js::pay charges"),
]


def result(folder: Path, report: str, test: str) -> TestResult:
    (folder / "given.xml").write_text(report.replace("/COPY", str(folder)), encoding="utf-8")
    table = {"command": ["cp", "given.xml", "out.xml"], "junit": "out.xml", "tests": ["**"]}
    [runner] = InstalledRunners().named(folder, table)
    return runner.run(folder, folder, [test], 60.0, None).results[test]


@pytest.mark.parametrize(("report", "test"), FOUND)
def test_a_test_is_found(tmp_path: Path, report: str, test: str) -> None:
    assert result(tmp_path, report, test).passed
    failed = report.replace("'/>", "'><failure message='1 is not 2'/></testcase>")

    assert result(tmp_path, failed, test) == TestResult(outcome="failed", detail="1 is not 2")


@pytest.mark.parametrize(("report", "test"), OTHERS)
def test_another_one_is_not_taken_for_it(tmp_path: Path, report: str, test: str) -> None:
    assert result(tmp_path, report, test).outcome == "missing"


def runner_of(*command: str) -> TestRunner:
    table = {"command": command, "junit": "out.xml", "tests": ["spec/**"]}
    [runner] = InstalledRunners().named(Path(), table)
    return runner


@pytest.mark.parametrize("command", ["no-such-program", "./no-such-script"])
def test_a_program_that_is_missing_is_found_out_before_a_run(tmp_path: Path, command: str) -> None:
    with pytest.raises(FeatureError) as refused:
        runner_of(command).version(tmp_path)

    assert refused.value.code == "E137"
    assert refused.value.context["reason"] == f"there is no program {command}"


def test_a_program_that_was_not_run_is_not_said_to_work(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o755)
    says = runner_of("./run").version(tmp_path)
    trial = Trial(at=NOON, kind="runner", command=("./run",), outcome="passed", says=says)

    assert ended(trial) == "is first run when criteria are proven; its program is there"


def test_what_is_read_is_a_part_of_what_a_person_trusts() -> None:
    assert runner_of("./run").reads == ("out.xml", "spec/**")
