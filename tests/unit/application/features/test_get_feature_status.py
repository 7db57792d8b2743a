"""Where a feature stands, told without changing anything."""

from __future__ import annotations

from typing import Any

import pytest

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.remarks import ending_remarks
from cde_orchestrator.domain.exceptions import FeatureError, ProjectError, ValidationError
from tests.fakes import World, older_feature
from tests.phase_fakes import NOT_TRIED

PENDING = {
    "status": "pending",
    "attempts": 0,
    "started_at": None,
    "completed_at": None,
    "outputs": [],
}


NOTHING: dict[str, object] = {
    "progress": [],
    "failures": [],
    "evidence": None,
    "proof": None,
    "difference": None,
    "start_commit": None,
    "end_commit": None,
    "past": [],
}


@pytest.fixture
def started(world: World) -> World:
    """A project with the feature ``login`` in its first phase."""
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def test_a_feature_is_told_with_all_its_phases_and_the_current_ones_prompt(started: World) -> None:
    reply = started.run(GetFeatureStatus(feature_id="login"))

    seen = ["tasks", "difference", "proof", "standing", "approved_by", "baseline"]
    assert list(reply) == ["project", "feature", "phases", *seen, "phase"]
    assert (reply["difference"], reply["proof"], reply["standing"]) == (None, None, None)
    assert (reply["approved_by"], reply["tasks"]) == ([], [])
    assert reply["baseline"] == [NOT_TRIED]
    assert reply["feature"]["name"] == "login"
    assert reply["phases"] == [
        {
            "id": "define",
            "status": "in_progress",
            "attempts": 1,
            "started_at": "2025-11-10T12:00:00+00:00",
            "completed_at": None,
            "outputs": [],
        },
        {"id": "build", **PENDING},
    ]
    assert reply["phase"] is not None
    assert reply["phase"]["prompt"] == "standard/define.md: Add login"


def test_the_full_answer_has_the_whole_goal_and_the_times_too(started: World) -> None:
    begun: Any = started.run(GetFeatureStatus(feature_id="login", detail="full"))
    assert begun["claim"] == {
        "agent": "robot",
        "since": "2025-11-10T12:00:00+00:00",
        "until": "2025-11-10T12:15:00+00:00",
        "taken_from": None,
    }
    started.clock.advance()
    started.run(
        SubmitWork(feature_id="login", phase_id="define", results={"spec": "## Goal\nLog in"})
    )
    brief = started.run(GetFeatureStatus(feature_id="login"))
    full = started.run(GetFeatureStatus(feature_id="login", detail="full"))

    assert full == {
        **brief,
        "goal": "Add login",
        "attempt": {
            "number": 1,
            "of": 3,
            "last_failure": None,
            "returned": None,
            "reopened": False,
            "gate": {
                "outputs": ["report"],
                "check": {
                    "command": ["make", "test"],
                    "directory": ".",
                    "timeout_seconds": 600.0,
                    "trusted": True,
                },
                "proves": None,
            },
        },
        "claim": None,
        "closing": None,
        "branch": None,
        "events": [],
        "waivers": {},
        "work": {"define": NOTHING, "build": NOTHING},
        "created_at": "2025-11-10T12:00:00+00:00",
        "updated_at": "2025-11-10T12:01:00+00:00",
    }


def test_the_full_answer_has_a_goal_that_the_prompt_cuts(world: World) -> None:
    goal = "word " * 3_000
    world.run(StartFeature(prompt=goal, name="login"))
    full = world.run(GetFeatureStatus(feature_id="login", detail="full"))

    assert ("goal", goal.strip()) in full.items()


def test_a_completed_feature_has_no_current_phase(started: World) -> None:
    started.run(
        SubmitWork(feature_id="login", phase_id="define", results={"spec": "## Goal\nLog in"})
    )
    started.run(SubmitWork(feature_id="login", phase_id="build", results={"report": "Done"}))
    reply = started.run(GetFeatureStatus(feature_id="login"))

    assert reply["phase"] is None
    assert [record["status"] for record in reply["phases"]] == ["completed", "completed"]
    assert reply["phases"][0]["outputs"][0]["path"] == "specs/login/spec.md"
    outputs = ["specs/login/spec.md", "specs/login/report.md"]
    assert reply["made"] == {"difference": None, "outputs": outputs, "seconds": 0.0}
    made, following = ending_remarks({**reply})
    assert made == "Made in 0 seconds; 2 outputs."
    assert following.startswith("Next, a person commits it with `cde finish login`; ")


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_feature_that_was_given_up_has_no_phase_to_work_on(started: World, status: str) -> None:
    project = started.project
    project.feature("login").status = status
    started.repository.put(project)
    reply = started.run(GetFeatureStatus(feature_id="login"))

    assert reply["feature"]["current_phase"] == "define"
    assert reply["phase"] is None


def test_asking_changes_nothing_even_for_a_feature_of_an_older_release(world: World) -> None:
    project = world.project
    older = older_feature(project, current_phase="build", workflow_type="default")
    world.repository.put(project)
    before = world.project.feature("older")
    reply = world.run(GetFeatureStatus(feature_id=older.id))

    assert [record["status"] for record in reply["phases"]] == ["completed", "in_progress"]
    assert world.project.feature("older") == before
    assert world.project.workflows == {}


def test_a_read_only_project_still_answers(started: World) -> None:
    started.repository.read_only_reason = "the disk is full"
    reply = started.run(GetFeatureStatus(feature_id="login"))

    assert reply["project"]["read_only"] is True


@pytest.mark.parametrize("detail", ["", "Brief", "everything"])
def test_an_unknown_detail_is_refused(started: World, detail: str) -> None:
    with pytest.raises(ValidationError) as caught:
        started.run(GetFeatureStatus(feature_id="login", detail=detail))

    assert caught.value.code == "E305"
    assert caught.value.context["argument"] == "detail"
    assert repr(detail) in caught.value.context["reason"]


def test_an_unknown_feature_is_refused(started: World) -> None:
    with pytest.raises(FeatureError) as caught:
        started.run(GetFeatureStatus(feature_id="logout"))

    assert caught.value.code == "E102"


@pytest.mark.parametrize("kind", ["missing", "broken"])
def test_a_feature_whose_template_is_not_usable_can_be_looked_at(started: World, kind: str) -> None:
    getattr(started.prompts, kind).add("standard/define.md")

    phase = started.run(GetFeatureStatus(feature_id="login"))["phase"]

    assert phase is not None
    assert (phase["id"], phase["prompt"]) == ("define", "")
    assert "standard/define.md" in phase["problem"]


def test_a_folder_without_a_project_has_no_features(folder: World) -> None:
    with pytest.raises(ProjectError) as caught:
        folder.run(GetFeatureStatus(feature_id="login"))

    assert caught.value.code == "E004"
