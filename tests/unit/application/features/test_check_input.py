"""What is wrong with an input is found without doing what it asks for."""

from __future__ import annotations

import pytest

from cde_orchestrator.application.features.check_input import Checked, CheckInput
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.reopen_feature import ReopenFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.exceptions import CDEError
from tests.fakes import World


def wanted(name: str, reason: str) -> list[Checked]:
    """Each use case that takes a reason, about the feature of a name."""
    return [
        CloseFeature(feature_id=name, outcome="cancelled", reason=reason),
        RollbackFeature(feature_id=name, to_phase="define", reason=reason),
        ReopenFeature(feature_id=name, reason=reason),
    ]


def kept(world: World) -> list[object]:
    """What a change of a feature shows in."""
    features = world.project.features
    return [(it.status, it.current_phase, it.updated_at, len(it.events)) for it in features]


@pytest.mark.parametrize("reason", ["", "Complete"])
def test_a_check_changes_nothing_even_where_all_is_right(world: World, reason: str) -> None:
    world.run(StartFeature(prompt="Do it", name="open"))
    world.run(StartFeature(prompt="Do it", name="closed"))
    world.run(CloseFeature(feature_id="closed", outcome="cancelled", reason="No"))
    before = kept(world)

    for each in [*wanted("open", reason)[:2], wanted("closed", reason)[2]]:
        world.run(CheckInput(wanted=each, missing="reason"))

    assert kept(world) == before


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_wrong_besides_is_refused(world: World, place: int) -> None:
    with pytest.raises(CDEError) as caught:
        world.run(CheckInput(wanted=wanted("nope", "")[place], missing="reason"))

    assert caught.value.code == ("E305" if place == 0 else "E102")
