"""Only who was given a feature's present phase last, in a connection, knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cde_orchestrator.domain.briefings import FEATURES_KEPT, Briefings, keep_given
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.lease import Caller
from cde_orchestrator.domain.project_facts import OwnRules
from cde_orchestrator.domain.workflow import Workflow

NOON = datetime(2025, 11, 10, 12, tzinfo=UTC)
ROBOT = Caller(client="robot", connection="one")


def feature(name: str = "login") -> Feature:
    return Feature.create("p", "Add login", name=name, now=NOON, feature_id=name)


def test_who_was_given_the_phase_knows_it_and_nobody_else_does() -> None:
    briefings, login = Briefings(), feature()
    assert not briefings.knows(ROBOT, login)
    briefings.give(ROBOT, login)

    assert briefings.knows(ROBOT, login)
    for other in (
        replace(ROBOT, connection="two"),
        replace(ROBOT, connection=""),
        replace(ROBOT, agent="ann"),
        replace(ROBOT, client="other"),
    ):
        assert not briefings.knows(other, login)
    assert not briefings.knows(ROBOT, feature("other"))


def test_without_a_connection_nobody_is_known_and_the_one_before_no_longer_either() -> None:
    briefings, login = Briefings(), feature()
    briefings.give(ROBOT, login)
    person = Caller(client="cli")
    briefings.give(person, login)

    assert not briefings.knows(person, login)
    assert not briefings.knows(ROBOT, login)


def test_what_another_one_did_meanwhile_makes_it_another_phase() -> None:
    workflow, now = Workflow.canonical(), NOON + timedelta(minutes=1)
    begun = feature()
    changes: list[Callable[[Feature], object]] = [
        lambda each: each.complete_phase("define", [], workflow, now),
        lambda each: each.fail_phase("define", "why", "ann", workflow, now),
        lambda each: each.roll_back(workflow.first, "why", "ann", workflow, now),
    ]
    for change in changes:
        briefings, login = Briefings(), feature()
        briefings.give(ROBOT, begun)
        change(login)
        assert not briefings.knows(ROBOT, login)
        briefings.give(ROBOT, login)
        assert briefings.knows(ROBOT, login)


def test_a_closed_feature_is_forgotten_and_so_are_the_oldest() -> None:
    briefings, login = Briefings(), feature()
    briefings.give(ROBOT, login)
    login.close("cancelled", "why", "ann", NOON)
    briefings.give(ROBOT, login)
    assert not briefings.knows(ROBOT, login)

    many = [feature(f"f{number}") for number in range(FEATURES_KEPT + 1)]
    for each in many:
        briefings.give(ROBOT, each)
    assert [briefings.knows(ROBOT, each) for each in (many[0], many[1], many[-1])] == [
        False,
        True,
        True,
    ]


def test_a_feature_of_an_older_release_has_no_phase_that_could_be_known_by_chance() -> None:
    briefings, login = Briefings(), feature()
    login.phases.clear()
    briefings.give(ROBOT, login)
    assert briefings.knows(ROBOT, login)
    assert not briefings.knows(ROBOT, feature())


def test_whom_a_command_gave_the_phase_is_kept_with_it_until_it_begins_again() -> None:
    login, ann = feature(), Caller(client="cli", channel="shell", connection="commands one")
    keep_given(None, login)
    keep_given(ROBOT, login)  # whose connection this process knows
    assert login.phases["define"].given == ""
    keep_given(ann, login)

    assert Briefings().knows(ann, login)
    assert not Briefings().knows(replace(ann, connection="commands two"), login)
    assert not Briefings().knows(replace(ann, connection=""), login)
    rules = OwnRules("- Name units.")
    assert not Briefings().knows(ann, login, rules)
    keep_given(ann, login, rules)
    assert Briefings().knows(ann, login, rules)
    assert not Briefings().knows(ann, login, OwnRules("- Name none."))
    login.fail_phase("define", "why", "ann", Workflow.canonical(), NOON)
    assert not Briefings().knows(ann, login)
    login.phases.clear()
    keep_given(ann, login)
    assert not Briefings().knows(ann, login)


def test_who_has_a_connection_takes_the_place_of_whom_a_command_gave_the_phase() -> None:
    login, ann = feature(), Caller(client="cli", channel="shell", connection="commands one")
    keep_given(ann, login)
    keep_given(None, login)
    assert Briefings().knows(ann, login)
    keep_given(ROBOT, login)

    assert not Briefings().knows(ann, login)


def test_commands_that_nobody_is_known_by_know_nothing() -> None:
    login, somebody = feature(), Caller(client="cli", channel="shell")
    keep_given(somebody, login)
    assert not Briefings().knows(somebody, login)
