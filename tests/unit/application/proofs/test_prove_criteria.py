"""What proves a criterion, what does not and why, in how many runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.application.proofs.prove_criteria import (
    COVERED_LIMIT,
    Claim,
    Prover,
)
from cde_orchestrator.application.proofs.workflow_runners import command_lines
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proof_rules import RUNS_LIMIT
from cde_orchestrator.domain.proofs import Proof, ProofEvidence, ProofSeen
from cde_orchestrator.testing import ManualClock
from tests.fakes import NOON, ROOT
from tests.proving_fakes import (
    MemoryCopies,
    MemoryCopy,
    MemoryTrees,
    NotLoadedError,
    SkippedError,
    Test,
    TinyKnockOuts,
    TinyRunner,
    TinyRunners,
)

BASE = {"src/pay": "old = 1\nshared = 1\n", "README": "shop", "tests/old.t": "unloaded"}
WORK = {**BASE, "src/pay": "old = 1\nshared = 1\nfee = 7\n", "tests/pay.t": ""}
FEE = "tests/pay.t::fee"


def gives(name: str, value: str) -> Test:
    """A test that a function gives a value."""

    def test(copy: MemoryCopy) -> None:
        assert copy.values().get(name) == value, f"{name} gives {copy.values().get(name)}"

    return test


def is_there(copy: MemoryCopy) -> None:
    """A test that the function exists."""
    assert "fee" in copy.values()


def skips(copy: MemoryCopy) -> None:
    """A test that skips itself."""
    raise SkippedError("no network")


class Bench:
    """A project at two moments, its tests, and what was printed."""

    def __init__(
        self,
        tests: Mapping[str, Test],
        work: Mapping[str, str] = WORK,
        base: Mapping[str, str] = BASE,
    ) -> None:
        self.trees = MemoryTrees()
        self.copies = MemoryCopies(self.trees)
        self.runner = TinyRunner(self.copies, dict(tests))
        self.other = TinyRunner(self.copies, dict(tests), "other", ("other",), ".o")
        self.commands = TinyRunner(self.copies, dict(tests), "commands", ())
        self.base, self.now = self.trees.add(base), self.trees.add(work)
        self.printed: list[str] = []
        self.prover = Prover(
            root=ROOT,
            trees=self.trees,
            copies=self.copies,
            knock_outs=TinyKnockOuts(),
            runners=TinyRunners([self.runner, self.other], self.commands),
            runner=["tiny", "other"],
            clock=ManualClock(NOON),
            watch=self.printed.append,
            repeated=0,
        )

    def examine(self, *tests: str | Proof, **options: Any) -> ProofEvidence:
        """What is seen of a criterion with these proofs."""
        return self.prover.examine(claim(*tests, **options), self.base, self.now)

    def only(self, test: str | Proof = FEE, **options: Any) -> ProofSeen:
        """What is seen of one proof."""
        return self.examine(test, **options).criteria[0].proofs[0]

    @property
    def runs(self) -> int:
        """How often the busiest runner was started."""
        return max(len(each.asked) for each in (self.runner, self.other, self.commands))


def claim(*tests: str | Proof, **options: Any) -> Claim:
    """The claim that AC1 is shown by these proofs."""
    proofs = [Proof(test=each) if isinstance(each, str) else each for each in tests]
    known: dict[str, Any] = {
        "feature": "fees",
        "phase": "test",
        "criteria": [Criterion("AC1", "It charges the fee", 3)],
        "proofs": {"AC1": proofs},
        "seconds": 600.0,
    }
    return Claim(**{**known, **options})


def test_a_test_that_sees_what_is_new_proves() -> None:
    bench = Bench({FEE: gives("fee", "7")})

    evidence = bench.prover.require(claim(FEE), bench.base, bench.now)

    assert evidence.is_proof
    assert evidence.criteria[0].proofs == (
        ProofSeen(
            id=FEE,
            now="passed",
            base="failed",
            control="passed",
            knocked_out="failed",
            sees=("src/pay:fee",),
        ),
    )
    assert (evidence.runs, bench.runs) == (4, 4)
    assert evidence.places == ("src/pay:fee",)
    assert evidence.commands == (("tiny", "test"),)
    assert set(evidence.versions) == {"tiny", "cde-orchestrator"}
    assert list(evidence.covered) == ["src/pay", "tests/pay.t"]
    assert (evidence.tree, evidence.base_tree) == (bench.now.id, bench.base.id)
    assert bench.copies.open == {}


def test_criteria_proofs_and_tests_are_covered_before_code() -> None:
    many = {f"a/{number:04}.ini": f"x = {number}\n" for number in range(COVERED_LIMIT + 1)}
    spec, proofs = "specs/fees/spec.md", "specs/fees/proofs.yml"
    work = {**WORK, **many, spec: "AC1", proofs: "AC1"}
    bench = Bench({FEE: gives("fee", "7")}, work=work)

    covered = bench.examine(FEE, covered=(spec, proofs)).covered

    assert len(covered) == COVERED_LIMIT
    assert {spec, proofs, "tests/pay.t"} <= covered.keys()
    assert list(covered) == sorted(covered)


def test_each_run_is_announced_with_the_bounds() -> None:
    bench = Bench({FEE: gives("fee", "7")})

    bench.only()

    assert bench.printed[0] == "run 1 of at most 8, 600 s left: 1 proof as the work is\n"
    assert bench.printed[1] == "1 passed\n"
    assert bench.printed[-2:] == [
        "run 4 of at most 8, 600 s left: 1 proof with the changed functions doing nothing\n",
        "none passed, 1 did not\n",
    ]


def test_nobody_need_watch() -> None:
    bench = Bench({FEE: gives("fee", "7")})
    bench.prover = replace(bench.prover, watch=None)

    assert bench.only().proves


def test_a_value_that_equals_nothing_is_distinguished_from_another() -> None:
    work = {**WORK, "src/pay": "old = 1\nshared = 1\nfee = nothing\n"}
    bench = Bench({FEE: gives("fee", "nothing")}, work)

    assert bench.only().proves
    assert bench.runs == 5


def test_a_test_that_passes_on_the_base_proves_nothing() -> None:
    bench = Bench({FEE: gives("old", "1")})

    seen = bench.only()

    assert seen.base == "passed"
    assert "passes on the base already" in seen.reason


def as_loaded(test: Test) -> Test:
    """A test in a file that cannot be loaded where there is no ``fee``."""

    def loaded(copy: MemoryCopy) -> None:
        if "fee" not in copy.values():
            raise NotLoadedError("ImportError: cannot import name 'fee' from 'pay' (/tmp/pay)")
        test(copy)

    return loaded


def has_old(copy: MemoryCopy) -> None:
    """A test of what was there, in a function that has changed."""
    assert copy.values()["old"] in {"1", "2"}


def test_a_test_that_cannot_be_loaded_on_the_base_is_asked_there_with_new_names() -> None:
    work = {**WORK, "src/pay": "old = 2\nshared = 1\nfee = 7\n"}
    other = "tests/pay.t::other"
    bench = Bench({FEE: as_loaded(gives("fee", "7")), other: as_loaded(has_old)}, work)

    honest, lying = bench.examine(FEE, other).criteria[0].proofs

    assert (honest.proves, honest.base) == (True, "failed")
    assert lying.base == "passed"
    assert lying.reason.startswith("passes on the base already, where what is new exists but does")


def test_a_right_answer_that_is_nothing_is_distinguished_on_the_base_too() -> None:
    work = {**WORK, "src/pay": "old = 1\nshared = 1\nfee = nothing\n"}

    seen = Bench({FEE: as_loaded(gives("fee", "nothing"))}, work).only()

    assert (seen.proves, seen.base) == (True, "failed")


def test_a_test_that_can_be_loaded_on_the_base_is_not_asked_there_again() -> None:
    work = {**WORK, "src/pay": "old = 2\nfee = 7\n"}
    other = "tests/pay.t::other"
    bench = Bench({FEE: as_loaded(gives("fee", "7")), other: gives("old", "2")}, work)

    assert bench.examine(FEE, other).is_proof
    assert bench.runner.asked[:3] == [[FEE, other], [FEE, other], [FEE]]


def test_a_test_that_cannot_be_loaded_on_any_base_proves_and_that_is_said() -> None:
    bench = Bench({FEE: as_loaded(gives("fee", "7"))})
    bench.prover = _with(bench.prover, _WithoutNames())

    evidence = bench.examine(FEE)

    assert (evidence.is_proof, evidence.runs) == (True, 4)
    assert evidence.criteria[0].proofs[0].base == "error"
    why = "loading fails, cannot import name 'fee'"
    shown = "that it fails without the change is shown by what was knocked out alone"
    assert evidence.notes == (f"on the base {FEE} could not be run: {why}; {shown}",)


def test_a_test_that_cannot_be_loaded_with_new_names_either_proves_and_that_is_said() -> None:
    def test(copy: MemoryCopy) -> None:
        if copy.values().get("fee", "nothing") == "nothing":
            raise NotLoadedError("broken")
        has_old(copy)

    work = {**WORK, "src/pay": "old = 2\nshared = 1\nfee = 7\n"}
    evidence = Bench({FEE: test}, work).examine(FEE)

    assert evidence.runs == 6
    assert "could not be run: loading fails; that" in evidence.notes[0]


def test_a_test_that_looks_whether_a_file_is_there_stays_green() -> None:
    def test(copy: MemoryCopy) -> None:
        assert b"fee" in copy.files["src/pay"]

    seen = Bench({FEE: test}).only()

    assert (seen.base, seen.knocked_out) == ("failed", "passed")
    assert "stays green when src/pay:fee does nothing" in seen.reason


def test_functions_are_named_before_lines_of_other_files() -> None:
    bench = Bench({FEE: is_there}, {**WORK, "src/a.ini": "colour = red\n"})

    assert "when src/pay:fee, src/a.ini:colour do nothing" in bench.only().reason


def test_a_test_that_looks_at_the_source_text_turns_red_at_a_comment() -> None:
    def test(copy: MemoryCopy) -> None:
        assert copy.files["src/pay"] == WORK["src/pay"].encode()

    seen = Bench({FEE: test}).only()

    assert seen.control == "failed"
    assert "turns red at an edit without effect in src/pay" in seen.reason


def test_a_test_that_does_not_pass_or_does_not_run_proves_nothing() -> None:
    bench = Bench({FEE: gives("fee", "8"), "tests/pay.t::later": skips})

    failed, skipped, missing = (
        bench.only(test) for test in (FEE, "tests/pay.t::later", "tests/pay.t::fees")
    )

    assert "does not pass now (fee gives 7" in failed.reason
    assert "is skipped (no network)" in skipped.reason
    assert "found these in the file: tests/pay.t::fee, tests/pay.t::later" in missing.reason
    assert (failed.now, skipped.now, missing.now) == ("failed", "skipped", "missing")
    assert bench.runs == 3


def test_a_test_that_skips_itself_on_the_base_proves_nothing() -> None:
    def test(copy: MemoryCopy) -> None:
        if "fee" not in copy.values():
            raise SkippedError("not there")
        assert copy.values()["old"] == "1"

    seen = Bench({FEE: test}).only()

    assert "is skipped on the base" in seen.reason


def test_code_that_is_brought_along_with_the_tests_is_no_change() -> None:
    work = {**BASE, "tests/pay.t": "", "tests/code.conf": "fee = 7"}

    seen = Bench({FEE: lambda copy: copy.files["tests/code.conf"]}, work).only()

    assert "no file changed since the base but tests" in seen.reason


def test_a_file_that_a_proof_names_holds_tests_whatever_it_is_called() -> None:
    work = {**WORK, "checks/pay.t": "x = 1\n"}
    bench = Bench({"checks/pay.t::fee": gives("fee", "7")}, work)

    evidence = bench.examine("checks/pay.t::fee")

    assert evidence.is_proof
    assert evidence.places == ("src/pay:fee",)


@pytest.mark.parametrize("path", ["specs/fees/code", ".cde/code", "docs/note"])
def test_outputs_and_records_are_no_change(path: str) -> None:
    work = {**BASE, "tests/pay.t": "", path: "fee = 7"}

    seen = Bench({FEE: gives("fee", "7")}, work).only(outputs={"docs/note"})

    assert "no file changed since the base but tests" in seen.reason


def test_a_comment_alone_is_no_change() -> None:
    work = {**BASE, "src/pay": BASE["src/pay"] + "# why\n", "tests/pay.t": ""}

    seen = Bench({FEE: gives("fee", "7")}, work).only()

    assert "but comments, docstrings and blank lines, in src/pay" in seen.reason


def test_a_test_that_no_runner_knows_proves_nothing() -> None:
    assert "no test of a runner" in Bench({}).only("tests/pay.x::fee").reason


def test_one_place_that_keeps_all_tests_from_loading_does_not_hide_the_others() -> None:
    source = "".join(f"f{number} = {number}\n" for number in range(20))
    work = {**WORK, "src/pay": f"{source}hook = 1\n@hook\n"}
    tests = {f"tests/pay.t::t{number}": gives(f"f{number}", str(number)) for number in range(5)}
    bench = Bench(tests, work)
    bench.prover = _with(bench.prover, _UnloadedOther())

    evidence = bench.examine(*tests)

    assert evidence.is_proof
    assert "src/pay:hook" not in evidence.criteria[0].proofs[0].sees
    assert bench.runs == 6


def test_settings_that_keep_all_tests_from_loading_are_set_aside_first() -> None:
    settings = "".join(f"s{number} = {number}\n@s{number}\n" for number in range(5))
    bench = Bench({FEE: gives("fee", "7")}, {**WORK, "src/shop.ini": settings})
    bench.prover = _with(bench.prover, _UnloadedOther())

    seen = bench.only()

    assert seen.proves
    assert seen.sees == ("src/pay:fee",)
    assert bench.runs == 6


def test_places_that_cannot_be_parted_are_said_within_the_bound() -> None:
    names = [f"f{number}" for number in range(20)]
    source = "".join(f"{name} = 1\n@{name}\n" for name in names)
    tests = {f"tests/pay.t::{name}": gives(name, "1") for name in names[:5]}
    bench = Bench(tests, {**WORK, "src/pay": source})
    bench.prover = _with(bench.prover, _UnloadedOther())

    evidence = bench.examine(*tests)

    reasons = {proof.reason for proof in evidence.criteria[0].proofs}
    assert len(reasons) == 1
    assert "import the changed code within the test" in reasons.pop()
    assert bench.runs == RUNS_LIMIT
    assert evidence.runs == RUNS_LIMIT


def test_what_no_longer_fails_is_seen_by_what_the_function_did_before() -> None:
    def does_not_fail(copy: MemoryCopy) -> None:
        assert copy.values()["old"] != "1", "old fails"

    bench = Bench({FEE: does_not_fail}, {**WORK, "src/pay": "old = 2\nshared = 1\n"})

    seen = bench.only()

    assert seen.proves
    assert (seen.base, seen.knocked_out, seen.sees) == ("failed", "failed", ("src/pay:old",))
    assert bench.runs == 6


def test_a_text_for_people_is_knocked_out_last_and_apart_from_code() -> None:
    def says(copy: MemoryCopy) -> None:
        assert b"fees = 1" in copy.files.get("README.md", b"")

    other = "tests/pay.t::says"
    bench = Bench({FEE: gives("fee", "7"), other: says}, {**WORK, "README.md": "fees = 1\n"})

    fee, text = bench.examine(FEE, other).criteria[0].proofs

    assert fee.sees == ("src/pay:fee",)
    assert text.sees == ("README.md:fees",)


def test_a_file_that_a_proof_names_is_a_test_whatever_its_name() -> None:
    work = {**WORK, "checks/pay.t": "helper = 1\n"}
    bench = Bench({"checks/pay.t::fee": gives("fee", "7")}, work)

    evidence = bench.examine("checks/pay.t::fee")

    assert evidence.is_proof
    assert evidence.places == ("src/pay:fee",)
    assert "checks/pay.t" in evidence.covered


def test_a_red_while_loading_is_no_sight() -> None:
    work = {**WORK, "src/pay": "old = 1\nshared = 1\nfee = 7\n@fee\n"}
    bench = Bench({FEE: is_there}, work)
    bench.prover = _with(bench.prover, _UnloadedOther())

    seen = bench.only()

    assert (seen.base, seen.knocked_out) == ("failed", "error")
    assert "cannot be loaded when src/pay:fee does nothing" in seen.reason


def test_a_copy_that_the_tests_do_not_run_is_said_as_what_it_is() -> None:
    work = {**WORK, "tests/pay.t": "import pay  # unloaded"}
    bench = Bench({FEE: lambda copy: None}, work)

    with pytest.raises(FeatureError) as refused:
        bench.only()

    assert refused.value.code == "E138"
    assert refused.value.context["test"] == FEE
    assert bench.runs == 3


@pytest.mark.parametrize(
    "text", ["unloaded", "the pay # unloaded", "import pay # unloaded sys.modules"]
)
def test_a_test_that_loads_nothing_is_not_taken_for_one(text: str) -> None:
    bench = Bench({FEE: lambda copy: None}, {**WORK, "tests/pay.t": text})

    assert "passes on the base already" in bench.only().reason
    assert bench.runs == 3


def shop_is_loaded(copy: MemoryCopy) -> None:
    """A test of another file than the one that changed."""
    assert not (copy.files["src/shop"] or b"").startswith(b"!")


def test_a_test_of_the_copy_that_does_not_use_what_changed_is_said_as_what_it_is() -> None:
    others = {"src/shop": "open = 1", "src/bank": "open = 1", "tests/shop.t": "import pay"}
    work = {**WORK, **others, "tests/pay.t": "import pay, shop  # unloaded"}
    bench = Bench({FEE: shop_is_loaded}, work, {**BASE, **others})

    reason = bench.only().reason

    assert reason.startswith("passes on the base already, and also when src/pay cannot be loaded")
    assert bench.runs == 4
    assert any("with all files failing at once" in line for line in bench.printed)


def test_a_test_of_what_is_installed_is_no_test_of_the_copy_whatever_else_it_names() -> None:
    others = {"src/shop": "open = 1"}
    work = {**WORK, **others, "tests/pay.t": "import pay, shop  # unloaded"}
    bench = Bench({FEE: lambda copy: None}, work, {**BASE, **others})

    with pytest.raises(FeatureError) as refused:
        bench.only()

    assert refused.value.code == "E138"
    assert bench.runs == 4


def test_a_command_is_held_to_the_same() -> None:
    proof = Proof(command=("shop", "--fee"), contains="7")
    blind = Proof(command=("shop", "--version"))
    bench = Bench({proof.id: gives("fee", "7"), blind.id: gives("old", "1")})

    evidence = bench.examine(proof, blind, FEE)

    command, version, _ = evidence.criteria[0].proofs
    assert command.proves
    assert "passes on the base already" in version.reason
    assert bench.commands.asked[0] == ['$ shop --fee contains "7"', "$ shop --version"]
    assert evidence.commands == (("tiny", "test"),)
    assert bench.runs <= RUNS_LIMIT


def test_a_command_that_does_not_run_the_copy_is_noticed() -> None:
    proof = Proof(command=("pay", "--fee"))
    bench = Bench({proof.id: lambda copy: None})
    bench.commands.loads = False

    with pytest.raises(FeatureError) as refused:
        bench.only(proof)

    assert refused.value.code == "E138"


def test_tests_of_several_runners_are_run_by_their_own() -> None:
    work = {**WORK, "tests/pay.o": ""}
    bench = Bench({FEE: gives("fee", "7"), "tests/pay.o::fee": gives("fee", "7")}, work)

    evidence = bench.examine(FEE, "tests/pay.o::fee")

    assert evidence.is_proof
    assert bench.runner.asked[0] == [FEE]
    assert bench.other.asked[0] == ["tests/pay.o::fee"]
    assert evidence.runs == 4


def test_a_criterion_that_a_person_waived_is_met_without_a_run() -> None:
    bench = Bench({})

    evidence = bench.examine(FEE, waived={"AC1": "Ada: seen by eye"})

    assert evidence.is_proof
    assert evidence.criteria[0].waived == "Ada: seen by eye"
    assert evidence.criteria[0].proofs == ()
    assert (evidence.runs, bench.copies.made) == (0, 0)


def test_what_is_not_proven_is_refused_with_what_was_seen() -> None:
    bench = Bench({FEE: gives("old", "1")})
    criteria = [Criterion("AC1", "one", 1), Criterion("AC2", "two", 2)]

    with pytest.raises(FeatureError) as refused:
        bench.prover.require(claim(FEE, criteria=criteria), bench.base, bench.now)

    assert refused.value.code == "E135"
    assert re.search(
        r"AC1: tests/pay\.t::fee passes on the base.*AC2: has no proof", refused.value.message
    )
    first, second = refused.value.context["criteria"]
    assert first["proofs"][0]["base"] == "passed"
    assert second == {"id": "AC2", "text": "two", "proofs": []}


def test_a_specification_without_criteria_is_refused() -> None:
    bench = Bench({})

    with pytest.raises(FeatureError) as refused:
        bench.prover.require(claim(criteria=[]), bench.base, bench.now)

    assert refused.value.code == "E135"
    assert "no criterion" in refused.value.message


def test_the_time_for_all_runs_is_bound() -> None:
    bench = Bench({FEE: gives("fee", "7")})

    with pytest.raises(FeatureError) as refused:
        bench.only(seconds=0.0)

    assert refused.value.code == "E119"
    assert bench.runs == 0


@pytest.mark.parametrize("code", ["E119", "E137"])
def test_a_run_that_fails_as_the_work_is_fails_the_proof(code: str) -> None:
    bench = Bench({FEE: gives("fee", "7")})
    bench.runner.fails = {1: _error(code)}

    with pytest.raises(FeatureError) as refused:
        bench.only()

    assert refused.value.code == code


@pytest.mark.parametrize("code", ["E119", "E121", "E137"])
def test_a_run_without_the_change_that_never_ends_says_nothing(code: str) -> None:
    bench = Bench({FEE: gives("fee", "7")})
    bench.runner.fails = {4: _error(code)}

    seen = bench.only()

    assert seen.proves
    assert bench.runs == 5


def test_any_other_failure_of_a_run_is_one() -> None:
    bench = Bench({FEE: gives("fee", "7")})
    bench.runner.fails = {4: _error("E136")}

    with pytest.raises(FeatureError) as refused:
        bench.only()

    assert refused.value.code == "E136"


def test_the_commands_that_a_person_must_trust_are_known() -> None:
    bench = Bench({})
    proof = Proof(command=("shop", "--fee"), contains="7")

    found = command_lines([bench.runner, bench.commands], [proof, Proof(test=FEE)])

    assert [each.words for each in found] == [("tiny", "test"), ("shop", "--fee")]
    assert {each.kind for each in found} == {"check"}


def _error(code: str) -> FeatureError:
    return FeatureError("failed", code, {"tail": "the end"})


class _WithoutNames(TinyKnockOuts):
    """Knock-outs of a language in which nothing can be added to the base."""

    supplies = False


class _UnloadedOther(TinyKnockOuts):
    """Knock-outs whose other value is as unusable while loading as nothing is."""

    def knocked_out(self, file: Any, places: Any, how: Any) -> bytes:
        return super().knocked_out(file, places, "nothing" if how == "other" else how)


def _with(prover: Prover, knock_outs: TinyKnockOuts) -> Prover:
    return replace(prover, knock_outs=knock_outs)
