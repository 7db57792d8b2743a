"""JUnit files of many programs are read, and no hostile one does harm."""

from __future__ import annotations

import pytest

from cde_orchestrator.adapters.proving.runners.junit_file import JUnitError, cases_of

MANY = """<?xml version="1.0"?>
<testsuites>
 <testsuite name="root" file="spec/pay_spec.js">
  <testcase name="pays" classname="Pay"/>
  <testcase name="fails"><failure message="1 is not 2">at line 3</failure></testcase>
  <testcase name="breaks" classname="Pay"><error message="no card"/></testcase>
  <testcase name="waits" classname="Pay"><skipped/></testcase>
 </testsuite>
 <testsuite name="other">
  <testcase name="prints"><system-out>failure</system-out></testcase>
 </testsuite>
</testsuites>"""


def test_tests_are_read_with_what_became_of_them() -> None:
    cases = cases_of(MANY.encode())

    assert [(case.name, case.outcome) for case in cases] == [
        ("pays", "passed"),
        ("fails", "failed"),
        ("breaks", "error"),
        ("waits", "skipped"),
        ("prints", "passed"),
    ]
    assert [case.file for case in cases] == ["spec/pay_spec.js"] * 4 + [""]
    assert cases[1].detail == "1 is not 2\nat line 3"


def test_a_failure_is_not_hidden_by_what_follows() -> None:
    text = "<testcase name='x'><failure/><skipped/><error/></testcase>"

    assert cases_of(text.encode())[0].outcome == "failed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<testsuite>",
        "no XML",
        "<!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c '&a;&a;'>]><testcase name='&c;'/>",
        "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><testcase/>",
        "<x>" * 200 + "</x>" * 200,
    ],
)
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(JUnitError):
        cases_of(text.encode())


def test_a_long_detail_is_cut() -> None:
    text = "<testcase name='x'><failure>" + "<b/>x" * 100_000 + "</failure></testcase>"

    assert len(cases_of(text.encode())[0].detail) <= 20_000
