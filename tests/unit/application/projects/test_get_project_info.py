"""The project at a glance."""

from __future__ import annotations

import pytest

from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.domain.exceptions import ProjectError, ValidationError
from cde_orchestrator.domain.project_facts import conventions_in
from cde_orchestrator.domain.workflow import Workflow
from tests.fakes import World, catalog, older_feature, writing_workflow
from tests.phase_fakes import NOT_TRIED


def test_the_project_is_told_with_its_workflows_and_facts(world: World) -> None:
    project = world.project
    project.metadata = {"languages": ["Python"], "git": True}
    world.repository.put(project)
    world.workflows.own = catalog(writing_workflow(), Workflow.canonical("six"), packaged=False)

    assert world.run(GetProjectInfo()) == {
        "project": {
            "id": project.id,
            "name": "shop",
            "path": "/home/shop",
            "status": "active",
            "backend": "memory",
            "read_only": False,
            "trust": "trusted",
        },
        "home": "/home/shop",
        "features": {},
        "open_features": 0,
        "facts": {"languages": ["Python"], "git": True, **conventions_in({})},
        "baseline": [NOT_TRIED],
        "default_workflow": "standard",
        "workflows": [
            {
                "id": "standard",
                "description": "Write, then build.",
                "phases": ["define", "build"],
            },
            {
                "id": "six",
                "description": "",
                "phases": ["define", "decompose", "design", "implement", "test", "review"],
            },
        ],
        "workflow_problem": None,
        "read_only_reason": None,
        "read_only_since": None,
    }


def test_features_are_counted_by_status(world: World) -> None:
    project = world.project
    statuses = ["testing", "completed", "testing", "failed", "cancelled", "defining", "testing"]
    for number, status in enumerate(statuses):
        older_feature(project, id=f"id-{number}", name=f"feature-{number}", status=status)
    world.repository.put(project)
    reply = world.run(GetProjectInfo())

    assert list(reply["features"].items()) == [
        ("cancelled", 1),
        ("completed", 1),
        ("defining", 1),
        ("failed", 1),
        ("testing", 3),
    ]
    assert reply["open_features"] == 4


def test_a_broken_workflow_file_is_told_and_hides_nothing_else(world: World) -> None:
    world.workflows.failure = ValidationError.of("E310", path="w.yml", line=3, reason="a tab")
    reply = world.run(GetProjectInfo())

    assert reply["project"]["name"] == "shop"
    assert reply["default_workflow"] is None
    assert reply["workflows"] == []
    assert reply["workflow_problem"] is not None
    assert reply["workflow_problem"].startswith("E310: ")


def test_a_read_only_project_says_so(world: World) -> None:
    world.repository.read_only_reason = "the disk is full"

    assert world.run(GetProjectInfo())["project"]["read_only"] is True


def test_a_folder_without_a_project_has_nothing_to_tell(folder: World) -> None:
    with pytest.raises(ProjectError) as caught:
        folder.run(GetProjectInfo())

    assert caught.value.code == "E004"
