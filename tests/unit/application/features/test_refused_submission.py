"""Why a submission was refused stays with the feature until its phase begins again or ends."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.project_board import last_event
from cde_orchestrator.domain.exceptions import CDEError, StateError
from cde_orchestrator.domain.phase_record import PhaseRecord
from tests.fakes import World

TEXTS = {"define": {"spec": "## Goal\nLog in\n"}, "build": {"report": "Done"}}


@pytest.fixture
def started(world: World) -> World:
    """A project with the feature ``login`` in its first phase; the second one has a check."""
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def submit(world: World, phase_id: str = "define") -> None:
    world.clock.advance()
    world.run(SubmitWork(feature_id="login", phase_id=phase_id, results=TEXTS[phase_id]))


def refused(
    world: World, results: dict[str, str] | None = None, phase_id: str = "define"
) -> CDEError:
    """The error with which a submission is refused."""
    world.clock.advance()
    with pytest.raises(CDEError) as caught:
        world.run(SubmitWork(feature_id="login", phase_id=phase_id, results=results or {}))
    return caught.value


def record(world: World, phase_id: str = "define") -> PhaseRecord:
    return world.project.feature("login").phases[phase_id]


def test_it_says_why_when_and_who(started: World) -> None:
    assert refused(started).code == "E110"
    last = refused(started, {"spec": " "})

    kept = record(started).refused
    assert kept is not None
    assert (kept.code, kept.reason, kept.at) == ("E111", last.message, started.clock())
    attempt = cast("Any", started.run(GetFeatureStatus(feature_id="login", detail="full")))[
        "attempt"
    ]
    assert attempt["last_failure"] == last.message
    event = last_event(started.project.feature("login"))
    assert (event["kind"], event["by"]) == ("refused", kept.by)
    assert kept.by == "robot"


def test_whoever_continues_sees_it(started: World) -> None:
    error = refused(started)

    assert started.run(ResumeFeature(feature_id="login"))["last_failure"] == error.message
    assert started.prompts.variables["last_failure"] == error.message


def test_the_same_again_changes_nothing(started: World) -> None:
    refused(started)
    before = started.project.feature("login")
    refused(started)

    assert started.project.feature("login") == before


def test_it_goes_when_the_phase_ends_or_begins_again(started: World) -> None:
    refused(started)
    started.run(FailPhase(feature_id="login", phase_id="define", reason="It broke"))
    assert record(started).refused is None
    assert record(started).last_failure() == "It broke"

    refused(started)
    assert record(started).refused is not None
    submit(started)
    assert record(started).refused is None

    refused(started, phase_id="build")
    assert record(started, "build").refused is not None
    started.run(RollbackFeature(feature_id="login", to_phase="define", reason="Wrong way"))
    assert record(started, "build").refused is None


def test_the_newer_of_a_check_and_a_refusal_is_why(started: World) -> None:
    submit(started)
    missing = refused(started, {"report": " "}, "build")
    assert record(started, "build").last_failure() == missing.message

    started.checks.exit_codes = [1]
    assert refused(started, TEXTS["build"], "build").code == "E118"
    assert record(started, "build").refused is None
    assert (record(started, "build").last_failure() or "").startswith("The check make test")

    again = refused(started, {"report": " "}, "build")
    assert record(started, "build").last_failure() == again.message


def test_what_is_no_fault_of_the_work_is_not_kept(started: World) -> None:
    assert refused(started, {"spec": "a\0b"}).code == "E303"
    assert refused(started, {"other": "text"}).code == "E113"
    assert refused(started, phase_id="build").code == "E106"
    started.prompts.missing.add("standard/build.md")
    assert refused(started, TEXTS["define"]).code == "E312"

    assert record(started).refused is None


def test_secrets_are_not_kept(started: World) -> None:
    secret = "AKIA" + "Q3EGR5TZ" * 2
    error = refused(started, {"spec": f"## Goal\n{{{{{secret}}}}}\n"})

    kept = record(started).refused
    assert kept is not None
    assert (error.code, secret in error.message, secret in kept.reason) == ("E117", True, False)


def test_a_refusal_that_cannot_be_kept_is_raised_all_the_same(started: World) -> None:
    started.repository.commit_failure = StateError.of("E204", path="x")

    assert refused(started).code == "E110"
    started.repository.commit_failure = None
    assert record(started).refused is None


def test_what_changed_while_it_was_checked_is_why(started: World) -> None:
    submit(started)
    path = "specs/login/report.md"
    started.checks.meanwhile = lambda: started.files.contents.update({path: b"Other"})
    error = refused(started, TEXTS["build"], "build")

    kept = record(started, "build").refused
    assert kept is not None
    assert (error.code, kept.code) == ("E123", "E123")
    assert record(started, "build").last_failure() == error.message


def test_a_refusal_of_an_attempt_that_ended_meanwhile_is_not_kept(started: World) -> None:
    submit(started)

    def fail() -> None:
        started.checks.meanwhile = None
        started.run(FailPhase(feature_id="login", phase_id="build", reason="It broke"))

    started.checks.meanwhile = fail
    started.checks.exit_codes = [1]
    assert refused(started, TEXTS["build"], "build").code == "E118"

    assert record(started, "build").refused is None
    assert record(started, "build").evidence is None
    assert record(started, "build").last_failure() == "It broke"
