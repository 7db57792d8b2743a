"""A person changes a check, for features under way too; nobody else can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.application.checks.set_check import SetCheck
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.domain.workflow import Output, Phase, RunnerSetting, Workflow
from tests.fakes import World, catalog

OLD, NEW = ("uv", "run", "pytest"), ("npm", "test")


def checked(workflow_id: str = "standard", check: tuple[str, ...] = OLD, **of: Any) -> Workflow:
    """A workflow that changes code, proves criteria and ends with a review."""
    spec = Output(id="spec", path="specs/{feature}/spec.md")
    return Workflow(
        id=workflow_id,
        phases=(
            Phase(id="define", prompt="p.md", outputs=(spec,)),
            Phase(id="build", prompt="p.md", changes="required"),
            Phase(id="test", prompt="p.md", proves="spec", check=check),
            Phase(id="review", prompt="p.md", check=check),
        ),
        **of,
    )


@pytest.fixture
def world() -> World:
    """A project with a feature under way, in which nobody trusts what is not granted."""
    world = World.active()
    docs = Workflow(id="docs", phases=(Phase(id="write", prompt="p.md"),))
    world.workflows.own = catalog(checked(), docs, packaged=False)
    world.run(StartFeature(prompt="Add login", name="login"))
    world.trust.careful = True
    return world


def checks_of(world: World, name: str = "login") -> dict[str, tuple[str, ...]]:
    """The checks of a feature's workflow, as it is kept."""
    project = world.project
    workflow = project.workflow_of(project.feature(name))
    assert workflow is not None
    return {phase.id: phase.check for phase in workflow.phases if phase.check}


def followed(world: World, name: str = "login") -> dict[str, tuple[str, ...]]:
    """The checks that its next submission will run."""
    _, workflow = world.features.followed(world.project, name)
    return {phase.id: phase.check for phase in workflow.phases if phase.check}


def refused(world: World, use_case: SetCheck) -> str:
    with pytest.raises(CDEError) as caught:
        world.run(use_case)
    return caught.value.code


def test_a_check_is_changed_in_the_file_trusted_and_given_to_features_under_way(
    world: World,
) -> None:
    reply = world.run(SetCheck(command=NEW))

    assert reply["phases"] == [
        {"workflow": "standard", "phase": "test", "before": list(OLD)},
        {"workflow": "standard", "phase": "review", "before": list(OLD)},
    ]
    assert (reply["features"], reply["problem"]) == (["login"], None)
    assert checks_of(world) == {"test": NEW, "review": NEW}
    assert world.workflows.load(world.root).get().phases[2].check == NEW
    assert world.trust.grants == [CommandLine(kind="check", words=NEW)]
    (event,) = world.project.feature("login").events
    assert (event["event"], event["checks"]) == ("check_changed", ["npm test"])


def test_what_would_change_is_shown_before(world: World) -> None:
    world.checks.absent = {"npm"}
    reply = world.run(SetCheck(command=NEW, dry_run=True))

    assert (reply["features"], reply["problem"]) == (["login"], "there is no program npm on PATH")
    assert checks_of(world) == {"test": OLD, "review": OLD}
    assert world.trust.grants == []


def test_one_phase_is_changed_alone(world: World) -> None:
    world.run(SetCheck(command=NEW, workflow="standard", phase="test"))

    assert checks_of(world) == {"test": NEW, "review": OLD}


def test_a_feature_whose_workflow_differs_otherwise_gets_the_check_too(world: World) -> None:
    assert world.workflows.own is not None
    other = replace(checked(), max_attempts=9)
    world.workflows.own = catalog(other, packaged=False)
    world.run(SetCheck(command=NEW))
    kept = world.project.workflow_of(world.project.feature("login"))

    assert checks_of(world) == {"test": NEW, "review": NEW}
    assert kept is not None
    assert kept.max_attempts == 3


def test_where_nothing_is_checked_the_proof_and_the_end_are(world: World) -> None:
    world.workflows.own = catalog(checked(check=()), packaged=False)
    reply = world.run(SetCheck(command=NEW))

    assert [each["phase"] for each in reply["phases"]] == ["test", "review"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (SetCheck(command=NEW, phase="paint"), "E147"),
        (SetCheck(command=NEW, workflow="docs"), "E147"),
        (SetCheck(command=NEW, workflow="gone"), "E306"),
    ],
)
def test_a_place_that_has_no_check_is_refused(world: World, asked: SetCheck, code: str) -> None:
    assert refused(world, asked) == code
    assert checks_of(world) == {"test": OLD, "review": OLD}


def test_of_several_checks_one_has_to_be_named(world: World) -> None:
    quick = checked("quick", check=("make", "fast"))
    world.workflows.own = catalog(checked(), quick, packaged=False)

    assert refused(world, SetCheck(command=NEW)) == "E147"
    world.run(SetCheck(command=NEW, workflow="quick"))
    assert followed(world) == {"test": OLD, "review": OLD}


def test_a_newer_file_that_differs_in_nothing_but_what_is_run_is_followed(world: World) -> None:
    newer = checked(check=NEW, runner=RunnerSetting(names=("pytest",)))
    world.workflows.own = catalog(newer, packaged=False)
    assert followed(world) == {"test": OLD, "review": OLD}, "nobody trusts the command yet"

    world.trust.grants = [CommandLine(kind="check", words=NEW)]
    assert followed(world) == {"test": NEW, "review": NEW}
    assert checks_of(world) == {"test": OLD, "review": OLD}, "a question changes nothing"
    world.run(SaveProgress(feature_id="login", note="half"))
    assert checks_of(world) == {"test": NEW, "review": NEW}
    (event,) = world.project.feature("login").events
    assert event["event"] == "check_changed"


@pytest.mark.parametrize(
    "newer",
    [
        checked(check=()),
        replace(checked(), phases=(*checked().phases[:3], replace(checked().phases[3], check=()))),
        replace(checked(check=NEW), max_attempts=9),
        replace(checked(check=NEW), proof="recorded"),
        replace(checked(check=NEW), phases=checked(check=NEW).phases[:3]),
        checked("another", check=NEW),
    ],
)
def test_any_other_newer_file_is_not_followed(world: World, newer: Workflow) -> None:
    world.trust.careful = False
    world.workflows.own = catalog(newer, packaged=False)

    assert followed(world) == {"test": OLD, "review": OLD}


def test_a_broken_file_leaves_features_what_they_have(world: World) -> None:
    world.workflows.failure = ValidationError.of("E310", path="w.yml", line=3, reason="a tab")

    assert followed(world) == {"test": OLD, "review": OLD}
    assert world.run(GetFeatureStatus(feature_id="login"))["feature"]["name"] == "login"
