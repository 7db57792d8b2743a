"""After a rollback the phase is entered again, by the one who took it back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from cde_orchestrator.application.features.rollback_feature import RollbackFeature, RollbackReply
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.project import Project
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
        }
    ]
    assert record(building, "build").past == [
        {
            "status": "in_progress",
            "attempts": 1,
            "started_at": building.clock.now.isoformat(),
            "completed_at": None,
            "outputs": [],
        }
    ]


def test_whoever_takes_a_phase_back_has_its_lease(building: World) -> None:
    building.repository.put(_without_claim(building))
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


def test_a_second_rollback_goes_back_to_what_the_first_one_left(building: World) -> None:
    building.objects.contents.clear()  # what the file was then cannot be put back any more
    building.files.contents[SPEC] = b"Edited by Eve\n"
    assert {row["action"] for row in roll_back(building, "build")["files"]} == {"left", "unchanged"}
    building.files.contents[SPEC] = b"Edited by Adam\n"
    roll_back(building, "build")

    assert building.files.contents[SPEC] == b"Edited by Eve\n"


def test_a_dry_run_enters_nothing_and_takes_no_lease(building: World) -> None:
    building.repository.put(_without_claim(building))
    building.git.dirty = ["src/shop.py"]
    before = building.project.feature("login")
    reply = roll_back(building, dry_run=True)

    assert building.project.feature("login") == before
    assert before.claim is None
    # What is told is of the phase as it would be taken back, not as somebody entered it.
    assert reply["git"] == [
        f"git -C /home/shop diff --stat {FIRST} -- . ':(exclude).cde'",
        f"git --literal-pathspecs -C /home/shop restore --source={FIRST} -- src/shop.py",
    ]
    assert FIRST in roll_back(building)["git"][0]
    assert THIRD in roll_back(building)["git"][0]


def _without_claim(world: World) -> Project:
    project = world.project
    feature = project.feature("login")
    assert feature.claim is not None
    feature.claim = None
    return project
