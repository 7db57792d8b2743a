"""Ids of tests in Go, and what ``go test -json`` reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.execution import Ended
from cde_orchestrator.adapters.proving.runners.go.events import LINE_BYTES, GoEvents
from cde_orchestrator.adapters.proving.runners.go.ids import (
    id_problem,
    is_go_test,
    name_of,
    pattern_of,
)
from cde_orchestrator.adapters.proving.runners.go.runner import absence, module_of, package_of

ENDED = Ended(1, "the end\n")


@pytest.mark.parametrize(
    "test",
    [
        "pay_test.go::TestPay",
        "a/b_test.go::TestX/a case/1",
        "x_test.go::ExampleX",
        "x_test.go::FuzzX",
    ],
)
def test_an_id_is_a_file_and_a_test(test: str) -> None:
    assert id_problem(test) is None


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("pay_test.go", "names no test"),
        ("pay_test.go::BenchmarkPay", "names no test"),
        ("pay_test.go::Testpay", "names no test"),
        ("/pay_test.go::TestPay", "below the project"),
        ("a/../pay_test.go::TestPay", "below the project"),
        ("pay.go::TestPay", "_test.go"),
        ("./pay_test.go::TestPay", "as short as it can be"),
    ],
)
def test_what_is_no_id_is_refused_with_a_reason(test: str, reason: str) -> None:
    assert reason in (id_problem(test) or "")


def test_files_of_tests_are_known_by_their_names() -> None:
    assert is_go_test("pay/pay_test.go")
    assert is_go_test("pay/testdata/card.json")
    assert not is_go_test("pay/pay.go")
    assert not is_go_test("test/pay.go")


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["TestA"], "^(TestA)$"),
        (["TestA", "TestB/c", "TestA"], "^(TestA|TestB)$"),
        (["TestA/b", "TestA/c.d(e)/f"], r"^(TestA)$/^(b|c\.d\(e\))$"),
    ],
)
def test_tests_are_selected_as_far_as_all_have_a_part(names: list[str], pattern: str) -> None:
    assert pattern_of(names) == pattern
    assert name_of("a_test.go::TestA/two words") == "TestA/two_words"


def events(*rows: dict[str, str] | str) -> GoEvents:
    taken = GoEvents()
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    data = "".join(line + "\n" for line in lines).encode()
    for start in range(0, len(data), 7):
        taken.add(data[start : start + 7])
    return taken


def event(action: str, test: str = "", output: str = "", package: str = "p") -> dict[str, str]:
    row = {"Action": action, "Package": package, "Test": test, "Output": output}
    return {name: text for name, text in row.items() if text}


def test_a_test_ends_as_its_events_say_the_worst_first() -> None:
    taken = events(
        event("run", "TestA"),
        event("pass", "TestA"),
        event("output", "TestA", "sorry\n"),
        event("fail", "TestA"),
        event("run", "TestB"),
        event("skip", "TestB"),
        event("run", "TestC"),
        event("pass", "TestC"),
        event("pass", "TestGhost"),
        event("fail"),
    )

    outcomes = {name: taken.result("p", name, ENDED) for name in ("TestA", "TestB", "TestC")}

    assert [each.outcome for each in outcomes.values()] == ["failed", "skipped", "passed"]
    assert outcomes["TestA"].detail == "sorry\n"
    assert taken.result("p", "TestGhost", ENDED).outcome == "error"
    assert taken.may_run_later("p", "TestGhost")
    assert not taken.may_run_later("p", "TestA")


def test_a_test_that_did_not_end_failed() -> None:
    taken = events(event("run", "TestA"), event("output", "TestA", "fatal error\n"))

    assert taken.result("p", "TestA", ENDED).outcome == "failed"
    assert "fatal error" in taken.result("p", "TestA", ENDED).detail


def test_a_test_within_one_that_failed_before_it_failed_with_it() -> None:
    taken = events(event("run", "TestA"), event("fail", "TestA"), event("run", "TestB"))
    taken.add(b'{"Action":"pass","Package":"p","Test":"TestB"}\n{"Action":"pass","Package":"p"}\n')

    assert taken.result("p", "TestA/b/c", ENDED).outcome == "failed"
    assert taken.result("p", "TestB/b", ENDED).outcome == "missing"


@pytest.mark.parametrize(
    "rows",
    [
        ["# p [p.test]", "a_test.go:3:33: undefined: x", "FAIL\tp [build failed]"],
        [
            {"ImportPath": "p [p.test]", "Action": "build-output", "Output": "undefined: x\n"},
            {"ImportPath": "p [p.test]", "Action": "build-fail"},
            {"Action": "start", "Package": "p"},
            {"Action": "fail", "Package": "p", "FailedBuild": "p [p.test]"},
        ],
        ["{not JSON: undefined: x"],
    ],
)
def test_what_cannot_be_compiled_is_red_at_load(rows: list[dict[str, str] | str]) -> None:
    taken = events(*rows)

    result = taken.result("p", "TestA", ENDED)

    assert (result.outcome, result.at_load) == ("error", True)
    assert "undefined: x" in result.detail
    assert not taken.may_run_later("p", "TestA")


def test_a_line_without_an_end_is_bounded_and_what_is_printed_is_shown() -> None:
    taken = GoEvents()

    assert taken.add(b"x" * (3 * LINE_BYTES)) == b""
    assert len(taken.add(b"\n")) == LINE_BYTES + 1
    assert taken.add(b'{"Action":"output","Package":"p","Output":"ok\\n"}\n') == b"ok\n"
    assert GoEvents().result("p", "TestA", ENDED).detail == ENDED.tail


def test_a_test_is_searched_for_in_its_file_and_module(tmp_path: Path) -> None:
    (tmp_path / "sub/pay").mkdir(parents=True)
    (tmp_path / "sub/go.mod").write_text("module example.com/sub\n")
    (tmp_path / "sub/pay/pay_test.go").write_text("func TestPay(t *testing.T) {}\n")
    (tmp_path / "top_test.go").write_text("// func TestPay(\n")
    test = "sub/pay/pay_test.go::TestPay/case"

    assert absence(tmp_path, test) is None
    assert "TestPay" in (absence(tmp_path, "sub/pay/pay_test.go::TestPray") or "")
    assert absence(tmp_path, "top_test.go::TestPay")
    assert absence(tmp_path, "none_test.go::TestPay") == "there is no file none_test.go"
    assert (module_of(tmp_path, test), package_of("sub", test)) == ("sub", "pay")
    assert module_of(tmp_path, "top_test.go::TestPay") is None
    assert package_of(".", "top_test.go::TestPay") == "."
