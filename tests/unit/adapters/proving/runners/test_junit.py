"""A test is found in the file of whatever runner wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.application.ports.proving import TestRun, TestRunner
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proofs import TestResult

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


def tried(copy: Path, script: str) -> TestRun:
    """A run of a script that is asked for no test of its own."""
    (copy / "spec").mkdir()
    (copy / "spec" / "pay_spec.rb").write_text("")
    return runner_of("sh", "-c", script).run(copy, copy, (), 60.0, None)


def test_all_that_a_runner_finds_is_seen_when_it_is_tried(tmp_path: Path) -> None:
    red = '<testcase file="spec/pay_spec.rb" name="pays"><failure/></testcase>'
    green = '<testcase file="spec/pay_spec.rb" name="{}"/>'
    cases = [red, *map(green.format, ("pays", "asks")), green.format("pays")]
    run = tried(tmp_path, f"echo '<testsuite>{''.join(cases)}</testsuite>' > out.xml; exit 1")

    outcomes = {name: each.outcome for name, each in run.results.items()}
    assert outcomes == {"spec/pay_spec.rb::pays": "failed", "spec/pay_spec.rb::asks": "passed"}


@pytest.mark.parametrize(
    "report",
    [
        "<testsuite/>",
        '<testcase classname="pay_spec" name="pays"/>',
        '<testcase file="./spec/pay_spec.rb" name="pays"/>',
    ],
)
def test_a_report_of_no_test_or_by_classes_may_be_right(tmp_path: Path, report: str) -> None:
    assert tried(tmp_path, f"echo '{report}' > out.xml").tail == ""


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo no such suite; exit 3", "it ended with exit code 3, and out.xml cannot be read"),
        ("exit 127", "it ended with exit code 127: it printed nothing"),
        ("echo '<testsuite' > out.xml", "out.xml cannot be read"),
        ("echo '<!DOCTYPE a><testsuite/>' > out.xml", "it has a document type"),
        ("mkdir out.xml", "out.xml cannot be read"),
        (
            """echo '<testcase file="tests/pay.rb" name="pays"/>' > out.xml""",
            "out.xml has tests/pay.rb, and no test of a file that is matched by spec/**",
        ),
        (
            """echo '<testcase classname="other" name="pays"/>' > out.xml""",
            "out.xml has other, and no test of a file that is matched by spec/**",
        ),
    ],
)
def test_what_would_prove_nothing_is_seen_when_it_is_tried(
    tmp_path: Path, script: str, reason: str
) -> None:
    with pytest.raises(FeatureError) as refused:
        tried(tmp_path, script)

    assert refused.value.code == "E137"
    assert reason in refused.value.context["reason"]


def test_what_is_read_is_a_part_of_what_a_person_trusts() -> None:
    assert runner_of("./run").reads == ("out.xml", "spec/**")
