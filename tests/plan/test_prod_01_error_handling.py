"""PROD-01: every error has a code, its context, and a way to recover."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import (
    CDEError,
    CDESystemError,
    FeatureError,
    ProjectError,
    StateError,
    ValidationError,
)
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project


def test_an_error_is_made_as_the_plan_makes_it() -> None:
    with pytest.raises(CDEError) as caught:
        raise ProjectError(
            message="Project not found at path",
            code="E001",
            context={"path": "/invalid/path"},
            recoverable=False,
        )

    error = caught.value
    assert (str(error), error.code) == ("Project not found at path", "E001")
    assert error.context == {"path": "/invalid/path"}
    assert error.recoverable is False
    assert error.timestamp.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        (ProjectError, "E001", "E099"),
        (FeatureError, "E100", "E199"),
        (StateError, "E200", "E299"),
        (ValidationError, "E300", "E399"),
        (CDESystemError, "E900", "E999"),
    ],
)
def test_each_class_has_its_range_of_codes(kind: type[CDEError], first: str, last: str) -> None:
    assert [kind("", code).code for code in (first, last)] == [first, last]
    assert kind("", first).recoverable is True

    with pytest.raises(ValueError, match="outside the range"):
        kind("", f"E{int(last[1:]) + 1:03}" if last != "E999" else "E899")


def test_all_errors_have_codes(project: Project) -> None:
    try:
        project.start_feature("...")
    except FeatureError as e:
        assert e.code.startswith("E1")
        assert e.recoverable is True
        assert "context" in e.__dict__
    else:
        pytest.fail("a project that is not active started a feature")


def test_errors_include_context(repo: FilesystemProjectRepository) -> None:
    try:
        repo.get_or_create("/invalid")
    except ProjectError as e:
        assert e.context["path"] == "/invalid"
        assert e.code == "E001"
    else:
        pytest.fail("there is a project where there is no folder")


def test_a_project_that_was_never_stored_is_stored(
    repo: FilesystemProjectRepository, tmp_path: Path
) -> None:
    project = Project.create(str(tmp_path), "shop")
    project.activate()
    feature = project.start_feature("Add auth")

    repo.save(project)

    again = FilesystemProjectRepository().get(tmp_path)
    assert (again.id, again.name, again.status) == (project.id, "shop", project.status)
    assert [each.id for each in again.features] == [feature.id]


def test_a_stored_project_is_saved_again_and_again(
    repo: FilesystemProjectRepository, tmp_path: Path
) -> None:
    project = Project.create(str(tmp_path), "shop")
    repo.save(project)
    project.activate()
    repo.save(project)
    project.start_feature("Add auth")
    repo.save(project, force=True)

    again = FilesystemProjectRepository().get(tmp_path)
    assert [each.prompt for each in again.features] == ["Add auth"]


@pytest.mark.parametrize("force", [False, True])
def test_another_project_is_never_overwritten(
    repo: FilesystemProjectRepository, tmp_path: Path, force: bool
) -> None:
    stored = repo.get_or_create(tmp_path)
    other = Project.create(str(tmp_path), "other")

    with pytest.raises(StateError) as caught:
        repo.save(other, force=force)

    said = repr(caught.value.context)
    assert stored.id in said
    assert other.id in said
    assert repo.get(tmp_path).id == stored.id


def test_recovery_strategies_work(repo: FilesystemProjectRepository, tmp_path: Path) -> None:
    mine = repo.get_or_create(tmp_path)
    mine.activate()
    theirs = FilesystemProjectRepository().get(tmp_path)
    theirs.archive()
    FilesystemProjectRepository().save(theirs)

    try:
        repo.save(mine)
    except StateError as e:
        assert e.code == "E207"
        if e.recoverable:
            # Retry logic
            repo.save(mine, force=True)
    else:
        pytest.fail("a change of somebody else was overwritten without a word")

    assert str(repo.get(tmp_path).status) == "active"


def test_a_feature_is_made_as_the_plan_makes_it(project: Project) -> None:
    feature = Feature.create(project.id, "Add auth")

    assert (feature.project_id, feature.prompt) == (project.id, "Add auth")


def test_the_features_of_a_project_have_places(active: Project) -> None:
    first, second = (active.start_feature(goal) for goal in ("Add auth", "Add search"))

    assert active.features[0] is first
    assert active.features[-1] is second
    with pytest.raises(IndexError):
        active.features[2]
