"""A prompt is made from what the phases before it left."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import (
    GetAssignment,
    GetFeatureStatus,
)
from cde_orchestrator.application.features.phase_prompt import (
    GOAL_LIMIT,
    sample_variables,
)
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.briefings import Briefings
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.excerpts import SECTIONS_LIMIT
from cde_orchestrator.domain.project_facts import OwnRules
from cde_orchestrator.domain.workflow import Output, Phase, ProofRule, Workflow
from tests.fakes import World, catalog, older_feature, writing_workflow


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
            "instructions": [],
            "commands": [],
            "changelog": [],
            "checklist": [],
            "rules": {"text": "", "more": 0, "problem": "", "fence": "````"},
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
            "agent": None,
        },
        "proof": {"required": False, "runners": [], "forms": {}},
        "outputs": reply["phase"]["outputs"] if reply["phase"] else None,
        "inputs": [],
        "progress": [],
        "last_failure": None,
        "attempt": {"number": 1, "limit": 3},
        "baseline": [],
        "fresh": True,
        "channel": "mcp",
        "tools": None,
        "agent": "",
        "known": False,
        "criteria": [],
        "tasks": [],
        "changed_files": [],
        "related": [],
        "failing_tests": [],
        "returned": None,
        "earlier_attempts": [],
    }


@pytest.mark.parametrize(
    "metadata",
    [{}, {"languages": None, "package_manager": None, "test_command": None, "git": None}],
)
def test_a_project_of_which_nothing_is_known_has_empty_facts(
    world: World, metadata: dict[str, object]
) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    with_metadata(world, **metadata).run(GetFeatureStatus(feature_id="login"))

    assert world.prompts.variables["project"] == {
        "name": "shop",
        "path": "/home/shop",
        "languages": [],
        "package_manager": None,
        "test_command": [],
        "git": False,
        "instructions": [],
        "commands": [],
        "changelog": [],
        "checklist": [],
        "rules": {"text": "", "more": 0, "problem": "", "fence": "````"},
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
    world.callers.become_person()
    world.run(GetFeatureStatus(feature_id="login"))
    assert world.prompts.variables["feature"]["goal"].endswith(
        "\n[7 more characters: cde status login]"
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
    assert real["inputs"][0].pop("sections")
    assert sample["inputs"][0].pop("sections") == []
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
    followed_feature, workflow = world.features.followed(project, "older")
    assert workflow == writing_workflow()
    assert followed_feature.workflow_type == "standard"  # as it is shown
    assert list(followed_feature.phases) == ["define", "build"]
    assert feature == before
    assert project.workflows == {}


def test_an_older_feature_adopts_its_projects_workflow_once(world: World) -> None:
    project = world.project
    feature = older_feature(project, current_phase="build", workflow_type="default")
    world.features.adopted(project, "older")
    digest = feature.workflow_digest
    world.workflows.own = catalog(Workflow.canonical("another"), packaged=False)

    assert world.features.adopted(project, "older") == (feature, writing_workflow())
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


SPEC_TEXT = "## Goal\nLog in\n## Acceptance criteria\n- AC1: it is light\n- AC2: it is dark\n"


def submitted(world: World, **arguments: Any) -> dict[str, Any]:
    """The variables of the prompt that answers the submission of the first phase."""
    arguments = {"feature_id": "login", "phase_id": "define", **arguments}
    world.run(SubmitWork(results={"spec": SPEC_TEXT}, **arguments))
    return dict(world.prompts.variables)


def test_who_was_given_a_phase_in_a_connection_is_given_what_is_new(world: World) -> None:
    world.callers.connection = "one"
    world.run(StartFeature(prompt="Add login", name="login"))
    assert world.prompts.variables["fresh"]
    following = submitted(world)
    again = submitted(world)

    assert not following["fresh"]
    assert not again["fresh"]
    assert following["criteria"] == following["changed_files"] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda world: setattr(world.callers, "connection", "two"),
        lambda world: setattr(world.callers, "connection", ""),
        lambda world: world.callers.become("other", 2),
        lambda world: world.callers.become_person(),
        lambda world: world.callers.briefings.__init__(),
    ],
    ids=["another connection", "none", "another client", "a command", "another process"],
)
def test_anybody_else_is_given_everything(world: World, change: Callable[[World], None]) -> None:
    world.callers.connection = "one"
    world.run(StartFeature(prompt="Add login", name="login"))
    change(world)

    assert submitted(world, takeover=True)["fresh"]


def test_who_gives_itself_another_name_is_another_reader(world: World) -> None:
    world.callers.connection = "one"
    world.run(StartFeature(prompt="Add login", name="login"))

    assert submitted(world, agent="ann", takeover=True)["fresh"]


def test_a_rollback_and_a_question_give_everything_again(world: World) -> None:
    world.callers.connection = "one"
    world.run(StartFeature(prompt="Add login", name="login"))
    submitted(world)
    use_cases: list[UseCase[Any]] = [
        GetFeatureStatus(feature_id="login"),
        ResumeFeature(feature_id="login"),
        RollbackFeature(feature_id="login", to_phase="define", reason="Wrong"),
    ]
    for use_case in use_cases:
        world.run(use_case)
        assert world.prompts.variables["fresh"]
    assert world.prompts.variables["returned"]["reason"] == "Wrong"
    words = world.prompts.variables["last_failure"]
    assert words.startswith("Returned to this phase: Wrong\n")
    assert not submitted(world)["fresh"]


@pytest.mark.parametrize("to_work", [True, False])
def test_a_command_that_begins_a_phase_again_gives_its_prompt(world: World, to_work: bool) -> None:
    world.callers.become("cli")
    world.callers.connection = "one"
    world.run(StartFeature(prompt="Add login", name="login"))
    use_cases: list[UseCase[Any]] = [
        FailPhase(feature_id="login", phase_id="define", reason="No", to_work=to_work),
        RollbackFeature(feature_id="login", to_phase="define", reason="No", to_work=to_work),
    ]
    for use_case in use_cases:
        world.run(use_case)
        assert world.project.feature("login").phases["define"].given == ("one" if to_work else "")
    world.callers.briefings = Briefings()  # a command is a process of its own

    assert submitted(world)["fresh"] is not to_work


def test_a_rollback_that_is_only_shown_gives_nobody_anything(world: World) -> None:
    world.callers.become("cli")
    world.callers.connection = "one"
    world.run(StartFeature(prompt="Add login", name="login"))
    before = world.project.feature("login")
    world.callers.connection = "two"
    back = RollbackFeature(feature_id="login", to_phase="define", reason="No", dry_run=True)
    world.run(back)

    assert world.project.feature("login") == before


def test_the_channel_is_the_caller_s_and_a_run_s_agent_submits_nothing(world: World) -> None:
    world.callers.become_person()
    world.run(StartFeature(prompt="Add login", name="login"))
    assert world.prompts.variables["channel"] == "shell"
    world.run(GetAssignment(feature_id="login"))
    assert world.prompts.variables["channel"] == "run"


def proving_world(world: World, proves: str | None = "spec") -> World:
    """A feature whose second phase proves the criteria of the first, past its first phase."""
    first, second = writing_workflow().phases
    proving = replace(second, proves=proves, inputs=("spec",))
    world.workflows.own = catalog(
        replace(writing_workflow(), phases=(first, proving)), packaged=False
    )
    world.callers.connection = "one"
    world.run(StartFeature(prompt="Add login", name="login"))
    submitted(world)
    world.callers.connection = "two"
    return world


def test_a_fresh_reader_is_given_the_criteria_with_their_state(world: World) -> None:
    proving_world(world).run(GetFeatureStatus(feature_id="login"))

    assert world.prompts.variables["criteria"] == [
        {"id": "AC1", "text": "it is light", "state": "unproven", "proofs": []},
        {"id": "AC2", "text": "it is dark", "state": "unproven", "proofs": []},
    ]
    assert [each["key"] for each in world.prompts.variables["inputs"][0]["sections"]] == [
        "goal",
        "acceptance criteria",
    ]


def test_many_criteria_leave_the_rest_of_their_document_its_room(world: World) -> None:
    proving_world(world)
    criteria = "".join(f"- AC{number}: {'x' * 190}\n" for number in range(1, 20))
    limits = "A limit of the size.\n" * 70
    text = f"## Acceptance criteria\n{criteria}\n## Constraints\n{limits}"
    world.files.contents["specs/login/spec.md"] = text.encode()
    world.run(GetFeatureStatus(feature_id="login"))

    _, constraints = world.prompts.variables["inputs"][0]["sections"]
    assert (constraints["text"], constraints["more"]) == (limits.rstrip(), 0)


@pytest.mark.parametrize(
    ("heading", "proves"), [("Acceptance criteria", None), ("Tasks", None), ("Tasks", "spec")]
)
def test_what_a_prompt_says_in_its_inputs_alone_takes_its_part_of_their_room(
    world: World, heading: str, proves: str | None
) -> None:
    proving_world(world, proves)
    items = "".join(f"- T{number}: {'x' * 190}\n" for number in range(1, 20))
    limits = "A limit of the size.\n" * 100
    text = f"## {heading}\n{items}\n## Constraints\n{limits}"
    world.files.contents["specs/login/spec.md"] = text.encode()
    world.run(GetFeatureStatus(feature_id="login"))

    variables = world.prompts.variables
    assert variables["criteria"] == variables["tasks"] == []
    sections = variables["inputs"][0]["sections"]
    assert all(each["more"] for each in sections)
    assert sum(len(each["text"]) for each in sections) <= SECTIONS_LIMIT


def test_who_knows_the_feature_is_given_no_criteria_again(world: World) -> None:
    proving_world(world)
    world.callers.connection = "one"
    world.run(StartFeature(prompt="Add logout", name="logout"))

    following = submitted(world, feature_id="logout")

    assert following["phase"]["id"] == "build"
    assert not following["fresh"]
    assert following["criteria"] == following["tasks"] == following["changed_files"] == []


def test_no_secret_of_an_output_is_in_a_prompt(world: World) -> None:
    proving_world(world)
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    text = f"\ufeff{SPEC_TEXT}- AC3: it takes\u202e {secret}\n## Constraints\n{secret}\n"
    world.files.contents["specs/login/spec.md"] = text.encode()
    world.run(GetFeatureStatus(feature_id="login"))

    assert secret not in str(world.prompts.variables)
    assert world.prompts.variables["criteria"][2]["text"].startswith("it takes ")


def test_criteria_beyond_their_room_are_named_by_their_ids(world: World) -> None:
    proving_world(world)
    many = "".join(f"- AC{number}: {'x' * 490}\n" for number in range(1, 20))
    world.files.contents["specs/login/spec.md"] = many.encode()
    world.run(GetFeatureStatus(feature_id="login"))
    shown = world.prompts.variables["criteria"]

    assert [each["id"] for each in shown] == [f"AC{number}" for number in range(1, 20)]
    assert [bool(each["text"]) for each in shown] == [True] * 12 + [False] * 7


def test_a_fresh_reader_is_given_the_changed_files(world: World) -> None:
    world.git.commit = "c" * 40
    world.callers.connection = "one"
    first, second = writing_workflow().phases
    changing = replace(second, changes="required")
    world.workflows.own = catalog(
        replace(writing_workflow(), phases=(first, changing)), packaged=False
    )
    world.run(StartFeature(prompt="Add login", name="login"))
    submitted(world)
    world.git.changed = ["src/login.py", "specs/login/spec.md", "src/a\nb\u202e.py"]
    world.run(GetFeatureStatus(feature_id="login"))
    assert world.prompts.variables["changed_files"] == [
        {"path": r"src/a b\u202e.py", "added": None, "removed": None},
        {"path": "src/login.py", "added": None, "removed": None},
    ]
    world.run(GetFeatureStatus(feature_id="login", to_work=False))
    assert world.prompts.variables["changed_files"] == []
    world.git.changed = None
    world.run(GetFeatureStatus(feature_id="login"))
    assert world.prompts.variables["changed_files"] == []


def test_earlier_attempts_are_said_and_what_was_noted_in_them(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    for reason in ("No key", "No lock"):
        world.clock.advance(60)
        world.run(FailPhase(feature_id="login", phase_id="define", reason=reason))
    assert world.prompts.variables["earlier_attempts"] == [{"attempt": 1, "reason": "No key"}]
    assert world.prompts.variables["last_failure"] == "No lock"
    assert world.prompts.variables["returned"] is None
    world.run(SaveProgress(feature_id="login", note="uv is not installed", data=[1]))
    world.run(RollbackFeature(feature_id="login", to_phase="define", reason="Wrong"))

    given = world.prompts.variables
    assert given["earlier_attempts"] == [
        {"attempt": 1, "reason": "No key"},
        {"attempt": 2, "reason": "No lock"},
    ]
    assert given["progress"] == []
    assert given["returned"] == {
        "reason": "Wrong",
        "to": None,
        "by": "robot",
        "discarded": [],
        "notes": ["uv is not installed"],
        "summary": "Returned to this phase: Wrong",
    }


@pytest.mark.parametrize("proof", ["required", None])
def test_proofs_are_asked_for_where_they_are_read(world: World, proof: ProofRule | None) -> None:
    first, second = writing_workflow().phases
    proofs = Output(id="proofs", path="specs/{feature}/proofs.yml", type="yaml", required=False)
    proving = replace(second, proves="spec", outputs=(*second.outputs, proofs))
    workflow = replace(writing_workflow(), phases=(first, proving), proof=proof)
    world.workflows.own = catalog(workflow, packaged=False)
    world.run(StartFeature(prompt="Add login", name="login"))
    submitted(world)

    reply = world.run(GetFeatureStatus(feature_id="login"))

    for outputs in (
        world.prompts.variables["outputs"],
        (reply["phase"] or {"outputs": []})["outputs"],
    ):
        assert ("proofs" in [each["id"] for each in outputs]) == (proof == "required")


def test_a_prompt_has_the_name_of_its_reader_as_a_call_has_it(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login", agent="ann o'dea"))
    assert world.prompts.variables["agent"] == '"ann o\'dea"'
    world.callers.become_person()
    world.run(ResumeFeature(feature_id="login", agent="ann o'dea"))
    assert world.prompts.variables["agent"] == "'ann o'\"'\"'dea'"
    assert not world.prompts.variables["known"]


def test_no_secret_of_a_reason_is_in_the_answer_s_prompt(world: World) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    world.run(StartFeature(prompt="Add login", name="login"))
    world.run(FailPhase(feature_id="login", phase_id="define", reason=f"It said {secret}"))
    assert world.prompts.variables["last_failure"].startswith("It said ")
    assert secret not in str(world.prompts.variables)
    world.run(RollbackFeature(feature_id="login", to_phase="define", reason=f"It was {secret}"))
    assert world.prompts.variables["returned"]["reason"].startswith("It was ")
    assert secret not in str(world.prompts.variables)


def test_rules_are_given_once_and_again_when_they_changed(world: World) -> None:
    world.callers.connection = "one"
    world.prompts.own_rules = OwnRules("- Name units.\n````")
    world.run(StartFeature(prompt="Add login", name="login"))
    first = world.prompts.variables["project"]["rules"]
    again = submitted(world)["project"]["rules"]

    assert first == {"text": "- Name units.\n````", "more": 0, "problem": "", "fence": "`````"}
    assert again == {"text": "", "more": 0, "problem": "", "fence": "````"}

    world.run(StartFeature(prompt="Add logout", name="logout"))
    world.prompts.own_rules = OwnRules("- Name none.")
    changed = submitted(world, feature_id="logout")

    assert changed["fresh"]
    assert changed["project"]["rules"]["text"] == "- Name none."
