"""A prompt is made from what the phases before it left."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cde_orchestrator.application.features.followed_workflow import adopted, followed
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.phase_prompt import (
    GOAL_LIMIT,
    sample_variables,
)
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.workflow import Phase, Workflow
from tests.fakes import ROOT, World, catalog, older_feature, writing_workflow


def shape(value: Any) -> Any:
    """The names and kinds of nested data."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value)


def with_metadata(world: World, **metadata: object) -> World:
    """The world with facts about its project."""
    project = world.project
    project.metadata = dict(metadata)
    world.repository.put(project)
    return world


def test_a_prompt_is_given_the_project_the_feature_and_the_phase(world: World) -> None:
    facts = world.inspector.facts.to_metadata()
    reply = with_metadata(world, **facts).run(StartFeature(prompt="Add login", name="login"))

    assert world.prompts.variables == {
        "project": {
            "name": "shop",
            "path": "/home/shop",
            "languages": ["Python", "TypeScript"],
            "package_manager": "uv",
            "test_command": ["uv", "run", "pytest", "-q"],
            "git": True,
        },
        "feature": {
            "id": reply["feature"]["id"],
            "name": "login",
            "goal": "Add login",
            "workflow": "standard",
        },
        "phase": {
            "id": "define",
            "description": "Say what is wanted.",
            "handler": "agent",
            "check": [],
            "changes": None,
            "proves": None,
        },
        "proof": {"required": False, "runners": [], "forms": {}},
        "outputs": reply["phase"]["outputs"] if reply["phase"] else None,
        "inputs": [],
        "progress": [],
        "last_failure": None,
    }


@pytest.mark.parametrize(
    "metadata",
    [{}, {"languages": None, "package_manager": None, "test_command": None, "git": None}],
)
def test_a_project_of_which_nothing_is_known_has_empty_facts(
    world: World, metadata: dict[str, object]
) -> None:
    with_metadata(world, **metadata).run(StartFeature(prompt="Add login"))

    assert world.prompts.variables["project"] == {
        "name": "shop",
        "path": "/home/shop",
        "languages": [],
        "package_manager": None,
        "test_command": [],
        "git": False,
    }


def test_an_input_is_given_with_its_first_lines_and_empty_when_it_is_gone(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    world.run(
        SubmitWork(feature_id="login", phase_id="define", results={"spec": "## Goal\nLog in"})
    )
    assert world.prompts.variables["inputs"][0]["excerpt"] == "## Goal\nLog in"

    world.files.contents.clear()
    world.run(GetFeatureStatus(feature_id="login"))
    assert world.prompts.variables["inputs"][0]["excerpt"] == ""


def test_an_input_that_no_phase_declares_is_left_out(world: World) -> None:
    workflow = Workflow(
        id="standard", phases=(Phase(id="define", prompt="p.md", inputs=("nothing",)),)
    )
    world.workflows.own = catalog(workflow, packaged=False)
    world.run(StartFeature(prompt="Add login"))

    assert world.prompts.variables["inputs"] == []


def test_a_goal_of_the_longest_length_is_repeated_whole(world: World) -> None:
    world.run(StartFeature(prompt="x" * GOAL_LIMIT))

    assert world.prompts.variables["feature"]["goal"] == "x" * GOAL_LIMIT


def test_a_longer_goal_is_cut_and_says_how_to_read_the_rest(world: World) -> None:
    world.run(StartFeature(prompt="x" * (GOAL_LIMIT + 7), name="login"))

    assert world.prompts.variables["feature"]["goal"] == (
        "x" * GOAL_LIMIT
        + "\n[7 more characters: cde_getFeatureStatus(feature_id='login', detail='full')]"
    )


def test_a_phase_without_a_template_is_described_in_its_sentence(world: World) -> None:
    workflow = Workflow(id="standard", phases=(Phase(id="define", description="Just do it."),))
    world.workflows.own = catalog(workflow, packaged=False)
    reply = world.run(StartFeature(prompt="Add login"))

    assert reply["phase"] is not None
    assert reply["phase"]["prompt"] == "Just do it."
    assert world.prompts.rendered == []


def test_the_variables_for_trying_a_template_are_those_of_a_real_prompt(world: World) -> None:
    with_metadata(world, **world.inspector.facts.to_metadata())
    world.run(StartFeature(prompt="Add login", name="login"))
    world.run(
        SubmitWork(feature_id="login", phase_id="define", results={"spec": "## Goal\nLog in"})
    )
    workflow = writing_workflow()
    sample, real = sample_variables(workflow, workflow.phases[1]), dict(world.prompts.variables)

    assert set(sample) == set(real)
    assert shape(sample["outputs"]) == shape(real["outputs"])
    assert shape(sample["inputs"]) == shape(real["inputs"])
    assert set(sample["project"]) == set(real["project"])
    assert set(sample["feature"]) == set(real["feature"])
    assert sample["phase"] == real["phase"]


def test_a_feature_that_is_in_no_phase_of_its_workflow_has_nothing_to_work_on(
    world: World,
) -> None:
    project = world.project
    feature = older_feature(project, current_phase=None)

    assert world.rendering.current_view(project, feature, writing_workflow()) is None


def test_looking_up_the_workflow_of_an_older_feature_keeps_nothing(world: World) -> None:
    project = world.project
    feature = older_feature(project, current_phase="build", workflow_type="default")

    before = copy.deepcopy(feature)
    followed_feature, workflow = followed(project, "older", world.workflows, ROOT)
    assert workflow == writing_workflow()
    assert followed_feature.workflow_type == "standard"  # as it is shown
    assert list(followed_feature.phases) == ["define", "build"]
    assert feature == before
    assert project.workflows == {}


def test_an_older_feature_adopts_its_projects_workflow_once(world: World) -> None:
    project = world.project
    feature = older_feature(project, current_phase="build", workflow_type="default")
    adopted(project, "older", world.workflows, ROOT)
    digest = feature.workflow_digest
    world.workflows.own = catalog(Workflow.canonical("another"), packaged=False)

    assert adopted(project, "older", world.workflows, ROOT) == (feature, writing_workflow())
    assert feature.workflow_type == "standard"
    assert feature.workflow_digest == digest
    assert list(project.workflows) == [digest]


def test_a_broken_file_does_not_hold_up_features_that_keep_their_workflow(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    world.workflows.failure = ValidationError.of("E310", path="w.yml", line=3, reason="a tab")
    reply = world.run(GetFeatureStatus(feature_id="login"))

    assert reply["phase"] is not None


def test_a_broken_file_holds_up_features_of_an_older_release(world: World) -> None:
    project = world.project
    older_feature(project)
    world.repository.put(project)
    world.workflows.failure = ValidationError.of("E310", path="w.yml", line=3, reason="a tab")

    with pytest.raises(ValidationError) as caught:
        world.run(GetFeatureStatus(feature_id="older"))
    assert caught.value.code == "E310"
