"""What a person decided about another state of a feature is refused, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.edit_feature import EditFeature
from cde_orchestrator.application.features.reopen_feature import ReopenFeature
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.seen_feature import SeeFeature, SeenReply
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import FeatureError
from tests.fakes import World


@pytest.fixture
def login(world: World) -> World:
    """The feature ``login`` in its first phase."""
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def see(world: World) -> SeenReply:
    return world.run(SeeFeature(feature_id="login"))


def close(seen: str) -> UseCase[Any]:
    return CloseFeature(feature_id="login", outcome="cancelled", reason="x", seen=seen)


def edit(seen: str) -> UseCase[Any]:
    return EditFeature(feature_id="login", goal="Another", seen=seen)


def roll_back(seen: str) -> UseCase[Any]:
    return RollbackFeature(feature_id="login", to_phase="define", reason="x", seen=seen)


CHANGES: list[UseCase[Any]] = [
    SaveProgress(feature_id="login", note="Half of it is done"),
    EditFeature(feature_id="login", goal="Add login with passkeys"),
    CloseFeature(feature_id="login", outcome="failed", reason="x"),
    ResumeFeature(feature_id="login", agent="codex"),
]


@pytest.mark.parametrize("decide", [close, edit, roll_back])
@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.operation)
def test_whatever_happened_since_is_noticed(
    login: World, change: UseCase[Any], decide: Callable[[str], UseCase[Any]]
) -> None:
    seen = see(login)["seen"]
    assert see(login)["seen"] == seen
    login.run(change)
    before = see(login)
    with pytest.raises(FeatureError) as refused:
        login.run(decide(seen))
    assert refused.value.code == "E155"
    assert see(login) == before


@pytest.mark.parametrize("decide", [close, edit, roll_back])
def test_what_was_seen_is_decided(login: World, decide: Callable[[str], UseCase[Any]]) -> None:
    before = see(login)
    login.run(decide(before["seen"]))
    assert see(login)["seen"] != before["seen"]


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
def test_a_closed_one_is_reopened_as_it_was_seen(login: World, outcome: str) -> None:
    stale = see(login)["seen"]
    login.run(CloseFeature(feature_id="login", outcome=outcome, reason="x"))
    with pytest.raises(FeatureError) as refused:
        login.run(ReopenFeature(feature_id="login", reason="y", seen=stale))
    assert refused.value.code == "E155"
    login.run(ReopenFeature(feature_id="login", reason="y", seen=see(login)["seen"]))
    assert see(login)["feature"]["status"] == "defining"


def test_a_rollback_goes_to_phases_that_were_begun(login: World) -> None:
    shown = see(login)
    assert (shown["begun"], shown["goal"]) == (["define"], "Add login")


def test_what_is_decided_of_open_ones_alone_says_since_when_it_is_closed(login: World) -> None:
    login.run(CloseFeature(feature_id="login", outcome="cancelled", reason="x"))
    assert see(login)["feature"]["status"] == "cancelled"
    with pytest.raises(FeatureError) as refused:
        login.run(SeeFeature(feature_id="login", must_be_open=True))
    assert refused.value.code == "E105"
    assert "It is cancelled since" in refused.value.message
