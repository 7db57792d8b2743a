"""A project is archived and activated again."""

from __future__ import annotations

import pytest

from cde_orchestrator.application.projects.onboard_project import SetProjectStatus
from cde_orchestrator.domain.exceptions import (
    ProjectError,
    ReadOnlyModeError,
    StateError,
    ValidationError,
)
from cde_orchestrator.domain.project import ProjectStatus
from tests.fakes import World


@pytest.mark.parametrize("status", ["archived", "active"])
def test_the_answer_is_the_project_after_the_change(world: World, status: str) -> None:
    reply = world.run(SetProjectStatus(status=status))

    assert list(reply) == ["project"]
    assert reply["project"]["status"] == status
    assert world.project.status.value == status


def test_an_archived_project_is_activated_again(world: World) -> None:
    world.run(SetProjectStatus(status="archived"))
    world.clock.advance()
    world.run(SetProjectStatus(status="active"))

    assert world.project.status is ProjectStatus.ACTIVE
    assert world.project.updated_at == world.clock.now


@pytest.mark.parametrize("status", ["", "ACTIVE", "deleted"])
def test_what_is_no_status_cannot_be_set(world: World, status: str) -> None:
    with pytest.raises(ValidationError) as caught:
        world.run(SetProjectStatus(status=status))

    assert caught.value.code == "E305"
    assert caught.value.context["argument"] == "status"
    assert world.project.status is ProjectStatus.ACTIVE


@pytest.mark.parametrize("status", ["onboarding", "error"])
def test_a_status_that_an_active_project_cannot_have_again_is_refused(
    world: World, status: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        world.run(SetProjectStatus(status=status))

    assert caught.value.code == "E005"
    assert world.project.status is ProjectStatus.ACTIVE


def test_a_read_only_project_keeps_its_status(world: World) -> None:
    world.repository.read_only_reason = "the disk is full"

    with pytest.raises(ReadOnlyModeError) as caught:
        world.run(SetProjectStatus(status="archived"))
    assert caught.value.code == "E206"
    assert world.project.status is ProjectStatus.ACTIVE


def test_a_change_that_could_not_be_written_is_not_made(world: World) -> None:
    world.repository.commit_failure = StateError.of("E203", path="/p", reason="I/O error")

    with pytest.raises(StateError) as caught:
        world.run(SetProjectStatus(status="archived"))
    assert caught.value.code == "E203"
    assert world.project.status is ProjectStatus.ACTIVE


def test_a_folder_without_a_project_has_no_status(folder: World) -> None:
    with pytest.raises(ProjectError) as caught:
        folder.run(SetProjectStatus(status="active"))

    assert caught.value.code == "E004"
