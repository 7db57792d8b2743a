"""A use case says which feature it is about; a question changes nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.get_feature_status import GetAssignment, GetFeatureStatus
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.show_dashboard import ShowDashboard
from cde_orchestrator.application.projects.trust_commands import ShowChecks
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.subject import naming_subject
from tests.fakes import World, older_feature, writing_workflow

RESULTS = {"spec": "## Goal\nLog in\n"}


@pytest.mark.parametrize(
    "use_case",
    [
        GetAssignment(feature_id="login"),
        GetFeatureStatus(feature_id="login"),
        ResumeFeature(feature_id="login"),
        SaveProgress(feature_id="login", note="half"),
        SubmitWork(feature_id="login", phase_id="define", results=RESULTS),
        RollbackFeature(feature_id="login", to_phase="define", reason="again"),
        CloseFeature(feature_id="login", outcome="failed", reason="no"),
    ],
    ids=lambda each: each.operation,
)
def test_what_a_use_case_is_about_is_named_in_the_log(world: World, use_case: UseCase[Any]) -> None:
    started = world.run(StartFeature(prompt="Add login", name="login"))
    with naming_subject() as names:
        world.run(use_case)
    assert names["feature"] == "login"
    assert names["feature_id"] == started["feature"]["id"]


@pytest.mark.parametrize(
    "use_case", [ShowChecks(), ShowDashboard()], ids=lambda each: each.operation
)
def test_a_feature_that_is_only_looked_at_is_not_named(
    world: World, use_case: UseCase[Any]
) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    with naming_subject() as names:
        world.run(use_case)
    assert names == {}


def test_asking_for_a_feature_of_an_older_release_leaves_it_as_it_is(world: World) -> None:
    project = world.project
    older = older_feature(project, current_phase="build", workflow_type="default")
    before = copy.deepcopy(older)
    feature, workflow = world.features.followed(project, "older")

    assert workflow == writing_workflow()
    assert feature.workflow_type == workflow.id
    assert list(feature.phases) == ["define", "build"]
    assert older == before
    assert project.workflows == {}


def test_a_feature_with_a_workflow_of_its_own_is_no_copy(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    project = world.project

    assert world.features.followed(project, "login")[0] is project.feature("login")
