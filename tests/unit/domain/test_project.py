"""A project: its status decides what may be done with it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.exceptions import (
    CDEError,
    FeatureError,
    ProjectError,
    ReadOnlyModeError,
    ValidationError,
)
from cde_orchestrator.domain.project import Project, ProjectStatus
from cde_orchestrator.domain.workflow import Workflow
from cde_orchestrator.testing import ManualClock
from tests.fakes import NOON, older_feature, writing_workflow

ALLOWED = {
    (ProjectStatus.ONBOARDING, ProjectStatus.ACTIVE),
    (ProjectStatus.ONBOARDING, ProjectStatus.ARCHIVED),
    (ProjectStatus.ACTIVE, ProjectStatus.ARCHIVED),
    (ProjectStatus.ARCHIVED, ProjectStatus.ACTIVE),
    (ProjectStatus.ERROR, ProjectStatus.ACTIVE),
    (ProjectStatus.ERROR, ProjectStatus.ARCHIVED),
}
CHANGES = [
    (before, after) for before in ProjectStatus for after in ProjectStatus if before is not after
]


def test_the_statuses_are_the_words_that_are_stored() -> None:
    assert [each.value for each in ProjectStatus] == ["onboarding", "active", "archived", "error"]


def test_a_new_project_is_being_onboarded(clock: ManualClock) -> None:
    project = Project.create("/home/shop", "shop", clock)

    assert uuid.UUID(project.id).version == 4
    assert (project.name, project.path) == ("shop", "/home/shop")
    assert project.status is ProjectStatus.ONBOARDING
    assert project.created_at == project.updated_at == NOON
    assert len(project.features) == 0
    assert not project.read_only


@pytest.mark.parametrize(("before", "after"), [pair for pair in CHANGES if pair in ALLOWED])
def test_a_status_changes_to_those_that_are_allowed(
    project: Project, clock: ManualClock, before: ProjectStatus, after: ProjectStatus
) -> None:
    project.status = before
    with capture_logs() as logs:
        later = clock.advance()
        project.change_status(after)

    assert project.status is after
    assert project.updated_at == later
    assert logs == [
        {
            "event": "project_status_changed",
            "operation": "change_status",
            "project_id": project.id,
            "before": before.value,
            "after": after.value,
            "log_level": "info",
        }
    ]


@pytest.mark.parametrize(("before", "after"), [pair for pair in CHANGES if pair not in ALLOWED])
def test_any_other_change_of_status_is_refused_with_those_that_are_allowed(
    project: Project, before: ProjectStatus, after: ProjectStatus
) -> None:
    project.status = before

    with pytest.raises(ProjectError) as refused:
        project.change_status(after)

    assert refused.value.code == "E005"
    assert refused.value.context["status"] == before.value
    assert refused.value.context["target"] == after.value
    allowed = refused.value.context["allowed"].split(", ")
    assert {(before, ProjectStatus(each)) for each in allowed} <= ALLOWED
    assert project.status is before


@pytest.mark.parametrize("status", list(ProjectStatus))
def test_going_to_the_present_status_changes_nothing(
    project: Project, clock: ManualClock, status: ProjectStatus
) -> None:
    project.status = status
    clock.advance()
    with capture_logs() as logs:
        project.change_status(status)

    assert project.status is status
    assert project.updated_at == NOON
    assert logs == []


def test_a_project_is_archived_and_activated_again(project: Project) -> None:
    seen = []
    for change in (project.archive, project.activate):
        change()
        seen.append(project.status)

    assert seen == [ProjectStatus.ARCHIVED, ProjectStatus.ACTIVE]


@pytest.mark.parametrize(
    "change",
    [
        lambda project: project.activate(),
        lambda project: project.archive(),
        lambda project: project.change_status(ProjectStatus.ERROR),
        lambda project: project.start_feature("Add login"),
        lambda project: project.require_writable(),
    ],
)
def test_a_read_only_project_refuses_every_change_with_the_reason(
    project: Project, change: Callable[[Project], object]
) -> None:
    project.read_only_reason = "the disk is full"
    assert project.read_only

    with pytest.raises(ReadOnlyModeError) as refused:
        change(project)

    assert refused.value.code == "E206"
    assert refused.value.context["reason"] == "the disk is full"
    assert project.status is ProjectStatus.ACTIVE
    assert len(project.features) == 0


def test_a_project_that_can_be_written_lets_changes_through(project: Project) -> None:
    project.require_writable()

    assert not project.read_only


def test_starting_a_feature_is_logged_from_start_to_finish(project: Project) -> None:
    with capture_logs() as logs:
        feature = project.start_feature("Add auth")
        assert len(logs) >= 2
        assert logs[0]["operation"] == "start_feature"
        assert "duration_ms" in logs[-1]

    assert [entry["event"] for entry in logs] == ["feature_starting", "feature_started"]
    assert logs[0]["prompt"] == "Add auth"
    assert {entry["project_id"] for entry in logs} == {project.id}
    assert {entry["prompt_length"] for entry in logs} == {len("Add auth")}
    assert logs[-1]["feature_id"] == feature.id
    assert logs[-1]["duration_ms"] >= 0


def test_a_feature_that_is_not_started_is_logged_with_its_code(project: Project) -> None:
    project.archive()
    with capture_logs() as logs, pytest.raises(FeatureError):
        project.start_feature("Add auth")

    assert [entry["event"] for entry in logs] == ["feature_starting", "feature_not_started"]
    assert logs[-1]["log_level"] == "warning"
    assert logs[-1]["error_code"] == "E101"
    assert logs[-1]["duration_ms"] >= 0


def test_the_log_holds_no_more_of_a_prompt_than_its_beginning(project: Project) -> None:
    with capture_logs() as logs:
        project.start_feature("x" * 20_000)

    assert max(len(str(value)) for entry in logs for value in entry.values()) <= 50
    assert logs[0]["prompt_length"] == 20_000


def test_a_started_feature_belongs_to_the_project(project: Project, clock: ManualClock) -> None:
    later = clock.advance()
    feature = project.start_feature("  Add a login page\n")

    assert feature.project_id == project.id
    assert feature.prompt == "Add a login page"
    assert feature.name == "add-a-login-page"
    assert feature.created_at == later
    assert (feature.status, feature.current_phase) == ("defining", "define")
    assert list(project.features) == [feature]


def test_without_a_workflow_a_feature_follows_the_six_canonical_phases(project: Project) -> None:
    assert project.start_feature("Add login").workflow_type == "standard"

    feature = project.start_feature("Add logout", "mine")
    assert feature.workflow_type == "mine"
    assert project.workflow_of(feature) == Workflow.canonical("mine")


def test_a_feature_follows_the_workflow_that_it_was_given(project: Project) -> None:
    workflow = writing_workflow("writing")
    feature = project.start_feature("Add login", workflow=workflow)

    assert feature.workflow_type == "writing"
    assert list(feature.phases) == ["define", "build"]
    assert project.workflow_of(feature) == workflow


def test_a_feature_keeps_its_workflow_when_the_file_changes(project: Project) -> None:
    before = writing_workflow()
    first = project.start_feature("Add login", workflow=before)
    changed = replace(before, phases=before.phases[:1])
    second = project.start_feature("Add logout", workflow=changed)

    assert project.workflow_of(first) == before
    assert project.workflow_of(second) == changed


def test_one_workflow_is_kept_once_as_plain_json(project: Project) -> None:
    for number in range(3):
        project.start_feature(f"Feature {number}", workflow=writing_workflow())

    assert len(project.workflows) == 1
    assert json.loads(json.dumps(project.workflows)) == project.workflows
    project.keep_workflow(writing_workflow("another"))
    assert len(project.workflows) == 2


def test_a_feature_of_an_older_release_has_no_workflow_of_its_own(project: Project) -> None:
    assert project.workflow_of(older_feature(project)) is None


@pytest.mark.parametrize(
    "status", [each for each in ProjectStatus if each is not ProjectStatus.ACTIVE]
)
def test_only_an_active_project_starts_features(project: Project, status: ProjectStatus) -> None:
    project.status = status

    with pytest.raises(FeatureError) as refused:
        project.start_feature("Add login")

    assert refused.value.code == "E101"
    assert refused.value.context["status"] == status.name
    assert refused.value.recoverable


@pytest.mark.parametrize(
    ("prompt", "name", "code"),
    [
        ("", None, "E301"),
        ("\u200b", None, "E301"),
        ("x" * 20_001, None, "E302"),
        ("a\x00b", None, "E303"),
        ("Add login", "Not A Slug", "E304"),
        ("Add login", "", "E304"),
        ("Add login", "../login", "E304"),
    ],
    ids=range(7),
)
def test_a_prompt_or_name_that_is_not_acceptable_starts_nothing(
    project: Project, prompt: str, name: str | None, code: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        project.start_feature(prompt, name=name)

    assert refused.value.code == code
    assert len(project.features) == 0
    assert project.workflows == {}


def test_a_feature_bears_the_name_that_it_was_given(project: Project) -> None:
    assert project.start_feature("Add a login page", name="login").name == "login"


def test_a_name_that_is_taken_is_refused_with_a_free_one(project: Project) -> None:
    project.start_feature("Add a login page", name="login")
    project.start_feature("Another", name="login-2")

    with pytest.raises(FeatureError) as refused:
        project.start_feature("Add login once more", name="login")

    assert refused.value.code == "E104"
    assert refused.value.context["name"] == "login"
    assert refused.value.context["free_name"] == "login-3"
    assert project.start_feature("Again", name="login-3").name == "login-3"


def test_the_same_prompt_again_gets_a_name_of_its_own(project: Project) -> None:
    names = [project.start_feature("添加登录").name for _ in range(3)]

    assert names == ["tian-jia-deng-lu", "tian-jia-deng-lu-2", "tian-jia-deng-lu-3"]


def test_a_feature_is_found_through_its_project(project: Project) -> None:
    feature = project.start_feature("Add login")

    assert project.feature(feature.id) is feature
    assert project.feature(feature.id[:8]) is feature
    assert project.feature("add-login") is feature
    with pytest.raises(FeatureError) as refused:
        project.feature("add-logout")
    assert refused.value.code == "E102"


def test_each_project_has_its_own_features(clock: ManualClock) -> None:
    one, other = (Project.create(f"/home/{name}", name, clock) for name in ("one", "other"))
    one.status = ProjectStatus.ACTIVE
    one.start_feature("Add login")

    assert len(other.features) == 0
    assert one.metadata is not other.metadata


def test_the_clock_is_no_part_of_what_a_project_is(project: Project) -> None:
    assert replace(project, clock=ManualClock()) == project
    assert "clock" not in repr(project)


def test_every_refusal_of_a_project_is_an_error_of_the_product(project: Project) -> None:
    project.archive()

    with pytest.raises(CDEError) as refused:
        project.start_feature("Add login")

    assert refused.value.code.startswith("E1")
    assert refused.value.recoverable is True
    assert "context" in refused.value.__dict__


def test_a_refusal_says_since_when_nothing_can_be_written(project: Project) -> None:
    project.read_only_reason = "the disk is full"
    for since, words in ((None, "now"), (NOON, NOON.isoformat())):
        project.read_only_since = since
        with pytest.raises(ReadOnlyModeError) as caught:
            project.require_writable()
        assert caught.value.context == {"reason": "the disk is full", "since": words}


def test_a_workflow_is_kept_under_sixteen_digits_of_its_contents(project: Project) -> None:
    key = project.keep_workflow(writing_workflow())

    assert re.fullmatch("[0-9a-f]{16}", key)
    assert project.keep_workflow(writing_workflow()) == key


def test_a_feature_that_is_given_a_workflow_knows_it_and_its_file(project: Project) -> None:
    feature = project.start_feature("Add login")
    project.give_workflow(feature, replace(writing_workflow("another"), file_digest="f1"))

    assert feature.workflow_digest == project.keep_workflow(writing_workflow("another"))
    assert feature.is_of_file("f1")
    project.give_workflow(feature, writing_workflow())
    assert not feature.is_of_file("f1")


def test_later_releases_know_a_workflow_by_the_same_key(project: Project) -> None:
    assert project.keep_workflow(writing_workflow()) == "78e211d055af2318"
