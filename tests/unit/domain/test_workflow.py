"""Workflows: sequences of phases and what each must produce."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.workflow import (
    Output,
    Phase,
    Workflow,
    WorkflowCatalog,
)
from tests.fakes import catalog, writing_workflow

words = st.text(max_size=20)
outputs = st.builds(
    Output,
    id=words,
    path=words,
    type=st.sampled_from(["markdown", "json", "yaml", "toml", "text"]),
    required=st.booleans(),
    min_bytes=st.integers(0, 10**6),
    must_contain=st.lists(words, max_size=3).map(tuple),
    verdict=st.lists(words, max_size=3).map(tuple),
    covers=st.none() | st.text(min_size=1, max_size=20),
)


def tuples_of(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Up to three of them."""
    return st.lists(strategy, max_size=3).map(tuple)


phases = st.builds(
    Phase,
    id=words,
    description=words,
    handler=st.sampled_from(["agent", "human_input"]),
    prompt=words,
    inputs=tuples_of(words),
    outputs=st.lists(outputs, max_size=3).map(tuple),
    changes=st.sampled_from([None, "required"]),
    check=tuples_of(words),
    check_timeout_seconds=st.floats(0.1, 10_000),
    check_directory=words,
    status=st.none() | words,
)
workflows = st.builds(
    Workflow,
    id=words,
    description=words,
    max_attempts=st.integers(1, 9),
    phases=st.lists(phases, max_size=4).map(tuple),
)


@given(workflows)
def test_a_workflow_comes_back_from_json_as_it_was(workflow: Workflow) -> None:
    assert Workflow.from_dict(json.loads(json.dumps(workflow.to_kept()))) == workflow


def test_a_workflow_comes_back_from_plain_data_as_it_was() -> None:
    workflow = writing_workflow()

    assert Workflow.from_dict(workflow.to_dict()) == workflow


def test_the_canonical_workflow_has_the_six_phases_without_gates() -> None:
    workflow = Workflow.canonical()

    assert workflow.id == "standard"
    assert [phase.id for phase in workflow.phases] == [
        "define",
        "decompose",
        "design",
        "implement",
        "test",
        "review",
    ]
    assert not any(phase.outputs or phase.check or phase.prompt for phase in workflow.phases)
    assert Workflow.canonical("mine").id == "mine"


def test_phases_follow_one_another_until_the_last() -> None:
    workflow = Workflow.canonical()
    ids = [phase.id for phase in workflow.phases]

    assert workflow.first.id == ids[0]
    following = [workflow.after(phase_id) for phase_id in ids]
    assert [phase and phase.id for phase in following] == [*ids[1:], None]


def test_a_phase_is_found_by_its_id_alone() -> None:
    workflow = writing_workflow()

    assert workflow.find("build") is workflow.phases[1]
    assert workflow.find("Build") is None
    assert workflow.find("") is None


def test_an_output_is_found_with_the_phase_that_declares_it() -> None:
    workflow = writing_workflow()
    owner = workflow.output_owner("notes")

    assert owner == (workflow.phases[0], workflow.phases[0].outputs[1])
    assert workflow.output_owner("nothing") is None


@pytest.mark.parametrize(
    ("phase_id", "status"),
    [
        ("define", "defining"),
        ("decompose", "decomposing"),
        ("design", "designing"),
        ("implement", "implementing"),
        ("test", "testing"),
        ("review", "reviewing"),
    ],
)
def test_a_canonical_phase_gives_its_own_status(phase_id: str, status: str) -> None:
    assert Phase(id=phase_id).feature_status == status


def test_another_phase_gives_in_progress_unless_it_says_otherwise() -> None:
    assert Phase(id="polish").feature_status == "in_progress"
    assert Phase(id="polish", status="polishing").feature_status == "polishing"
    assert Phase(id="define", status="asking").feature_status == "asking"


def test_what_a_phase_or_output_does_not_say_has_a_default() -> None:
    phase = Phase(id="p", outputs=(Output(id="o", path="o.md"),))

    assert Workflow(id="w", phases=(phase,)).to_dict() == {
        "id": "w",
        "description": "",
        "max_attempts": 3,
        "branch": False,
        "proof": None,
        "runner": None,
        "phases": (
            {
                "id": "p",
                "description": "",
                "handler": "agent",
                "prompt": "",
                "inputs": (),
                "outputs": (
                    {
                        "id": "o",
                        "path": "o.md",
                        "type": "markdown",
                        "required": True,
                        "min_bytes": 1,
                        "must_contain": (),
                        "verdict": (),
                        "covers": None,
                    },
                ),
                "check": (),
                "check_timeout_seconds": 600.0,
                "check_directory": ".",
                "status": None,
                "changes": None,
                "proves": None,
                "agent": None,
            },
        ),
    }


def test_without_verdicts_and_changes_a_workflow_is_kept_as_releases_without_them_read_it() -> None:
    kept = json.loads(json.dumps(writing_workflow().to_kept()))

    assert {"changes", "verdict"} & {key for phase in kept["phases"] for key in phase} == set()
    assert {"verdict", "covers"} & {
        k for p in kept["phases"] for out in p["outputs"] for k in out
    } == set()
    assert Workflow.from_dict(kept) == writing_workflow()


