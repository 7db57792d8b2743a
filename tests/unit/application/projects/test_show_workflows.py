"""The project's workflows are shown, and checked with their prompts."""

from __future__ import annotations

import pytest

from cde_orchestrator.application.projects.show_workflows import ShowWorkflows, ValidateWorkflows
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.workflow import Phase, Workflow
from tests.fakes import World, catalog, writing_workflow


@pytest.fixture
def own(folder: World) -> World:
    """A folder with two workflows of its own."""
    quick = Workflow(id="quick", phases=(Phase(id="fix"),))
    folder.workflows.own = catalog(writing_workflow("mine"), quick, packaged=False)
    return folder


def test_without_a_file_of_its_own_a_project_has_the_packaged_workflows(folder: World) -> None:
    reply = folder.run(ShowWorkflows())

    assert reply == {
        "source": "workflow.yml",
        "packaged": True,
        "default": "standard",
        "workflows": [writing_workflow().to_dict()],
        "shared": {},
    }


def test_the_projects_own_workflows_are_shown_in_their_order(own: World) -> None:
    reply = own.run(ShowWorkflows())

    assert reply["source"] == ".cde/workflow.yml"
    assert reply["packaged"] is False
    assert reply["default"] == "mine"
    assert [workflow["id"] for workflow in reply["workflows"]] == ["mine", "quick"]


def test_one_workflow_can_be_shown_alone(own: World) -> None:
    reply = own.run(ShowWorkflows(name="quick"))

    assert [workflow["id"] for workflow in reply["workflows"]] == ["quick"]


def test_the_packaged_workflows_are_shown_whatever_the_project_has(own: World) -> None:
    own.workflows.failure = ValidationError.of("E310", path="w.yml", line=3, reason="a tab")
    reply = own.run(ShowWorkflows(packaged=True))

    assert reply["packaged"] is True
    assert [workflow["id"] for workflow in reply["workflows"]] == ["standard"]


@pytest.mark.parametrize("packaged", [True, False])
def test_an_unknown_workflow_is_refused(own: World, packaged: bool) -> None:
    with pytest.raises(ValidationError) as caught:
        own.run(ShowWorkflows(name="unheard-of", packaged=packaged))

    assert caught.value.code == "E306"


def test_a_file_is_valid_when_every_prompt_can_be_filled_in(own: World) -> None:
    reply = own.run(ValidateWorkflows())

    assert reply == own.run(ShowWorkflows())
    assert [template for template, _ in own.prompts.rendered] == [
        "standard/define.md",
        "standard/build.md",
    ]


def test_a_prompt_is_tried_with_everything_that_a_real_one_is_given(own: World) -> None:
    own.run(ValidateWorkflows())
    variables = own.prompts.variables

    assert variables["phase"] == {
        "id": "build",
        "description": "Build it.",
        "handler": "human_input",
        "check": ["make", "test"],
        "changes": None,
        "proves": None,
        "agent": None,
    }
    assert variables["proof"] == {"required": False, "runners": [], "forms": {}}
    assert variables["feature"]["workflow"] == "mine"
    assert variables["outputs"][0]["path"] == "specs/feature/report.md"
    assert variables["inputs"] == [
        {
            "id": "spec",
            "path": "specs/feature/spec.md",
            "phase": "define",
            "excerpt": "",
            "sections": [],
            "specifies": False,
        }
    ]


@pytest.mark.parametrize(("missing", "code"), [(True, "E312"), (False, "E313")])
def test_a_prompt_that_cannot_be_filled_in_is_told(own: World, missing: bool, code: str) -> None:
    (own.prompts.missing if missing else own.prompts.broken).add("standard/build.md")

    with pytest.raises(ValidationError) as caught:
        own.run(ValidateWorkflows())
    assert caught.value.code == code


def test_a_broken_file_is_told(own: World) -> None:
    own.workflows.failure = ValidationError.of("E310", path="w.yml", line=3, reason="a tab")

    with pytest.raises(ValidationError) as caught:
        own.run(ValidateWorkflows())
    assert caught.value.code == "E310"
