"""After a rollback the phase is entered again, by the one who took it back."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Any, cast

import pytest
from rich.console import Console

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature, RollbackReply
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.cli.views.status import feature_status
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.mcp_tools import _texts
from tests.fakes import World

SPEC = "specs/login/spec.md"
FIRST, SECOND, THIRD = "a" * 40, "b" * 40, "c" * 40


@pytest.fixture
def building(world: World) -> World:
    """The feature ``login`` in its second phase, and git at another commit since."""
    world.git.commit = FIRST
    world.run(StartFeature(prompt="Add login", name="login"))
    world.git.commit = SECOND
    results = {"spec": "## Goal\nLog in\n"}
    world.run(SubmitWork(feature_id="login", phase_id="define", results=results))
    world.git.commit = THIRD
    return world


def roll_back(world: World, to_phase: str = "define", **more: Any) -> RollbackReply:
    return world.run(RollbackFeature(feature_id="login", to_phase=to_phase, reason="x", **more))


def record(world: World, phase_id: str = "define") -> PhaseRecord:
    return world.project.feature("login").phases[phase_id]


def test_the_phase_begins_again_at_the_present_commit(building: World) -> None:
    before = record(building)
    roll_back(building)

    assert (before.start_commit, before.end_commit) == (FIRST, SECOND)
    assert (record(building).start_commit, record(building).end_commit) == (THIRD, None)


def test_a_summary_of_what_no_longer_counts_stays(building: World) -> None:
    before = record(building)
    roll_back(building)
    (artifact,) = before.outputs

    assert record(building).past == [
        {
            "status": "completed",
            "attempts": 1,
            "started_at": building.clock.now.isoformat(),
            "completed_at": building.clock.now.isoformat(),
            "outputs": [asdict(artifact)],
            "reason": "x",
        }
    ]
    assert record(building, "build").past == [
        {
            "status": "in_progress",
            "attempts": 1,
            "started_at": building.clock.now.isoformat(),
            "completed_at": None,
            "outputs": [],
            "reason": "x",
        }
    ]


def test_whoever_takes_a_phase_back_has_its_lease(building: World) -> None:
    building.callers.become("robot-2", 2)
    roll_back(building)
    claim = building.project.feature("login").claim

    assert claim is not None
    assert (claim.agent, claim.client, claim.process) == (
        "robot-2",
        "robot-2",
        building.callers.process,
    )
    assert claim.deliberate is False
    assert claim.since == building.clock.now


def test_an_agent_that_gave_its_name_takes_its_own_phase_back_and_keeps_the_lease(
    building: World,
) -> None:
    building.callers.become_person()
    building.run(ResumeFeature(feature_id="login", agent="ann", takeover=True))
    events = len(building.project.feature("login").events)
    reply = roll_back(building, agent="ann")
    feature = building.project.feature("login")

    assert reply["rolled_back"]
    assert feature.claim is not None
    assert feature.claim.agent == "ann"
    assert "taken_over" not in {event["event"] for event in feature.events[events:]}
    assert building.prompts.variables["agent"] == "ann"


@pytest.mark.parametrize(
    "wanted",
    [
        RollbackFeature(feature_id="login", to_phase="define", reason="x"),
        CloseFeature(feature_id="login", outcome="cancelled", reason="x"),
    ],
    ids=["rollback", "close"],
)
def test_what_an_agent_holds_is_taken_over_by_a_person_which_is_recorded(
    building: World, wanted: Any
) -> None:
    building.run(ResumeFeature(feature_id="login"))
    building.callers.become_person()
    building.run(ResumeFeature(feature_id="login", agent="ann", takeover=True))
    with pytest.raises(FeatureError) as caught:
        building.run(wanted)
    building.run(replace(wanted, takeover=True))
    feature = building.project.feature("login")

    assert caught.value.code == "E122"
    assert feature.claim is None
    assert [event["taken_from"] for event in feature.events if event["event"] == "taken_over"] == [
        "robot",
        "ann",
    ]


def test_a_second_rollback_goes_back_to_what_the_first_one_left(building: World) -> None:
    building.objects.contents.clear()  # what the file was then cannot be put back any more
    building.files.contents[SPEC] = b"Edited by Eve\n"
    assert {row["action"] for row in roll_back(building, "build")["files"]} == {"left"}
    building.files.contents[SPEC] = b"Edited by Adam\n"
    roll_back(building, "build")

    assert building.files.contents[SPEC] == b"Edited by Eve\n"


def test_a_dry_run_enters_nothing_and_takes_no_lease(building: World) -> None:
    before, files = building.project.feature("login"), dict(building.files.contents)
    kept = {name: dict(trees) for name, trees in building.source.kept.items()}
    roll_back(building, dry_run=True, code=True)

    assert building.project.feature("login") == before
    assert before.claim is None
    assert building.files.contents == files
    assert building.source.kept == kept


@pytest.mark.parametrize("past", [{"outputs": 1}, {"outputs": [1, {}, {"sha256": 2}]}, {}])
def test_what_a_state_from_elsewhere_says_of_the_past_is_no_hindrance(
    building: World, past: dict[str, Any]
) -> None:
    with building.repository.transaction(building.root) as project:
        project.feature("login").phases["define"].past.append({"status": "completed", **past})

    assert roll_back(building)["feature"]["current_phase"] == "define"


def test_a_copy_has_the_number_that_the_prompt_names_however_often_it_is_rolled_back(
    building: World,
) -> None:
    building.files.contents["specs/login/spec.attempt-7.md"] = b"Somebody's"
    for number in range(1, 13):
        (kept,) = (each["kept_as"] for each in roll_back(building)["files"])
        ending = "-2" if number == 7 else ""
        assert kept == f"specs/login/spec.attempt-{number}{ending}.md"
        assert building.prompts.variables["attempt"] == {"number": number + 1, "limit": number + 3}
        shown = building.run(GetFeatureStatus(feature_id="login"))["phases"][0]
        assert shown["attempts"] == number + 1
        results = {"spec": f"## Goal\nLog in {number}\n"}
        building.run(SubmitWork(feature_id="login", phase_id="define", results=results))
    assert building.files.contents["specs/login/spec.attempt-7.md"] == b"Somebody's"
    assert len(record(building).past) == 12


def test_people_and_agents_read_the_same_number_and_times_to_the_second(building: World) -> None:
    building.clock.advance(0.123456)
    roll_back(building)
    building.run(FailPhase(feature_id="login", phase_id="define", reason="No key"))
    building.run(ResumeFeature(feature_id="login", agent="me", takeover=True))
    found = building.run(GetFeatureStatus(feature_id="login", detail="full"))
    console = Console(width=200)
    with console.capture() as captured:
        console.print(feature_status(True, cast(Any, found), RenderTarget(terminal=False)))
    shown, said = captured.get(), _texts.feature_status(found)

    assert "define  in progress, attempt 3, started" in shown
    assert "attempt 2 failed: No key" in shown
    assert "- define: in progress, attempt 3\n" in said
    assert "me works on it, until " in said
    for text in (shown, said):
        assert "+00:00" in text
        assert re.search(r"\d\.\d+\+00:00", text) is None


def test_a_phase_that_stays_completed_keeps_what_was_named_to_it(building: World) -> None:
    roll_back(building)
    results = {"spec": "## Goal\nLog in again\n"}
    building.run(SubmitWork(feature_id="login", phase_id="define", results=results))
    before = record(building).returned
    assert before is not None
    assert [each.kept_as for each in before.discarded] == ["specs/login/spec.attempt-1.md"]
    roll_back(building, "build")

    assert record(building).returned == before


@pytest.mark.parametrize("exit_code", [0, 1])
@pytest.mark.parametrize(("to_phase", "code"), [("define", "E106"), ("build", "E123")])
def test_what_a_check_saw_of_a_phase_that_was_rolled_back_meanwhile_does_not_count(
    building: World, to_phase: str, code: str, exit_code: int
) -> None:
    building.checks.exit_codes = [exit_code]

    def meanwhile() -> None:
        roll_back(building, to_phase)

    building.checks.meanwhile = meanwhile
    with pytest.raises(FeatureError) as caught:
        building.run(
            SubmitWork(feature_id="login", phase_id="build", results={"report": "It runs"})
        )

    assert caught.value.code == (code if exit_code == 0 else "E118")
    build = record(building, "build")
    assert (build.evidence, build.written, build.failures) == (None, {}, [])
    assert (build.attempts, build.last_failure()) == (1 if to_phase == "define" else 2, None)
    assert build.returned is not None
    assert building.project.feature("login").current_phase == to_phase
