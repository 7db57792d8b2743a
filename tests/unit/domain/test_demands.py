"""What a workflow demanded, who approved it, and where it is weaker than the packaged one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cde_orchestrator.domain.approval import Approval
from cde_orchestrator.domain.demands import NOBODY, PhaseDemand, Rules, demands_of, weaker
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

REVIEW = Output(id="review", path="review.md", verdict=("approved", "approved with follow-ups"))
PACKAGED = Workflow(
    id="standard-approved",
    phases=(
        Phase(id="define"),
        Phase(id="approve-spec", handler="human_input"),
        Phase(id="implement", changes="required", change_exclude=("gen/",)),
        Phase(id="test", proves="spec"),
        Phase(id="review", outputs=(REVIEW,)),
    ),
)
DEMANDED = {each.id: each for each in demands_of(PACKAGED)}


def feature_with(*approved: str, channel: str = "terminal") -> Feature:
    """A feature whose phases were approved."""
    feature = Feature.create("p", "Sell", workflow=PACKAGED)
    feature.workflow_digest = "0123"
    for phase in approved:
        feature.phases[phase].approval = Approval(
            at=datetime(2026, 1, 1, tzinfo=UTC),
            user="anna",
            host="desk",
            channel=channel,
            place="an-editor",
            digest="d" * 64,
        )
    return feature


def test_the_rules_of_a_feature_say_what_was_demanded_and_who_approved() -> None:
    rules = Rules.of(feature_with("approve-spec"), PACKAGED)

    assert rules.workflow == "0123"
    assert rules.phases[2] == PhaseDemand(id="implement", changes=True, exclude=("gen/",))
    assert rules.phases[4].verdicts == REVIEW.verdict
    (given,) = rules.approvals
    assert (given.phase, given.digest, given.at) == (
        "approve-spec",
        "d" * 64,
        "2026-01-01T00:00:00+00:00",
    )
    assert rules.approved_by() == ["approve-spec approved by anna@desk at a terminal"]


def test_who_approved_nothing_is_said_too() -> None:
    alone = Workflow(id="alone", phases=(Phase(id="define"),))
    feature = Feature.create("p", "Sell", workflow=alone)

    assert Rules.of(feature, alone).approved_by() == [NOBODY]
    assert Rules.of(feature_with(), PACKAGED).approved_by() == ["approve-spec approved by nobody"]
    asked = Rules.of(feature_with("approve-spec", channel="elicitation"), PACKAGED)
    [line] = asked.approved_by()
    assert line.endswith("approved by anna@desk by elicitation of a client (an-editor)")
    other = Rules.of(feature_with("define", channel="smoke"), PACKAGED)
    assert other.approved_by()[1:] == ["define approved by anna@desk by smoke"]


def test_the_packaged_workflow_is_not_weaker_than_itself() -> None:
    assert weaker(demands_of(PACKAGED), PACKAGED) == ""
    stricter = replace(DEMANDED["define"], changes=True, handler="human_input", proves="x")
    assert weaker([stricter, *list(DEMANDED.values())[1:]], PACKAGED) == ""


@pytest.mark.parametrize(
    ("phase", "change", "problem"),
    [
        ("approve-spec", {"handler": "agent"}, "no person for approve-spec"),
        ("implement", {"changes": False}, "no change in implement"),
        ("implement", {"paths": ("**",)}, "documents as change in implement"),
        ("implement", {"paths": ("src/**",)}, ""),
        ("test", {"proves": ""}, "nothing proven in test"),
        ("review", {"verdicts": ()}, "no verdict of review"),
        ("review", {"verdicts": ("approved", "so-so")}, "other verdicts of review"),
        ("review", {"verdicts": ("approved",)}, ""),
    ],
)
def test_where_less_is_demanded_it_is_named(
    phase: str, change: dict[str, object], problem: str
) -> None:
    demanded = {**DEMANDED, phase: replace(DEMANDED[phase], **change)}  # type: ignore[arg-type]
    said = weaker(list(demanded.values()), PACKAGED)

    assert said.rpartition(": ")[2] == problem


def test_phases_that_are_missing_are_named_the_first_of_them() -> None:
    many = replace(PACKAGED, phases=tuple(Phase(id=f"p{number}") for number in range(7)))

    assert weaker([], many).endswith("no phase p3, no phase p4, and 2 more")
