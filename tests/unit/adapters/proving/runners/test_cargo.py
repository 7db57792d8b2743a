"""Ids of tests in Rust, the targets that they are in, and the log of their results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.cargo.ids import id_problem, is_rust_test, name_of
from cde_orchestrator.adapters.proving.runners.cargo.log import outcomes_in, printed_by
from cde_orchestrator.adapters.proving.runners.cargo.runner import absent, worst
from cde_orchestrator.adapters.proving.runners.cargo.targets import targets_in, targets_of
from cde_orchestrator.adapters.proving.runners.execution import Ended
from cde_orchestrator.domain.proofs import Outcome, TestResult

LOG = """ok pay::tests::pays
ignored: why tests::ignored_why
failed: panic did not contain expected string
      panic message: "x"
 expected substring: "y" tests::panics_wrong
ok tests::twice
failed tests::twice
ok tests::other
"""
TARGETS = [
    ("lib", "shop", "src/lib.rs", True),
    ("bin", "shop", "src/main.rs", True),
    ("bin", "admin", "src/bin/admin.rs", True),
    ("test", "it", "tests/it.rs", True),
    ("test", "more", "tests/more/main.rs", True),
    ("example", "show", "examples/show.rs", False),
    ("custom-build", "build-script-build", "build.rs", False),
]


@pytest.mark.parametrize("test", ["tests/it.rs::works", "src/pay.rs::pay::tests::pays"])
def test_an_id_is_a_file_and_a_name(test: str) -> None:
    assert id_problem(test) is None


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("tests/it.rs", "names no test"),
        ("tests/it.rs::a b", "names no test"),
        ("/tests/it.rs::works", "below the project"),
        ("tests/it.go::works", "not a file of Rust"),
        ("./tests/it.rs::works", "as short as it can be"),
    ],
)
def test_what_is_no_id_is_refused_with_a_reason(test: str, reason: str) -> None:
    assert reason in (id_problem(test) or "")


def test_tests_within_code_are_code() -> None:
    assert is_rust_test("tests/it.rs")
    assert is_rust_test("crates/pay/tests/cards.json")
    assert is_rust_test("benches/speed.rs")
    assert not is_rust_test("src/lib.rs")
    assert not is_rust_test("src/tests/pay.rs")


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("src/lib.rs::tests::adds", "tests::adds"),
        ("src/pay.rs::tests::pays", "pay::tests::pays"),
        ("src/pay.rs::pay::tests::pays", "pay::tests::pays"),
        ("src/pay/mod.rs::tests::pays", "pay::tests::pays"),
        ("crates/a/src/pay/card.rs::tests::x", "pay::card::tests::x"),
        ("src/bin/admin.rs::tests::x", "tests::x"),
        ("tests/it.rs::works", "works"),
    ],
)
def test_a_name_may_be_given_within_the_module_of_its_file(test: str, name: str) -> None:
    assert name_of(test) == name


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("src/lib.rs", [("--lib",)]),
        ("src/pay.rs", [("--lib",), ("--bin", "shop")]),
        ("src/bin/admin.rs", [("--bin", "admin")]),
        ("tests/it.rs", [("--test", "it")]),
        ("tests/more/sub.rs", [("--test", "more")]),
        ("examples/show.rs", []),
        ("other/x.rs", []),
    ],
)
def test_a_file_belongs_to_the_nearest_targets(
    tmp_path: Path, path: str, selected: list[tuple[str, ...]]
) -> None:
    stated = [
        {"kind": [kind], "name": name, "src_path": str(tmp_path / source), "test": tested}
        for kind, name, source, tested in TARGETS
    ]
    stated.append({"kind": ["lib"], "name": "far", "src_path": "/elsewhere/src/lib.rs"})
    metadata = json.dumps({"packages": [{"name": "shop", "targets": stated}]})

    targets = targets_in(metadata, tmp_path)

    assert [each.options[2:] for each in targets_of(path, targets)] == selected
    assert len(targets) == len(TARGETS) - 1


def test_a_log_has_a_result_before_each_name_and_the_worst_counts() -> None:
    names = ["pay::tests::pays", "tests::ignored_why", "tests::panics_wrong", "tests::twice", "no"]

    assert outcomes_in(LOG, names) == {
        "pay::tests::pays": "passed",
        "tests::ignored_why": "skipped",
        "tests::panics_wrong": "failed",
        "tests::twice": "failed",
    }


def test_what_a_test_printed_is_its_part_of_the_output() -> None:
    output = "x\n---- a stdout ----\nin a\n\n---- b stdout ----\nin b\n\n\nfailures:\n    a\n"

    assert printed_by(output, "a") == "in a\n"
    assert printed_by(output, "b") == "in b\n"
    assert printed_by(output, "c") == output


@pytest.mark.parametrize(
    ("tail", "is_built", "is_alone", "outcome", "at_load"),
    [
        ("error[E0425]", False, True, "error", True),
        ("\nrunning 0 tests\n\ntest result: ok. 0 passed", True, True, "missing", False),
        ("\nrunning 1 test\nabort", True, True, "failed", False),
        ("\nrunning 2 tests\nabort", True, False, "error", True),
    ],
)
def test_a_test_without_a_result_is_seen_by_how_the_run_ended(
    tail: str, outcome: str, *, is_built: bool, is_alone: bool, at_load: bool
) -> None:
    result = absent(Ended(101, tail), is_built=is_built, is_alone=is_alone)

    assert (result.outcome, result.at_load) == (outcome, at_load)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (None, "missing", "missing"),
        ("missing", "passed", "passed"),
        ("passed", "missing", "passed"),
        ("passed", "failed", "failed"),
        ("failed", "passed", "failed"),
    ],
)
def test_of_two_targets_the_one_with_the_test_and_the_worse_result_counts(
    one: Outcome | None, other: Outcome, expected: Outcome
) -> None:
    first = None if one is None else TestResult(outcome=one)

    assert worst(first, TestResult(outcome=other)).outcome == expected
