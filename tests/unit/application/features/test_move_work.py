"""A run takes a feature into another folder only while no other agent is at work on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.move_work import MoveWork
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.domain.exceptions import CDEError
from tests.fakes import ROOT, World, catalog, writing_workflow

MOVE = MoveWork(feature_id="login")
RUN = GetFeatureStatus(feature_id="login", to_run=True)


@pytest.fixture
def begun(world: World) -> World:
    """A feature whose phase began in another folder."""
    world.git.commit = "a" * 40
    world.run(StartFeature(prompt="Add login", name="login"))
    with world.repository.transaction(ROOT) as project:
        first = project.feature("login").phases["define"]
        assert first.start_source is not None
        first.start_source = replace(first.start_source, folder="/elsewhere")
    world.clock.advance()
    return world


def folder_of(world: World) -> str:
    """Where the phase began, as it is recorded."""
    start = world.project.feature("login").phases["define"].start_source
    assert start is not None
    return start.folder


def code_of(world: World, use_case: Any) -> str:
    with pytest.raises(CDEError) as refused:
        world.run(use_case)
    return refused.value.code


def test_work_goes_to_another_folder_once(begun: World) -> None:
    world = begun

    assert world.run(MOVE)
    assert folder_of(world) == str(ROOT)
    assert not world.run(MOVE)


def test_where_git_cannot_keep_the_source_nothing_is_moved(begun: World) -> None:
    begun.git.commit = None

    assert not begun.run(MOVE)
    assert folder_of(begun) == "/elsewhere"


def test_the_work_of_another_agent_stays_where_it_is(begun: World) -> None:
    begun.run(ResumeFeature(feature_id="login", agent="zoe"))
    begun.callers.become_person()

    assert code_of(begun, MOVE) == code_of(begun, RUN) == "E122"
    assert folder_of(begun) == "/elsewhere"


def test_a_lease_that_was_taken_meanwhile_counts(begun: World) -> None:
    now = begun.source.now

    def taken_meanwhile(root: Path) -> SourceTree:
        begun.callers.become("zoe", 2)
        begun.run(ResumeFeature(feature_id="login", agent="zoe", takeover=True))
        begun.callers.become_person()
        return now(root)

    begun.callers.become_person()
    begun.source.now = taken_meanwhile  # type: ignore[method-assign]

    assert code_of(begun, MOVE) == "E122"
    assert folder_of(begun) == "/elsewhere"


def test_a_phase_that_waits_for_a_person_stays_and_refuses_no_run(world: World) -> None:
    workflow = writing_workflow()
    first = replace(workflow.first, handler="human_input", outputs=())
    asking = replace(workflow, phases=(first, *workflow.phases[1:]))
    world.workflows.own = catalog(asking, packaged=False)
    world.git.commit = "a" * 40
    world.run(StartFeature(prompt="Add login", name="login"))
    world.run(ResumeFeature(feature_id="login", agent="zoe"))
    with world.repository.transaction(ROOT) as project:
        record = project.feature("login").phases["define"]
        assert record.start_source is not None
        record.start_source = replace(record.start_source, folder="/elsewhere")
    world.callers.become_person()

    assert world.run(RUN)["phase"] is not None
    assert not world.run(MOVE)
    assert folder_of(world) == "/elsewhere"
