"""Everything that a file of proofs may say, and every way in which it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from cde_orchestrator.adapters.workflows.yaml_reader import read_document
from cde_orchestrator.domain.proofs import Proof
from cde_orchestrator.domain.proofs_file import ParsedProofs, ProofsProblem, parse_proofs

CRITERIA = ["AC1", "AC2", "AC3"]


def no_pytest(test: str) -> str | None:
    return None if ".py::" in test else "it is no Python file"


def no_go(test: str) -> str | None:
    return None if "_test.go::" in test else "it is no test file of Go"


def parsed(text: str, **options: Any) -> ParsedProofs:
    options = {"criteria": CRITERIA, "runners": {"pytest": no_pytest, "go": no_go}, **options}
    return parse_proofs(read_document("proofs.yml", text.encode()), **options)


def problems(text: str, **options: Any) -> list[ProofsProblem]:
    return list(parsed(text, **options).problems)


def only(text: str) -> ProofsProblem:
    """The problem of the first criterion, the others being in order."""
    found = problems(f"{text}\nAC2: b.py::b\nAC3: c.py::c\n")
    assert len(found) == 1, found
    assert found[0].fix
    return found[0]


def test_tests_commands_and_lists_of_them_are_proofs() -> None:
    found = parsed(
        "AC1: tests/test_pay.py::test_valid\n"
        "AC2: [tests/test_pay.py::test_a, pay_test.go::TestB]\n"
        'AC3: {command: [python, -m, shop, "--version"], contains: "2.1"}\n'
    )

    assert not found.problems
    assert found.proofs == {
        "AC1": (Proof(test="tests/test_pay.py::test_valid"),),
        "AC2": (Proof(test="tests/test_pay.py::test_a"), Proof(test="pay_test.go::TestB")),
        "AC3": (Proof(command=("python", "-m", "shop", "--version"), contains="2.1"),),
    }
    assert found.proofs["AC3"][0].id == '$ python -m shop --version contains "2.1"'


def test_no_two_proofs_have_the_same_id() -> None:
    proofs = [
        Proof(command=("shop", "fee 7")),
        Proof(command=("shop", "fee", "7")),
        Proof(command=("shop", "contains", "7")),
        Proof(command=("shop",), contains="7"),
        Proof(command=("shop", "contains", '"7"')),
        Proof(command=("shop", ' contains "7"')),
        Proof(command=("shop",), contains='7" contains "7'),
    ]

    assert len({proof.id for proof in proofs}) == len(proofs)
    assert "begins with $" in only("AC1: '$ shop.py::t'").problem


def test_a_command_need_not_say_what_its_output_contains() -> None:
    found = parsed("AC1: {command: [make, demo]}", criteria=["AC1"])

    assert found.proofs == {"AC1": (Proof(command=("make", "demo")),)}


@pytest.mark.parametrize("text", ["", "- a", "words", "3", "[]"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    (problem,) = problems(text)

    assert "no mapping" in problem.problem
    assert problem.key == ""
    assert problem.line == 1


def test_all_problems_are_found_with_their_lines() -> None:
    found = problems("AC1: []\nAC2: ../x.py::t\nAC4: a.py::t\n")

    assert [(each.line, each.key) for each in found] == [
        (1, "AC1"),
        (2, "AC2"),
        (3, "AC4"),
        (None, "AC3"),
    ]
    assert str(found[2]) == "line 3: AC4 is no criterion of the specification"
    assert str(found[3]) == "AC3 has no proof"
    assert "AC1, AC2, AC3" in found[2].fix
    assert found[3].as_dict() == {
        "key": "AC3",
        "problem": "has no proof",
        "fix": "Add the line AC3: with the id of a test that shows it",
    }


def test_a_criterion_that_a_person_waived_needs_no_proof() -> None:
    assert problems("AC1: a.py::t\nAC2: a.py::t\n", waived={"AC3"}) == []


@pytest.mark.parametrize("nothing", ["AC1:", "AC1: []", 'AC1: ""', "AC1: null"])
def test_an_empty_entry_is_no_proof(nothing: str) -> None:
    assert only(nothing).problem == "has no proof"


@pytest.mark.parametrize("entry", ["waived", "Waived", "{waived: hard}", "[{waived: true}]"])
def test_only_a_person_waives(entry: str) -> None:
    problem = only(f"AC1: {entry}")

    assert "only a person" in problem.problem
    assert "cde waive FEATURE AC1" in problem.fix


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("/etc/x.py::t", "absolute"),
        ("../x.py::t", "'..'"),
        (".cde/x.py::t", "it is in .cde"),
        ("'::t'", "names no file"),
        ("'-x.py::t'", "begins with -"),
        ('" "', "it is empty"),
        ('"a\\u202eb.py::t"', "U+202E"),
        ("x" * 1001 + ".py::t", "more than 1000 characters"),
        ("README.md", "which is no test's id for pytest: it is no Python file; go:"),
    ],
)
def test_what_is_no_test_of_the_project_is_refused(entry: str, said: str) -> None:
    assert said in only(f"AC1: {entry}").problem


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("3", "neither"),
        ("true", "neither"),
        ("[[a.py::t]]", "neither"),
        ("{contains: x}", "without command"),
        ("{command: make demo}", "no list of 1 to 100"),
        ("{command: []}", "no list of 1 to 100"),
        (f"{{command: [{'x,' * 101}]}}", "no list of 1 to 100"),
        ("{command: [make, 5]}", "not text"),
        ('{command: [make, ""]}', "empty"),
        ("{command: [make], contains: 2.1}", "not text"),
        ('{command: [make], contains: ""}', "empty"),
        ("{command: [make], shell: true}", "unknown key 'shell'"),
        ("[a.py::t, a.py::t]", "twice"),
    ],
)
def test_what_is_written_wrong_is_refused(entry: str, said: str) -> None:
    assert said in only(f"AC1: {entry}").problem


def test_what_is_read_is_bounded() -> None:
    many = ", ".join(f"a.py::t{number}" for number in range(51))
    all_of_them = "\n".join(
        f"AC{each}: [{', '.join(f'a.py::t{number}' for number in range(50))}]"
        for each in range(1, 6)
    )
    unknown = "\n".join(f"AX{number}: a.py::t" for number in range(100))

    assert "51 proofs" in only(f"AC1: [{many}]").problem
    assert (
        "more than 200 proofs"
        in problems(all_of_them, criteria=[f"AC{n}" for n in range(1, 6)])[0].problem
    )
    assert len(problems(unknown)) == 50


def test_the_ids_of_all_proofs_are_bounded_together() -> None:
    criteria = [f"AC{n}" for n in range(1, 5)]

    def file_of(length: int) -> str:
        """Ids of ``length`` characters, 64 in all, each character of two bytes but for ``::``."""
        return "".join(
            f"{criterion}: [{', '.join(f'{n:03}::'.ljust(length, 'é') for n in range(16))}]\n"
            for criterion in criteria
        )

    assert problems(file_of(514), criteria=criteria, runners={}) == []
    (problem,) = problems(file_of(515), criteria=criteria, runners={})
    assert "more than 65536 bytes in all" in problem.problem


def test_without_a_runner_any_test_of_the_project_may_be_one() -> None:
    assert problems("AC1: x::t", criteria=["AC1"], runners={}) == []


@pytest.mark.parametrize(
    ("runner", "form"),
    [
        ("pytest", "tests/test_pay.py::TestCard::test_is_charged"),
        ("node", "test/pay.test.js::card > is charged"),
        ("go", "pay/pay_test.go::TestCharged/expired"),
        ("bundle exec rspec", "path/of/its/file::name of the test"),
    ],
)
@pytest.mark.parametrize("text", ["- AC1\n", "AC1:\n", "AC1: 5\n", "AC1: ../x\n", "AC1: x::y\n"])
def test_advice_has_the_form_of_the_runner(runner: str, form: str, text: str) -> None:
    """A project without Python is advised of no test in Python."""
    runners = {runner: lambda test: "it is none"}
    found = problems(text, criteria=["AC1"], runners=runners)

    assert [each.fix for each in found if form not in each.fix] == []
    assert found
