"""Submitted outputs are checked, recorded, and open the next phase."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest

from cde_orchestrator.application.features.delivery import RESULT_LIMIT
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.domain.exceptions import (
    CDEError,
    FeatureError,
    OutputError,
    ProjectError,
    ReadOnlyModeError,
    StateError,
    ValidationError,
)
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from tests.fakes import World, catalog, older_feature

SPEC = "specs/login/spec.md"
NOTES = "specs/login/notes.txt"
REPORT = "specs/login/report.md"


@pytest.fixture
def started(world: World) -> World:
    """A project with the feature ``login`` in its first phase."""
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def submit(
    world: World, phase_id: str = "define", results: Mapping[str, str] | None = None
) -> SubmitReply:
    """Submit a phase of ``login``."""
    return world.run(SubmitWork(feature_id="login", phase_id=phase_id, results=results or {}))


def refused(
    world: World, phase_id: str = "define", results: Mapping[str, str] | None = None
) -> CDEError:
    """The error with which a submission is refused; only why its work was is new then."""
    before = world.project.feature("login")
    with pytest.raises(CDEError) as caught:
        submit(world, phase_id, results)
    after, error = world.project.feature("login"), caught.value
    if isinstance(error, FeatureError) and error.is_about_the_work and before.workflow_digest:
        record = after.phases[phase_id]
        assert record.refused is not None
        assert (record.refused.code, record.refused.reason) == (error.code, error.message)
        record.refused = before.phases[phase_id].refused
    assert after == before
    return error


def sha256(data: bytes) -> str:
    """The digest that is recorded."""
    return hashlib.sha256(data).hexdigest()


def test_a_file_that_stands_in_the_project_is_recorded(started: World) -> None:
    started.files.contents[SPEC] = b"## Goal\nLog in\n"
    started.clock.advance()
    reply = submit(started)

    assert reply["accepted"] == {
        "id": "define",
        "status": "completed",
        "attempts": 1,
        "started_at": "2025-11-10T12:00:00+00:00",
        "completed_at": "2025-11-10T12:01:00+00:00",
        "outputs": [
            {"id": "spec", "path": SPEC, "sha256": sha256(b"## Goal\nLog in\n"), "size": 15}
        ],
    }
    assert reply["feature"]["status"] == "building"
    assert reply["feature"]["current_phase"] == "build"
    assert reply["phase"] is not None
    assert reply["phase"]["id"] == "build"
    assert reply["phase"]["handler"] == "human_input"
    assert reply["phase"]["prompt"] == "standard/build.md: Add login"
    seen = ["difference", "proof", "record", "tasks"]
    assert list(reply) == ["project", "feature", "phase", "accepted", "kept", *seen]
    assert [reply.get(each) for each in seen] == [None] * 4
    assert reply["kept"] == []


def test_text_in_results_becomes_a_file_and_is_recorded_as_it_stands_there(started: World) -> None:
    reply = submit(started, results={"spec": "## Goal\nLog in", "notes": "Mind 密码\n"})

    assert started.files.contents == {
        SPEC: b"## Goal\nLog in\n",
        NOTES: "Mind 密码\n".encode(),
    }
    recorded = {output["path"]: output["sha256"] for output in reply["accepted"]["outputs"]}
    assert recorded == {path: sha256(data) for path, data in started.files.contents.items()}


def test_text_in_results_replaces_the_file(started: World) -> None:
    started.files.contents[SPEC] = b"before\n"
    submit(started, results={"spec": "## Goal\nafter\n"})

    assert started.files.contents[SPEC] == b"## Goal\nafter\n"


def test_what_was_accepted_is_kept_with_the_feature(started: World) -> None:
    submit(started, results={"spec": "## Goal\nLog in"})
    record = started.project.feature("login").phases["define"]

    assert [artifact.path for artifact in record.outputs] == [SPEC]
    assert record.completed_at == started.clock.now


def test_an_output_that_is_not_required_may_be_missing(started: World) -> None:
    reply = submit(started, results={"spec": "## Goal\nLog in"})

    assert [output["id"] for output in reply["accepted"]["outputs"]] == ["spec"]


def test_an_output_that_is_not_required_is_recorded_when_it_is_there(started: World) -> None:
    started.files.contents[NOTES] = b"notes"
    reply = submit(started, results={"spec": "## Goal\nLog in"})

    assert [output["id"] for output in reply["accepted"]["outputs"]] == ["spec", "notes"]


def test_the_next_phase_is_given_what_the_one_before_left(started: World) -> None:
    submit(started, results={"spec": "## Goal\nLog in"})

    assert started.prompts.variables["inputs"] == [
        {
            "id": "spec",
            "path": SPEC,
            "phase": "define",
            "excerpt": "## Goal\nLog in",
            "sections": [{"heading": "Goal", "key": "goal", "text": "Log in", "more": 0}],
            "specifies": False,
        }
    ]


def test_the_last_phase_completes_the_feature(started: World) -> None:
    submit(started, results={"spec": "## Goal\nLog in"})
    reply = submit(started, "build", {"report": "Done"})

    assert reply["phase"] is None
    assert reply["feature"]["status"] == "completed"
    assert reply["feature"]["current_phase"] is None
    assert reply["accepted"]["id"] == "build"


def test_a_feature_may_be_named_by_its_id_or_its_beginning(started: World) -> None:
    feature_id = started.project.feature("login").id
    started.run(
        SubmitWork(feature_id=feature_id, phase_id="define", results={"spec": "## Goal\nLog in"})
    )
    reply = started.run(
        SubmitWork(feature_id=feature_id[:6], phase_id="build", results={"report": "x"})
    )

    assert reply["feature"]["id"] == feature_id


def test_a_required_output_that_is_missing_is_named_with_its_path(started: World) -> None:
    error = refused(started)

    assert isinstance(error, OutputError)
    assert error.code == "E110"
    assert error.context == {
        "feature": "login",
        "phase": "define",
        "back_to": "define",
        "problems": f"spec at {SPEC} is missing",
        "outputs": [
            {
                "code": "E110",
                "output": "spec",
                "path": SPEC,
                "problem": "is missing",
                "fix": "Write the file, or give its text under the output's id, spec",
            }
        ],
    }


@pytest.mark.parametrize("blank", ["", " ", "\n\t\r\n"])
def test_a_required_output_without_content_is_refused(started: World, blank: str) -> None:
    error = refused(started, results={"spec": blank})

    assert error.code == "E111"
    assert error.context["problems"] == f"spec at {SPEC} is empty"
    assert started.files.contents == {}


def test_a_required_file_without_content_is_refused(started: World) -> None:
    started.files.contents[SPEC] = b" \n"

    assert refused(started).code == "E111"


def test_every_output_with_a_problem_is_named_at_once(world: World) -> None:
    outputs = tuple(Output(id=name, path=f"{name}.md") for name in ("a", "b", "c"))
    workflow = Workflow(id="standard", phases=(Phase(id="define", outputs=outputs),))
    world.workflows.own = catalog(workflow, packaged=False)
    world.run(StartFeature(prompt="Add login", name="login"))
    error = refused(world, results={"b": " "})

    assert error.code == "E110"
    assert error.context["problems"] == (
        "a at a.md is missing; b at b.md is empty; c at c.md is missing"
    )


def test_an_output_that_the_phase_does_not_declare_writes_nothing(started: World) -> None:
    error = refused(started, results={"spec": "## Goal\nLog in", "report": "Done"})

    assert error.code == "E113"
    assert started.files.contents == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [("x" * (RESULT_LIMIT + 1), "E302"), ("a\x00b", "E303"), ("a\ud800b", "E303")],
    ids=["too long", "NUL", "lone surrogate"],
)
def test_text_that_cannot_be_accepted_writes_nothing(started: World, text: str, code: str) -> None:
    error = refused(started, results={"notes": "fine", "spec": text})

    assert isinstance(error, ValidationError)
    assert error.code == code
    assert error.context["field"] == "results.spec"
    assert started.files.contents == {}


def test_an_output_outside_the_project_writes_nothing(world: World) -> None:
    outputs = (Output(id="good", path="good.md"), Output(id="bad", path="../bad.md"))
    workflow = Workflow(id="standard", phases=(Phase(id="define", outputs=outputs),))
    world.workflows.own = catalog(workflow, packaged=False)
    world.run(StartFeature(prompt="Add login", name="login"))
    error = refused(world, results={"good": "text", "bad": "text"})

    assert error.code == "E112"
    assert world.files.contents == {}


def test_a_file_that_could_not_be_written_completes_nothing(started: World) -> None:
    started.files.full.add(SPEC)
    error = refused(started, results={"spec": "## Goal\nLog in"})

    assert isinstance(error, StateError)
    assert error.code == "E204"


@pytest.mark.parametrize(("phase_id", "code"), [("build", "E106"), ("deploy", "E107")])
def test_another_phase_than_the_current_one_is_refused(
    started: World, phase_id: str, code: str
) -> None:
    error = refused(started, phase_id, {"spec": "## Goal\nLog in"})

    assert isinstance(error, FeatureError)
    assert error.code == code
    assert started.files.contents == {}


def test_a_phase_that_was_accepted_is_not_accepted_again(started: World) -> None:
    submit(started, results={"spec": "## Goal\nLog in"})

    assert refused(started, results={"spec": "again"}).code == "E106"
    assert started.files.contents[SPEC] == b"## Goal\nLog in\n"


def test_a_closed_feature_takes_no_submission(started: World) -> None:
    submit(started, results={"spec": "## Goal\nLog in"})
    submit(started, "build", {"report": "Done"})

    assert refused(started, "build", {"report": "again"}).code == "E105"
    assert started.files.contents[REPORT] == b"Done\n"


def test_a_read_only_project_takes_no_submission(started: World) -> None:
    started.repository.read_only_reason = "the disk is full"
    with pytest.raises(ReadOnlyModeError) as caught:
        submit(started, results={"spec": "## Goal\nLog in"})

    assert caught.value.code == "E206"
    assert started.files.contents == {}


def test_a_change_that_could_not_be_written_completed_nothing(started: World) -> None:
    started.repository.commit_failure = StateError.of("E204", path="/home/shop")

    assert refused(started, results={"spec": "## Goal\nLog in"}).code == "E204"


def test_a_next_phase_that_cannot_be_told_completes_nothing(started: World) -> None:
    started.prompts.missing.add("standard/build.md")

    assert refused(started, results={"spec": "## Goal\nLog in"}).code == "E312"


def test_an_unknown_feature_takes_no_submission(started: World) -> None:
    with pytest.raises(FeatureError) as caught:
        started.run(SubmitWork(feature_id="logout", phase_id="define"))

    assert caught.value.code == "E102"


def test_a_folder_without_a_project_takes_no_submission(folder: World) -> None:
    with pytest.raises(ProjectError) as caught:
        submit(folder)

    assert caught.value.code == "E004"


def test_a_feature_keeps_to_the_workflow_that_it_was_started_with(started: World) -> None:
    changed = Workflow(id="standard", phases=(Phase(id="something-else"),))
    started.workflows.own = catalog(changed, packaged=False)
    reply = submit(started, results={"spec": "## Goal\nLog in"})

    assert reply["feature"]["current_phase"] == "build"


def test_a_feature_of_an_older_release_takes_the_projects_workflow_for_good(world: World) -> None:
    project = world.project
    older_feature(project, name="login", current_phase="define", workflow_type="unheard-of")
    world.repository.put(project)
    reply = submit(world, results={"spec": "## Goal\nLog in"})
    kept = world.project.feature("login")

    assert reply["feature"]["workflow"] == "standard"
    assert kept.workflow_type == "standard"
    assert world.project.workflow_of(kept) == world.workflows.packaged.get()
    assert list(kept.phases) == ["define", "build"]


def test_a_feature_of_an_older_release_stays_as_it_was_when_it_is_refused(world: World) -> None:
    project = world.project
    older = replace(older_feature(project, name="login", current_phase="define"))
    world.repository.put(project)

    assert refused(world).code == "E110"
    assert world.project.feature("login") == older
    assert world.project.workflows == {}


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ({"spec": "a\x00b"}, "E303"),
        ({"spec": "x" * (RESULT_LIMIT + 1)}, "E302"),
        ({"spec": "\u00fc" * 600_000}, "E315"),
    ],
)
def test_a_text_that_cannot_be_accepted_is_no_repeated_submission(
    started: World, results: dict[str, str], code: str
) -> None:
    submit(started, results={"spec": "## Goal\nLog in\n"})

    assert refused(started, results=results).code == code


def test_a_report_tells_what_was_submitted_without_what_watched_it() -> None:
    use_case = SubmitWork(feature_id="login", phase_id="define", watch=print)

    assert use_case.arguments() == {
        "feature_id": "login",
        "phase_id": "define",
        "results": {},
        "agent": None,
        "takeover": False,
        "restore": False,
    }


def test_a_phase_for_another_agent_is_free_for_it(world: World) -> None:
    build, verify = Phase(id="build"), Phase(id="verify", agent="other")
    phases = (Phase(id="plan"), build, verify)
    world.workflows.own = catalog(Workflow(id="standard", phases=phases), packaged=False)
    world.run(StartFeature(prompt="Add login", name="login", agent="ann"))
    world.run(SubmitWork(feature_id="login", phase_id="plan", agent="ann"))
    with pytest.raises(FeatureError, match="ann"):
        world.run(SubmitWork(feature_id="login", phase_id="build", agent="ben"))
    world.run(SubmitWork(feature_id="login", phase_id="build", agent="ann"))

    reviewed = world.run(SubmitWork(feature_id="login", phase_id="verify", agent="ben"))

    assert reviewed["accepted"]["reader"]["as_wanted"] is None, (
        "they named themselves, in one session"
    )