def test_verdicts_and_changes_are_kept() -> None:
    output = Output(id="o", path="o.md", verdict=("approved",), covers="o")
    workflow = Workflow(id="w", phases=(Phase(id="p", changes="required", outputs=(output,)),))

    assert Workflow.from_dict(json.loads(json.dumps(workflow.to_kept()))) == workflow


def test_a_phase_that_judges_goes_back_to_the_one_that_did_the_work() -> None:
    plan, build, test, review = (Phase(id=each) for each in ("plan", "build", "test", "review"))
    plain = Workflow(id="w", phases=(plan, build, test, review))
    work = Workflow(id="w", phases=(plan, replace(build, changes="required"), test, review))

    assert work.judged_phase("review").id == "build"
    assert work.judged_phase("build").id == "plan"
    assert plain.judged_phase("review").id == "test"
    assert plain.judged_phase("plan").id == "plan"


def test_the_path_of_an_output_bears_the_features_name_wherever_it_is_wanted() -> None:
    output = Output(id="o", path="specs/{feature}/{feature}-{phase}.md")

    assert output.path_for("login") == "specs/login/login-{phase}.md"
    assert Output(id="o", path="README.md").path_for("login") == "README.md"


def test_a_phase_gives_its_declared_output() -> None:
    phase = writing_workflow().first

    assert phase.output("notes", "login") is phase.outputs[1]


@pytest.mark.parametrize(
    ("phase", "declared"), [(writing_workflow().first, "spec, notes"), (Phase(id="talk"), "none")]
)
def test_an_output_that_a_phase_does_not_declare_is_refused_with_those_it_does(
    phase: Phase, declared: str
) -> None:
    with pytest.raises(FeatureError) as refused:
        phase.output("report", "login")

    assert refused.value.code == "E113"
    assert refused.value.context == {
        "feature": "login",
        "phase": phase.id,
        "output": "report",
        "outputs": declared,
    }


def test_a_phase_is_gated_by_its_command_where_it_has_one() -> None:
    phase = Phase(id="p", check=("make",), check_directory="app", check_timeout_seconds=7.0)

    assert phase.gate_check == Check(("make",), "app", 7.0)
    assert Phase(id="p").gate_check is None


def two_workflows() -> WorkflowCatalog:
    """A catalogue of two, the first of which is the default."""
    return catalog(writing_workflow("standard"), Workflow.canonical("quick"), packaged=True)


@pytest.mark.parametrize(("name", "found"), [(None, "standard"), ("quick", "quick")])
def test_a_workflow_is_found_by_name_and_the_default_without(name: str | None, found: str) -> None:
    assert two_workflows().get(name).id == found


@pytest.mark.parametrize(
    ("name", "near"), [("", ""), ("Standard", " (did you mean standard?)"), ("none", "")]
)
def test_an_unknown_workflow_is_refused_with_the_names_that_there_are(name: str, near: str) -> None:
    with pytest.raises(ValidationError) as refused:
        two_workflows().get(name)

    assert refused.value.code == "E306"
    context = {"workflow": name, "near": near, "workflows": "standard, quick"}
    assert refused.value.context == context


def test_a_default_that_does_not_exist_is_refused_by_its_name() -> None:
    broken = WorkflowCatalog(default="gone", workflows={}, source="w.yml", packaged=False)

    with pytest.raises(ValidationError) as refused:
        broken.get()

    assert refused.value.code == "E306"
    assert refused.value.context["workflow"] == "gone"


@pytest.mark.parametrize(("name", "found"), [("quick", "quick"), ("unheard-of", "standard")])
def test_a_name_from_an_older_release_falls_back_to_the_default(name: str, found: str) -> None:
    assert two_workflows().get_or_default(name).id == found


@pytest.mark.parametrize(
    "change", [lambda w: setattr(w, "id", "x"), lambda w: setattr(w, "phases", ())]
)
def test_a_workflow_does_not_change(change: Callable[[Workflow], None]) -> None:
    with pytest.raises(AttributeError):
        change(writing_workflow())


def test_a_path_without_the_features_name_is_shared_and_named_once() -> None:
    own, shared = (Output(id=path, path=path) for path in ("{feature}/a.md", "CHANGELOG.md"))
    again = Output(id="again", path="CHANGELOG.md")
    phases = (Phase(id="a", outputs=(own, shared)), Phase(id="b", outputs=(again,)))

    assert (own.is_shared, shared.is_shared) == (False, True)
    workflow = Workflow(id="w", phases=phases)
    assert workflow.shared_paths() == ["CHANGELOG.md"]
    assert workflow.paths_for("login") == {"login/a.md", "CHANGELOG.md"}


def test_a_phase_of_a_person_is_known_by_its_id() -> None:
    asking = Workflow(id="w", phases=(Phase(id="plan"), Phase(id="yes", handler="human_input")))

    waits = [asking.waits_for_person(each) for each in ("plan", "yes", "gone", None)]

    assert waits == [False, True, False, False]
