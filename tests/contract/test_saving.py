"""What every project repository must do to save; each test runs over every implementation."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.ports.core import KeptState, ProjectRepository
from cde_orchestrator.domain.exceptions import (
    ConcurrentChangeError,
    FeatureError,
    ProjectError,
    StateError,
    ValidationError,
)
from cde_orchestrator.domain.project import Project, ProjectStatus
from cde_orchestrator.domain.workflow import Workflow
from tests.contract.conftest import Open


def made(root: Path, *prompts: str) -> Project:
    """A project that was never stored."""
    project = Project.create(str(root), "shop")
    project.activate()
    for prompt in prompts:
        project.start_feature(prompt)
    return project


def start(repository: KeptState, root: Path, *prompts: str) -> list[str]:
    with repository.transaction(root) as project:
        return [project.start_feature(each).id for each in prompts]


def test_a_project_that_was_never_stored_is_stored_whole(
    repository: KeptState, open_repository: Open, root: Path
) -> None:
    project = made(root, "Add auth", "Add search")
    project.metadata["team"] = "payments"
    auth = project.features[0]

    assert repository.save(project) == []

    found = open_repository().get(root)
    assert (found.id, found.name, found.path) == (project.id, "shop", str(root))
    assert (found.status, found.metadata) == (ProjectStatus.ACTIVE, {"team": "payments"})
    assert [*found.features] == [*project.features]
    assert found.workflow_of(found.features[0]) == Workflow.canonical()
    assert project.features[0] is auth
    (entry,) = repository.history(root, 5)
    assert (entry.sequence, entry.operation) == (1, "create_project")


def test_it_is_one_of_the_stored_ones_from_then_on(
    repository: KeptState, open_repository: Open, root: Path
) -> None:
    project = made(root, "Add auth")
    repository.save(project)
    theirs = start(open_repository(), root, "Theirs")

    project.features[0].metadata["by"] = "me"
    added = project.start_feature("Add search")
    repository.save(project)
    repository.save(project)

    found = open_repository().get(root)
    assert found.feature("add-auth").metadata == {"by": "me"}
    assert {each.id for each in found.features} == {project.features[0].id, *theirs, added.id}
    assert len(project.features) == 3
    assert len(repository.history(root, 9)) == 3


def test_a_folder_that_is_missing_is_named(repository: KeptState, root: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        repository.save(made(root / "missing"))
    assert caught.value.code == "E001"


@pytest.mark.parametrize("force", [False, True])
def test_another_project_is_never_overwritten(
    repository: KeptState, open_repository: Open, root: Path, force: bool
) -> None:
    stored = open_repository().get_or_create(root)
    other = made(root, "Add auth")
    with pytest.raises(StateError) as caught:
        repository.save(other, force=force)

    error = caught.value
    assert (error.code, error.recoverable) == ("E219", False)
    assert (error.context["stored"], error.context["given"]) == (stored.id, other.id)
    assert len(repository.history(root, 9)) == 1
    with repository.transaction(root) as project:
        assert [*project.features] == []


def test_a_copy_of_a_new_project_that_says_the_same_changes_nothing(
    repository: KeptState, root: Path
) -> None:
    project = made(root, "Add auth")
    repository.save(copied := copy.deepcopy(project))
    repository.save(project)
    assert [*project.features] == [*copied.features]


def test_a_copy_of_a_new_project_that_says_otherwise_is_a_conflict(
    repository: KeptState, root: Path
) -> None:
    project = made(root, "Add auth")
    repository.save(copy.deepcopy(project))
    project.features[0].metadata["by"] = "me"
    with pytest.raises(ConcurrentChangeError):
        repository.save(project)
    assert repository.save(project, force=True) == [
        "The feature 'add-auth' was replaced; somebody else had changed it."
    ]
    assert repository.get(root).features[0].metadata == {"by": "me"}


def test_what_others_changed_is_not_undone_by_a_later_save(
    repository: KeptState, open_repository: Open, root: Path
) -> None:
    mine = made(root, "Read only", "Mine")
    repository.save(mine)
    read, own = mine.features
    with open_repository().transaction(root) as theirs:
        theirs.metadata["by"] = "them"
        theirs.feature(read.id).metadata["by"] = "them"
        theirs.keep_workflow(Workflow.canonical("theirs"))

    for number in range(2):
        own.metadata["number"] = number
        repository.save(mine)

    found = open_repository().get(root)
    assert found.metadata == {"by": "them"}
    assert found.feature(read.id).metadata == {"by": "them"}
    assert len(found.workflows) == 2
    assert found.feature(own.id).metadata == {"number": 1}
    read.metadata["by"] = "me"
    with pytest.raises(ConcurrentChangeError):
        repository.save(mine)


def test_force_makes_mine_count_and_says_what_it_overrode(
    repository: KeptState, open_repository: Open, root: Path
) -> None:
    mine = made(root, "Contended", "Theirs alone")
    repository.save(mine)
    contended, alone = mine.features
    with open_repository().transaction(root) as theirs:
        theirs.archive()
        theirs.metadata["by"] = "them"
        theirs.feature(contended.id).metadata["by"] = "them"
        theirs.feature(contended.id).artifacts.append("theirs.md")
        theirs.feature(alone.id).metadata["by"] = "them"
        theirs.extra["theirs"] = True
    mine.status = ProjectStatus.ERROR
    mine.metadata["by"] = "me"
    contended.metadata["mine"] = True
    with pytest.raises(ConcurrentChangeError):
        repository.save(mine)

    with capture_logs() as events:
        overridden = repository.save(mine, force=True)

    assert overridden == [
        'The project\'s metadata was replaced; somebody else had changed it to {"by": "them"}.',
        'The project\'s status was replaced; somebody else had changed it to "archived".',
        "The feature 'contended' was replaced; somebody else had changed it.",
    ]
    (warning,) = [each for each in events if each["event"] == "changes_overridden"]
    assert (warning["log_level"], warning["overridden"]) == ("warning", overridden)
    found = open_repository().get(root)
    assert (found.status, found.metadata) == (ProjectStatus.ERROR, {"by": "me"})
    assert found.feature(contended.id) == contended
    assert found.feature(alone.id).metadata == {"by": "them"}
    assert found.extra == {"theirs": True}
    assert repository.save(mine, force=True) == []
    contended.metadata["mine"] = False
    assert repository.save(mine) == []


def test_force_brings_back_what_went_meanwhile(
    repository: KeptState, open_repository: Open, root: Path
) -> None:
    repository.get_or_create(root)
    with repository.transaction(root) as project:
        project.activate()
    _, before = repository.state_at(root)
    (gone,) = start(repository, root, "Gone")
    mine = repository.get(root)
    mine.feature(gone).metadata["by"] = "me"
    open_repository().restore(root, before)
    with pytest.raises(ConcurrentChangeError):
        repository.save(mine)

    assert repository.save(mine, force=True) == [
        "The feature 'gone' is kept; somebody else had removed it."
    ]
    found = open_repository().get(root)
    assert found.feature(gone).metadata == {"by": "me"}
    assert found.workflow_of(found.feature(gone)) == Workflow.canonical()


def test_what_went_meanwhile_does_not_come_back_by_itself(
    repository: KeptState, open_repository: Open, root: Path
) -> None:
    repository.get_or_create(root)
    _, before = repository.state_at(root)
    with repository.transaction(root) as project:
        project.activate()
        project.start_feature("Gone")
    mine = repository.get(root)
    assert [each.name for each in mine.features] == ["gone"]
    open_repository().restore(root, before)

    for number in range(2):
        mine.metadata["number"] = number
        repository.save(mine)

    assert [*open_repository().get(root).features] == []


def test_a_name_that_was_taken_meanwhile_is_refused_with_force_too(
    repository: KeptState, open_repository: Open, root: Path
) -> None:
    mine = made(root)
    repository.save(mine)
    mine.start_feature("Anything", name="wanted")
    start(open_repository(), root, "Wanted")
    with pytest.raises(FeatureError) as caught:
        repository.save(mine, force=True)
    assert caught.value.code == "E104"
    assert len(repository.get(root).features) == 1


def test_what_a_process_of_its_own_changed_is_overridden_and_said(root: Path) -> None:
    mine = made(root, "Contended")
    repository = FilesystemProjectRepository()
    repository.save(mine)
    program = (
        "from cde_orchestrator.adapters.filesystem_project_repository import *\n"
        "with FilesystemProjectRepository().transaction('.') as project:\n"
        "    project.features[0].metadata['by'] = 'them'\n"
        "    project.start_feature('Theirs')\n"
    )
    subprocess.run([sys.executable, "-P", "-c", program], cwd=root, check=True)
    mine.features[0].metadata["by"] = "me"
    with pytest.raises(ConcurrentChangeError):
        repository.save(mine)

    assert len(repository.save(mine, force=True)) == 1

    found = FilesystemProjectRepository().get(root)
    assert [(each.name, each.metadata) for each in found.features] == [
        ("contended", {"by": "me"}),
        ("theirs", {}),
    ]
    assert repository.verify(root) == []


def _cycle() -> dict[str, Any]:
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    return cycle


@pytest.mark.parametrize(
    "spoil",
    [
        lambda project: setattr(project, "status", "Active"),
        lambda project: setattr(project, "name", "two\nlines"),
        lambda project: setattr(project, "name", 5),
        lambda project: project.metadata.update(path=Path("x")),
        lambda project: project.metadata.update(number=2**70),
        lambda project: project.metadata.update(text="\ud800"),
        lambda project: project.metadata.update(_cycle()),
    ],
)
def test_what_could_not_be_loaded_again_is_not_saved(
    repository: ProjectRepository, active: Path, spoil: Callable[[Any], object]
) -> None:
    project = repository.get(active)
    spoil(project)
    for force in (False, True):
        with pytest.raises(ValidationError) as caught:
            repository.save(project, force=force)
        assert caught.value.code in {"E303", "E305"}
    assert repository.get(active).metadata == {}


@pytest.mark.parametrize("name", [5, "", "two\nlines", "x" * 101, "a\0b"])
def test_a_project_that_was_never_stored_needs_a_name_that_init_takes(
    repository: ProjectRepository, root: Path, name: Any
) -> None:
    with pytest.raises(ValidationError) as caught:
        repository.save(Project.create(str(root), name))
    assert caught.value.code in {"E302", "E303", "E305"}
    with pytest.raises(ProjectError):
        repository.get(root)


def test_what_could_not_be_stored_ends_a_transaction_with_a_code(
    repository: ProjectRepository, active: Path
) -> None:
    for value in (Path("x"), 2**70, {"a", "b"}, _cycle()):
        with pytest.raises(ValidationError) as caught, repository.transaction(active) as project:
            project.metadata["value"] = value
        assert caught.value.code == "E305"
    assert repository.get(active).metadata == {}
