"""What passes by chance or by counting its runs is found out by runs in an order drawn by lot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cde_orchestrator.application.proofs.prove_criteria import not_proven
from cde_orchestrator.application.proofs.repetition import REPEATED
from cde_orchestrator.application.proofs.rounds import Rounds
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proof_rules import RUNS_LIMIT
from cde_orchestrator.domain.proofs import ProofSeen
from tests.fakes import ROOT
from tests.proving_fakes import MemoryCopy, Test
from tests.unit.application.proofs.test_prove_criteria import FEE, WORK, Bench, claim, gives, skips

TRIES = 2_000
FLAKY = "gives different results on the same code"


class Lots(Random):
    """Lots that fall as they are to: the control is 0, what was knocked out follows."""

    def __init__(self, *falls: int) -> None:
        super().__init__()
        self.falls = list(falls)

    def choice(self, seq: Any) -> Any:
        """The next one."""
        return seq[self.falls.pop(0)]


def bench(test: Test, lots: Random, **more: Test) -> Bench:
    """A project with one test, whose runs are repeated."""
    made = Bench({FEE: test, **{f"tests/pay.t::{name}": each for name, each in more.items()}})
    made.prover = replace(made.prover, lots=lots, repeated=REPEATED)
    return made


def by(passes: Callable[[], bool]) -> Test:
    """A test that does not look at the code at all."""

    def test(copy: MemoryCopy) -> None:
        assert passes()

    return test


def counting(*passes: bool) -> Test:
    """A test that passes or fails by how often it ran."""
    runs = list(passes)
    return by(lambda: runs.pop(0))


def test_an_honest_proof_is_repeated_within_the_bound_of_runs() -> None:
    world = bench(gives("fee", "7"), Lots(0, 1, 1, 0))

    seen = world.only()

    assert seen.proves
    assert world.runs == RUNS_LIMIT
    assert [line.partition(": ")[2] for line in world.printed[8::2]] == [
        "1 proof with edits that have no effect, once more\n",
        "1 proof with the changed functions doing nothing, once more\n",
        "1 proof with the changed functions doing nothing, once more\n",
        "1 proof with edits that have no effect, once more\n",
    ]


@pytest.mark.parametrize(
    ("runs", "falls", "reason"),
    [
        ((True, False, True, False, True), (1,), "doing nothing, it did not pass, and passed when"),
        ((True, False, True, False, False), (0,), "no effect, it passed, and did not pass when"),
        ((True, False, True, False, False, True, True), (1, 0, 1), "and passed when"),
    ],
)
def test_a_test_that_counts_its_runs_contradicts_itself(
    runs: Sequence[bool], falls: Sequence[int], reason: str
) -> None:
    seen = bench(counting(*runs), Lots(*falls)).only()

    assert seen.flaky
    assert seen.reason.startswith(FLAKY)
    assert reason in seen.reason
    assert seen.sees == ()


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ((False, True), "as the work is, it did not pass, and passed when it was run once more"),
        ((True, True, False), "on the feature's base, it passed"),
        ((True, False, False, True), "with edits that have no effect, it did not pass"),
        ((True, False, True, True, True, False), "giving something else, it passed"),
    ],
)
def test_whatever_is_refused_is_refused_twice_or_contradicts_itself(
    runs: Sequence[bool], reason: str
) -> None:
    seen = bench(counting(*runs), Lots()).only()

    assert seen.flaky
    assert FLAKY in seen.reason
    assert reason in seen.reason


@pytest.mark.parametrize("runs", [(False,) * 2, (True,) * 4])
def test_what_is_refused_for_the_same_reason_twice_is_not_flaky(runs: Sequence[bool]) -> None:
    seen = bench(counting(*runs), Lots()).only()

    assert not seen.proves
    assert not seen.flaky


def test_of_proofs_that_prove_nothing_is_repeated_while_another_is_refused() -> None:
    world = bench(gives("fee", "7"), Lots(), wrong=gives("fee", "8"))

    fee, wrong = world.examine(FEE, "tests/pay.t::wrong").criteria[0].proofs

    assert (fee.proves, wrong.proves) == (True, False)
    assert world.runner.asked[-1] == ["tests/pay.t::wrong"]
    assert world.runs == 5


def test_what_is_not_there_is_not_repeated() -> None:
    world = bench(skips, Lots())

    assert "was not found" in world.only("tests/pay.t::none").reason
    assert world.runs == 1


def test_what_ran_without_the_change_leaves_nothing_for_the_control() -> None:
    def keeps_what_it_found(copy: MemoryCopy) -> None:
        fee = copy.files.setdefault("kept", copy.values().get("fee", "").encode())
        assert fee == b"7"
        del copy.files["kept"]

    seen = bench(keeps_what_it_found, Lots(1, 0, 0, 1)).only()

    assert seen.proves


def test_a_test_that_counts_the_runs_in_each_folder_contradicts_itself() -> None:
    runs = Counter[Path]()

    def counts(copy: MemoryCopy) -> None:
        assert "fee" in copy.values()
        runs[copy.folder] += 1
        assert runs[copy.folder] <= 2  # as the work is, and in the control

    assert bench(counts, Lots(0, 1)).only().flaky


def test_a_test_that_throws_a_coin_seldom_passes_and_uses_attempts_up() -> None:
    coin = Random(17)
    seen = [
        bench(by(lambda: coin.random() < 0.5), Random(number)).only() for number in range(TRIES)
    ]

    assert sum(each.proves for each in seen) <= TRIES * 0.01
    assert sum(each.flaky for each in seen) >= TRIES * 0.4


def test_a_test_that_counts_its_runs_seldom_passes() -> None:
    lots = Random(17)
    seen = [_counted(lots) for _ in range(TRIES)]

    proven = sum(each.proves for each in seen)
    assert TRIES * 0.04 <= proven <= TRIES * 0.085
    assert sum(each.flaky for each in seen) == TRIES - proven


def _counted(lots: Random) -> ProofSeen:
    return bench(counting(True, False, True, False, True, False, True, False), lots).only()


def test_there_is_no_repetition_without_time() -> None:
    rounds = Rounds(root=ROOT, phase="test", groups=[], seconds=600.0, watch=None)
    late = Rounds(root=ROOT, phase="test", groups=[], seconds=0.0, watch=None)

    assert rounds.may_repeat
    assert not late.may_repeat
    rounds.taken = RUNS_LIMIT
    assert not rounds.may_repeat


def test_the_error_names_what_is_flaky_and_that_an_attempt_is_used_up() -> None:
    world = bench(counting(False, True), Lots())
    evidence = world.examine(FEE)

    error = not_proven(claim(FEE), evidence.criteria)

    assert isinstance(error, FeatureError)
    assert error.context["flaky"] == [FEE]
    assert "An attempt at the phase was used up" in error.message


def test_the_last_run_is_for_a_repetition_even_where_places_are_parted() -> None:
    names = [f"f{number}" for number in range(20)]
    source = "".join(f"{name} = 1\n@{name}\n" for name in names)
    tests = {f"tests/pay.t::{name}": gives(name, "1") for name in names[:5]}
    world = Bench(tests, {**WORK, "src/pay": source})
    world.prover = replace(world.prover, repeated=REPEATED)

    world.examine(*tests)

    assert world.runs == RUNS_LIMIT
    assert world.printed[-2].endswith("once more\n")
