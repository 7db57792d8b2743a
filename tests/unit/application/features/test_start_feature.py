"""Starting a feature answers with its first phase, or changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.exceptions import (
    CDEError,
    FeatureError,
    ProjectError,
    ReadOnlyModeError,
    StateError,
    ValidationError,
)
from cde_orchestrator.domain.workflow import Phase, Workflow
from tests.fakes import World, catalog, python_facts, writing_workflow
from tests.phase_fakes import NOT_TRIED

UNSAID: dict[str, object] = {"verdict": [], "covers": None}
"""What an output of the contract has where the workflow says nothing of it."""


def without_tests(world: World) -> World:
    """The world with a project in which no tests were found."""
    world.inspector.facts = replace(python_facts(), test_command=())
    return world


def test_the_answer_is_the_contract_to_the_letter(world: World) -> None:
    reply = without_tests(world).run(StartFeature(prompt="  Add a login page "))
    project, feature = world.project, world.project.feature("add-a-login-page")

    assert reply == {
        "project": {
            "id": project.id,
            "name": "shop",
            "path": "/home/shop",
            "status": "active",
            "backend": "memory",
            "read_only": False,
            "trust": "trusted",
        },
        "feature": {
            "id": feature.id,
            "name": "add-a-login-page",
            "status": "defining",
            "current_phase": "define",
            "workflow": "standard",
        },
        "phase": {
            "id": "define",
            "description": "Say what is wanted.",
            "handler": "agent",
            "prompt": "standard/define.md: Add a login page",
            "outputs": [
                {
                    "id": "spec",
                    "path": "specs/add-a-login-page/spec.md",
                    "type": "markdown",
                    "required": True,
                    "min_bytes": 10,
                    "must_contain": ["## Goal"],
                    **UNSAID,
                },
                {
                    "id": "notes",
                    "path": "specs/add-a-login-page/notes.txt",
                    "type": "text",
                    "required": False,
                    "min_bytes": 1,
                    "must_contain": [],
                    **UNSAID,
                },
            ],
        },
        "branch": None,
        "git_problem": None,
        "proof_problem": None,
        "unproven": None,
        "shared": [],
        "baseline": [NOT_TRIED],
        "related": [],
        "fits": {
            "workflow": "standard",
            "why": "no command is known that runs the project's tests",
        },
    }
    assert json.loads(json.dumps(reply)) == reply


def test_the_feature_is_kept_with_its_workflow(world: World) -> None:
    world.clock.advance()
    reply = world.run(StartFeature(prompt="Add login"))
    kept = world.project.feature(reply["feature"]["id"])

    assert kept.prompt == "Add login"
    assert kept.created_at == world.clock.now
    assert world.project.workflow_of(kept) == writing_workflow()


def test_a_feature_follows_the_workflow_that_is_named(world: World) -> None:
    quick = Workflow(id="quick", phases=(Phase(id="fix", description="Mend it."),))
    world.workflows.own = catalog(writing_workflow(), quick, packaged=False)
    reply = world.run(StartFeature(prompt="Add login", workflow="quick", name="mend"))

    assert reply["feature"]["workflow"] == "quick"
    assert reply["feature"]["name"] == "mend"
    assert reply["feature"]["status"] == "in_progress"
    assert reply["phase"] is not None
    assert reply["phase"]["prompt"] == "Mend it."
    assert reply["phase"]["outputs"] == []


def test_nothing_is_said_against_a_workflow_that_was_chosen(world: World) -> None:
    project = world.project
    project.metadata = {"test_command": ["make"]}
    world.repository.put(project)
    large, small = (Workflow(id=each, phases=(Phase(id="a"),)) for each in ("standard", "lean"))
    world.workflows.own = catalog(large, small, packaged=False)
    advised = world.run(StartFeature(prompt="Add login", name="one"))
    chosen = world.run(StartFeature(prompt="Add login", name="two", workflow="standard"))
    agreed = world.run(StartFeature(prompt="Add login", name="three", workflow="lean"))

    assert [each["fits"] and each["fits"]["workflow"] for each in (advised, chosen, agreed)] == [
        "lean",
        None,
        "lean",
    ]


def refused(world: World, use_case: StartFeature, expected: type[CDEError]) -> CDEError:
    """The error with which the use case is refused, having changed nothing."""
    before = len(world.project.features)
    with pytest.raises(expected) as caught:
        world.run(use_case)
    assert len(world.project.features) == before
    return caught.value


@pytest.mark.parametrize(
    ("use_case", "code"),
    [
        (StartFeature(prompt=" \n"), "E301"),
        (StartFeature(prompt="x" * 20_001), "E302"),
        (StartFeature(prompt="a\x00b"), "E303"),
        (StartFeature(prompt="Add login", name="No Slug"), "E304"),
        (StartFeature(prompt="Add login", workflow="unheard-of"), "E306"),
        (StartFeature(prompt="Add login", workflow=""), "E306"),
    ],
)
def test_what_cannot_be_accepted_starts_nothing(
    world: World, use_case: StartFeature, code: str
) -> None:
    assert refused(world, use_case, ValidationError).code == code


def test_a_name_that_is_taken_starts_nothing(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    error = refused(world, StartFeature(prompt="Again", name="login"), FeatureError)

    assert error.code == "E104"
    assert error.context["free_name"] == "login-2"


@pytest.mark.parametrize(("missing", "code"), [(True, "E312"), (False, "E313")])
def test_a_prompt_template_that_is_not_usable_starts_nothing(
    world: World, missing: bool, code: str
) -> None:
    (world.prompts.missing if missing else world.prompts.broken).add("standard/define.md")

    assert refused(world, StartFeature(prompt="Add login"), ValidationError).code == code


@pytest.mark.parametrize("key", [None, "first-try"])
def test_the_first_template_is_tried_before_the_project_is_held(
    world: World, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []
    monkeypatch.setattr(world.repository, "transaction", lambda root: held.append(str(root)))
    world.prompts.broken.add("standard/define.md")

    with pytest.raises(ValidationError) as caught:
        world.run(StartFeature(prompt="Add login", idempotency_key=key))
    assert caught.value.code == "E313"
    assert held == []


def test_a_repeated_call_gets_its_feature_though_the_template_broke_since(world: World) -> None:
    first = world.run(StartFeature(prompt="Add login", idempotency_key="first-try"))
    world.workflows.failure = ValidationError.of(
        "E313", template="standard/define.md", reason="'goal' is undefined"
    )
    again = world.run(StartFeature(prompt="Add login", idempotency_key="first-try"))

    assert again["feature"] == first["feature"]


@pytest.mark.parametrize("key", [None, "first-try"])
def test_a_repeated_call_with_a_secret_in_its_prompt_gets_its_feature(
    world: World, key: str | None
) -> None:
    call = StartFeature(prompt="Use the key AKIA" + "ABCD1234" * 2, idempotency_key=key)

    assert world.run(call)["feature"] == world.run(call)["feature"]
    assert len(world.project.features) == 1


def test_a_broken_workflow_file_starts_nothing(world: World) -> None:
    world.workflows.failure = ValidationError.of("E310", path="w", line=3, reason="a tab")

    assert refused(world, StartFeature(prompt="Add login"), ValidationError).code == "E310"


def test_a_read_only_project_starts_nothing(world: World) -> None:
    world.repository.read_only_reason = "the disk is full"

    assert refused(world, StartFeature(prompt="Add login"), ReadOnlyModeError).code == "E206"


def test_a_change_that_could_not_be_written_started_nothing(world: World) -> None:
    world.repository.commit_failure = StateError.of("E204", path="/home/shop")

    assert refused(world, StartFeature(prompt="Add login"), StateError).code == "E204"


def test_a_project_that_is_not_active_starts_nothing(world: World) -> None:
    project = world.project
    project.archive()
    world.repository.put(project)

    assert refused(world, StartFeature(prompt="Add login"), FeatureError).code == "E101"


def test_a_folder_without_a_project_starts_nothing(folder: World) -> None:
    with pytest.raises(ProjectError) as caught:
        folder.run(StartFeature(prompt="Add login"))

    assert caught.value.code == "E004"


@pytest.mark.parametrize("key", ["first-try", None])
def test_a_goal_whose_lines_end_in_another_way_is_started_once(
    world: World, key: str | None
) -> None:
    call = StartFeature(prompt="Add login\r\nwith a page\rof its own", idempotency_key=key)
    first, again = world.run(call), world.run(call)
    assert again["feature"]["id"] == first["feature"]["id"]


def test_a_start_finds_out_again_what_the_project_s_files_say(world: World) -> None:
    style = {"kind": "lint", "command": "tox -e style", "source": "tox.ini"}
    world.run(StartFeature(prompt="Add login", name="login"))
    world.inspector.facts = replace(python_facts(), commands=(style,), instructions=("AGENTS.md",))

    world.run(StartFeature(prompt="Add logout", name="logout"))

    assert world.project.metadata["commands"] == [style]
    assert world.prompts.variables["project"]["instructions"] == ["AGENTS.md"]
    untrusted = world.project
    untrusted.trust = "changed"
    world.rendering.current_view(
        untrusted, untrusted.feature("logout"), world.workflows.load(world.root).get()
    )
    assert world.prompts.variables["project"]["commands"] == []
