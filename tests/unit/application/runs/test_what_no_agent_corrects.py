"""What no agent can correct ends a run at once, and is no attempt of its."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.exceptions import FeatureError
from tests.fakes import catalog
from tests.unit.application.features.test_phase_proof import blind, price, proving_workflow
from tests.unit.application.runs.test_run_feature import WRITES, Stage, stage, workflow

PROMISED = "- AC1: the price is 5\n"


def checked(*exit_codes: int) -> Stage:
    """A feature with one phase, whose check ends so."""
    on = stage("agent", a=[WRITES])
    plain = workflow("agent")
    first = replace(plain.phases[0], check=("make", "test"))
    project = on.world.project
    feature = project.feature("wish")
    feature.workflow_digest = project.keep_workflow(replace(plain, phases=(first,)))
    on.world.repository.put(project)
    on.world.workflows.own = catalog(plain, packaged=False)
    on.world.checks.exit_codes = [*exit_codes]
    return on


@pytest.mark.parametrize(
    ("exit_code", "reason"),
    [
        (126, "it ended with exit code 126, as what may not be executed: no such thing"),
        (127, "it ended with exit code 127, as where a program is not found: no such thing"),
    ],
)
def test_a_check_that_cannot_be_run_says_so_at_once(exit_code: int, reason: str) -> None:
    on = checked(exit_code)
    on.world.checks.printed = "make: here\nno such thing\n"
    with pytest.raises(FeatureError) as caught:
        on.run("a")

    assert (caught.value.code, caught.value.context["reason"]) == ("E121", reason)
    assert [name for name, _ in on.agents.asked] == ["a"]
    record = on.world.project.feature("wish").phases["p1"]
    assert (record.attempts, record.failures) == (1, [])


def test_a_check_that_says_nothing_is_known_by_its_exit_code() -> None:
    on = checked(127)
    on.world.checks.printed = ""
    with pytest.raises(FeatureError) as caught:
        on.run("a")

    assert str(caught.value.context["reason"]).endswith("as where a program is not found")


def test_a_check_that_fails_is_for_the_agent() -> None:
    assert checked(2).run("a")["phases"][0]["attempts"] == 2


def test_a_lie_is_for_the_agent_too() -> None:
    on = stage("agent", a=["idle"])
    world, proofs = on.world, "specs/sale/proofs.yml"
    world.workflows.own = catalog(proving_workflow(), packaged=False)
    world.git.commit = "c0ffee"
    on.handle(StartFeature(prompt="Sell", name="sale"))
    written = iter(
        [
            {"specs/sale/spec.md": PROMISED},
            {},
            {proofs: "AC1: nonsense\n"},
            {proofs: "AC1: tests/shop.t::blind\n"},
            {proofs: "AC1: tests/shop.t::price\n"},
        ]
    )

    def work() -> None:
        files = next(written)
        world.files.contents.update({path: text.encode() for path, text in files.items()})
        if not files:
            world.proofs.source |= {"src/shop.s": "price = 5\n", "tests/shop.t": "price\n"}
            world.proofs.tests |= {"tests/shop.t::price": price, "tests/shop.t::blind": blind}

    on.agents.meanwhile = work
    phases = on.run("a", feature="sale")["phases"]

    assert [(each["id"], each["attempts"]) for each in phases] == [
        ("define", 1),
        ("build", 1),
        ("test", 3),
    ]
    refusals = [each for each in on.watching.told if each.startswith("refused")]
    assert refusals == ["refused E134", "refused E135"]
    assert "passes on the base already" in on.agents.asked[-1][1].prompt


def test_a_runner_that_cannot_be_run_is_for_a_person() -> None:
    on = stage("agent", a=["idle"])
    world = on.world
    world.workflows.own = catalog(proving_workflow(), packaged=False)
    world.git.commit = "c0ffee"
    on.handle(StartFeature(prompt="Sell", name="sale"))
    missing = FeatureError.of("E137", runner="tiny", command="tiny test", reason="it is missing")
    world.proofs.runner.fails = {1: missing}

    def work() -> None:
        world.files.contents["specs/sale/spec.md"] = PROMISED.encode()
        world.files.contents["specs/sale/proofs.yml"] = b"AC1: tests/shop.t::price\n"
        world.proofs.source |= {"src/shop.s": "price = 5\n", "tests/shop.t": "price\n"}
        world.proofs.tests["tests/shop.t::price"] = price

    on.agents.meanwhile = work
    with pytest.raises(FeatureError) as caught:
        on.run("a", feature="sale")

    assert caught.value.code == "E137"
    record = world.project.feature("sale").phases["test"]
    assert (record.attempts, record.failures) == (1, [])
