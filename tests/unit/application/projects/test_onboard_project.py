"""Onboarding makes a project of a folder, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.application.projects.onboard_project import OnboardProject, proof_words
from cde_orchestrator.domain.exceptions import (
    ProjectError,
    ReadOnlyModeError,
    StateError,
    ValidationError,
)
from cde_orchestrator.domain.project import ProjectStatus
from cde_orchestrator.domain.project_facts import conventions_in
from cde_orchestrator.domain.workflow import RunnerSetting
from tests.fakes import World, catalog, writing_workflow
from tests.phase_fakes import NOT_TRIED

FACTS = {
    "languages": ["Python", "TypeScript"],
    "package_manager": "uv",
    "test_command": ["uv", "run", "pytest", "-q"],
    "git": True,
    **conventions_in({}),
}


def test_a_folder_becomes_an_active_project(folder: World) -> None:
    reply = folder.run(OnboardProject())

    assert reply == {
        "project": {
            "id": folder.project.id,
            "name": "shop",
            "path": "/home/shop",
            "status": "active",
            "backend": "memory",
            "read_only": False,
            "trust": "trusted",
        },
        "already_onboarded": False,
        "facts": FACTS,
        "proof": "recorded",
        "runners": ["tiny"],
        "baseline": [NOT_TRIED],
        "created": [".cde/workflow.yml"],
        "packaging": "",
    }
    assert folder.project.status is ProjectStatus.ACTIVE


def test_what_was_found_is_kept_with_the_project(folder: World) -> None:
    folder.run(OnboardProject())

    assert folder.project.metadata == folder.inspector.facts.to_metadata()


def test_the_workflows_are_written_with_the_projects_test_command(folder: World) -> None:
    folder.run(OnboardProject())

    assert folder.workflows.check == ("uv", "run", "pytest", "-q")


@pytest.mark.parametrize(
    ("commit", "runners", "proof", "words"),
    [
        ("c0ffee", True, "required", "required, by tiny"),
        (None, True, "recorded", "recorded, so features end unproven; to be required"),
        ("c0ffee", False, "recorded", "recorded, so features end unproven; to be required"),
    ],
)
def test_proof_is_required_where_there_are_git_and_a_runner(
    folder: World, commit: str | None, runners: bool, proof: str, words: str
) -> None:
    folder.git.commit = commit
    if not runners:
        folder.proofs.runners.runners = []
    reply = folder.run(OnboardProject())

    assert reply["proof"] == proof
    assert proof_words(reply).startswith(words)
    assert folder.workflows.load(folder.root).get().proof == proof


def test_a_workflow_file_that_is_there_says_itself_what_is_proven(folder: World) -> None:
    folder.git.commit = "c0ffee"
    folder.workflows.own = folder.workflows.packaged
    reply = folder.run(OnboardProject())

    assert (reply["proof"], reply["runners"]) == (None, [])
    assert proof_words(reply) == "not asked for by the workflow file"
    command = RunnerSetting(command=("make", "check"), junit="a.xml", tests=("*.c",))
    own = replace(folder.workflows.packaged.get(), proof="required", runner=command)
    folder.workflows.own = catalog(own, packaged=False)
    assert proof_words(folder.run(OnboardProject())) == "required, by make check"


def test_done_twice_it_changes_nothing(folder: World) -> None:
    folder.run(OnboardProject())
    before = folder.project
    folder.clock.advance()
    reply = folder.run(OnboardProject(name="another"))

    assert reply["already_onboarded"] is True
    assert reply["created"] == []
    assert reply["facts"] == FACTS
    assert reply["project"]["name"] == "shop"
    assert folder.project.updated_at == before.updated_at
    assert folder.project.metadata == before.metadata


def test_an_archived_project_stays_archived(folder: World) -> None:
    folder.run(OnboardProject())
    project = folder.project
    project.archive()
    folder.repository.put(project)
    reply = folder.run(OnboardProject())

    assert reply["already_onboarded"] is True
    assert reply["project"]["status"] == "archived"


def test_a_workflow_file_that_the_project_has_is_left_as_it_is(folder: World) -> None:
    own = catalog(writing_workflow("mine"), packaged=False)
    folder.workflows.own = own
    reply = folder.run(OnboardProject())

    assert reply["created"] == []
    assert folder.workflows.own is own


def test_metadata_of_an_earlier_attempt_is_kept(folder: World) -> None:
    project = folder.repository.get_or_create("/home/shop")
    project.metadata = {"owner": "Ada", "git": False}
    folder.repository.put(project)
    folder.run(OnboardProject())

    assert folder.project.metadata["owner"] == "Ada"
    assert folder.project.metadata["git"] is True


@pytest.mark.parametrize("name", ["The Shop", " 商店 ", "x" * 100])
def test_a_project_bears_the_name_that_it_was_given(folder: World, name: str) -> None:
    assert folder.run(OnboardProject(name=name))["project"]["name"] == name.strip()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "E305"),
        (" \t", "E305"),
        ("two\nlines", "E305"),
        ("\x1b[31mred", "E305"),
        ("a\u202eb", "E305"),
        ("x" * 101, "E302"),
        ("a\x00b", "E303"),
        ("a\ud800b", "E303"),
    ],
)
def test_a_name_that_is_no_line_of_visible_text_makes_no_project(
    folder: World, name: str, code: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        folder.run(OnboardProject(name=name))
    assert caught.value.code == code

    assert not has_project(folder)


def has_project(folder: World) -> bool:
    """Whether anything was made of the folder."""
    try:
        folder.repository.get("/home/shop")
    except ProjectError:
        return False
    return True


def broken() -> ValidationError:
    """What a workflow file with an error gives."""
    return ValidationError.of("E310", path=".cde/workflow.yml", line=3, reason="a tab")


def test_a_broken_workflow_file_is_told_before_anything_is_made(folder: World) -> None:
    folder.workflows.failure = broken()
    with pytest.raises(ValidationError) as caught:
        folder.run(OnboardProject())

    assert caught.value.code == "E310"
    assert not has_project(folder)


def test_a_workflow_file_that_broke_later_is_told_by_onboarding_again(folder: World) -> None:
    folder.run(OnboardProject())
    folder.workflows.failure = broken()

    with pytest.raises(ValidationError) as caught:
        folder.run(OnboardProject())
    assert caught.value.code == "E310"


def test_a_folder_that_cannot_be_written_is_not_onboarded(folder: World) -> None:
    folder.repository.read_only_reason = "the file system is read-only"

    with pytest.raises(ReadOnlyModeError) as caught:
        folder.run(OnboardProject())
    assert caught.value.code == "E206"


def test_a_change_that_could_not_be_written_leaves_the_project_onboarding(folder: World) -> None:
    folder.repository.commit_failure = StateError.of("E204", path="/home/shop")

    with pytest.raises(StateError) as caught:
        folder.run(OnboardProject())
    assert caught.value.code == "E204"
    assert folder.project.status is ProjectStatus.ONBOARDING


def test_a_project_that_was_left_onboarding_is_taken_over_later(folder: World) -> None:
    folder.repository.get_or_create("/home/shop", "begun")
    reply = folder.run(OnboardProject(name="another"))

    assert reply["already_onboarded"] is False
    assert reply["project"]["status"] == "active"
    assert reply["project"]["name"] == "begun"


def test_a_folder_that_does_not_exist_is_not_onboarded(folder: World) -> None:
    folder.repository.folders.clear()

    with pytest.raises(ProjectError) as caught:
        folder.run(OnboardProject())
    assert caught.value.code == "E001"
    assert caught.value.context["path"] == "/home/shop"
