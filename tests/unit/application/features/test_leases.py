"""The caller in front of a feature: refused, let in, or given the lease."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.lease import Claim
from tests.fakes import World


@pytest.fixture
def feature(world: World) -> Feature:
    """A feature that the client robot started."""
    world.run(StartFeature(prompt="Add login", name="login"))
    return world.project.feature("login")


def held(feature: Feature) -> Claim:
    assert feature.claim is not None
    return feature.claim


@pytest.mark.parametrize("pid", [2, None])
def test_a_refusal_says_who_is_at_work_on_what_until_when(
    world: World, feature: Feature, pid: int | None
) -> None:
    world.callers.become("other", pid)
    with pytest.raises(FeatureError) as caught:
        world.leases("ann").require_free(feature, takeover=False)
    assert caught.value.code == "E122"
    assert caught.value.context == {
        "feature": "login",
        "phase": "define",
        "agent": "robot",
        "until": "2025-11-10T12:15:00+00:00",
        "process": "process 1 on here",
    }
    world.leases("ann").require_free(feature, takeover=True)


def test_a_lease_without_a_process_may_be_any_processes(world: World, feature: Feature) -> None:
    world.callers.become("robot")
    world.leases("eve").take(feature, deliberate=True)
    with pytest.raises(FeatureError) as caught:
        world.leases("ann").require_free(feature, takeover=False)
    assert caught.value.context["process"] == "any process"


@pytest.mark.parametrize("agent", ["", " ", "a\nb", "a\tb"])
def test_a_name_that_cannot_be_shown_is_no_name(world: World, agent: str) -> None:
    with pytest.raises(ValidationError) as caught:
        world.leases(agent)
    assert caught.value.code == "E305"
    assert caught.value.context == {
        "argument": "agent",
        "reason": "it must be one line of visible text",
    }


def test_a_name_is_taken_without_the_blanks_around_it(world: World) -> None:
    assert world.leases("  ann ").caller.agent == "ann"


def test_whoever_has_the_lease_renews_it_as_it_is(world: World, feature: Feature) -> None:
    first = held(feature)
    world.clock.advance(60)
    world.leases().take(feature, deliberate=False)

    assert held(feature) == first.renewed(world.clock.now)
    assert held(feature).since == first.since


def test_a_lease_that_becomes_deliberate_or_gets_a_name_is_a_new_one(
    world: World, feature: Feature
) -> None:
    world.clock.advance(60)
    world.leases().take(feature, deliberate=True)
    assert (held(feature).deliberate, held(feature).since) == (True, world.clock.now)
    assert held(feature).taken_from is None
    world.clock.advance(60)
    world.leases().take(feature, deliberate=False)
    assert held(feature).deliberate
    assert held(feature).since == world.clock.now - timedelta(seconds=60)


def test_another_agent_of_the_same_client_takes_the_lease_over(
    world: World, feature: Feature
) -> None:
    world.leases("ann").take(feature, deliberate=False)

    assert (held(feature).agent, held(feature).taken_from) == ("ann", "robot")
    assert feature.events[-1] == {
        **feature.events[-1],
        "event": "taken_over",
        "by": "ann",
        "taken_from": "robot",
        "at": world.clock.now.isoformat(),
    }


def test_a_question_renews_only_the_callers_own_lease_once_it_is_due(
    world: World, feature: Feature
) -> None:
    def asked(agent: str | None = None) -> Claim:
        world.leases(agent).renew_when_due(feature, world.repository, world.root)
        return held(world.project.feature("login"))

    first = held(feature)
    world.clock.advance(5 * 60)
    assert asked() == first
    world.clock.advance(1)
    world.callers.become("other", 2)
    assert asked() == first
    world.callers.become("robot", 1)
    assert asked() == first.renewed(world.clock.now)


def test_a_name_that_is_too_long_is_told_as_the_agents(world: World) -> None:
    with pytest.raises(ValidationError) as caught:
        world.leases("x" * 61)
    assert caught.value.code == "E302"
    assert caught.value.context["field"] == "agent"
