"""Which files a rollback with code leaves to another feature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cde_orchestrator.application.features import source_changes
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.grow_feature import GrowFeature
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.application.ports.sources import Turn
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.records import Difference
from cde_orchestrator.domain.workflow import Workflow
from tests.fakes import ROOT, World, catalog, writing_workflow
from tests.read_features import ReadFeatures
from tests.unit.application.features.test_source_changes import (
    FIRST,
    MINE,
    NOTE,
    roll_back,
    save,
    states,
    work,
)

SPEC = {"spec": "## Goal\nA basket\n"}
LARGER = "larger"


def coding_workflow(workflow_id: str) -> Workflow:
    """It changes code in its second phase."""
    define, build = writing_workflow().phases
    build = replace(build, changes="required")
    return replace(writing_workflow(workflow_id), phases=(define, build))


def larger_workflow() -> Workflow:
    """Two phases before the code."""
    define, build = coding_workflow(LARGER).phases
    outline = replace(define.outputs[0], id="outline", path="specs/{feature}/outline.md")
    outline = replace(outline, must_contain=("## Approach",))
    design = replace(define, id="design", outputs=(outline,))
    return replace(coding_workflow(LARGER), phases=(define, design, build))


@pytest.fixture
def started(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A feature that may change code from its start on; each look at the source takes a time."""
    looked = world.source.now

    def now(root: Path) -> SourceTree:
        world.clock.advance(0.1)
        return looked(root)

    monkeypatch.setattr(world.source, "now", now)
    workflows = (writing_workflow(), coding_workflow("coding"), larger_workflow())
    world.workflows.own = catalog(*workflows, packaged=False)
    world.git.commit = FIRST
    world.proofs.source.update({"shop/pay.py": "old\n", "shop/gone.py": "1\n", "mine.py": "1\n"})
    world.run(StartFeature(prompt="Add login", name="login"))
    world.clock.advance()
    return world


def start_basket(world: World, workflow: str = "coding", *, leased: bool = False) -> None:
    world.clock.advance()
    world.run(StartFeature(prompt="Add basket", name="basket", workflow=workflow))
    if not leased:
        change_basket(world, lambda basket: setattr(basket, "claim", None))
    world.clock.advance()


def change_basket(world: World, do: Callable[[Feature], None]) -> None:
    with world.repository.transaction(ROOT) as project:
        do(project.feature("basket"))


def save_basket(world: World, note: str = "Read it; nothing is changed by me yet") -> None:
    world.run(SaveProgress(feature_id="basket", note=note))
    change_basket(world, lambda basket: setattr(basket, "claim", None))
    world.clock.advance()


def submit_basket(world: World) -> None:
    world.run(SubmitWork(feature_id="basket", phase_id="define", results=SPEC))
    change_basket(world, lambda basket: setattr(basket, "claim", None))
    world.clock.advance()


def pay(world: World, text: str) -> None:
    world.proofs.source["shop/pay.py"] = text


def pay_of(world: World) -> str:
    """Whose the change of one file is, once the feature named it."""
    world.clock.advance()
    save(world, "Read shop/pay.py; nothing is changed by me yet")
    return states(roll_back(world))["shop/pay.py"]


def test_another_feature_at_work_elsewhere_is_none(started: World) -> None:
    start_basket(started)
    pay(started, "newer\n")
    save_basket(started)

    def elsewhere(basket: Feature) -> None:
        start = basket.phases["define"].start_source
        assert start is not None
        basket.phases["define"].start_source = replace(start, folder="/worktree")

    change_basket(started, elsewhere)
    work(started)
    assert states(roll_back(started, code=True))["shop/pay.py"] == "restored"


def test_another_one_with_a_lease_may_still_be_at_work(started: World) -> None:
    start_basket(started, leased=True)
    work(started)
    with started.repository.transaction(ROOT) as project:
        basket, login = project.feature("basket"), project.feature("login")
        start = login.phases["define"].start_source
        assert start is not None
        basket.updated_at = start.at - timedelta(minutes=1)
        assert basket.claim is not None

    assert states(roll_back(started))["shop/pay.py"] == "others"


def test_another_one_that_is_merely_open_keeps_nothing(started: World) -> None:
    start_basket(started)
    work(started)
    assert states(roll_back(started)) == MINE
    save_basket(started)
    rows = roll_back(started)["source"]
    assert {(row["state"], row["reason"]) for row in rows} == {
        ("others", "may be a change of basket")
    }


@pytest.mark.parametrize("workflow", ["standard", "coding"])
@pytest.mark.parametrize("saved", [True, False])
def test_an_open_one_is_at_work_until_now_without_a_lease(
    started: World, workflow: str, saved: bool
) -> None:
    start_basket(started, workflow)
    if workflow == "coding":
        submit_basket(started)
    if saved:
        save_basket(started)
    pay(started, "basket's\n")

    assert pay_of(started) == "others"
    roll_back(started, code=True)
    assert started.proofs.source["shop/pay.py"] == "basket's\n"


def test_one_that_saved_something_before_the_phases_of_code_is_at_work(started: World) -> None:
    start_basket(started)
    save_basket(started)
    pay(started, "basket's\n")

    assert pay_of(started) == "others"


def test_an_open_one_that_was_moved_long_ago_is_at_work(started: World) -> None:
    start_basket(started)
    submit_basket(started)
    started.clock.advance()
    started.run(CloseFeature(feature_id="login", outcome="cancelled", reason="No"))
    started.clock.advance()
    started.run(StartFeature(prompt="Add till", name="till"))
    pay(started, "basket's\n")
    started.clock.advance()
    started.run(SaveProgress(feature_id="till", note="shop/pay.py"))
    started.clock.advance()
    roll = RollbackFeature(feature_id="till", to_phase="define", reason="No", code=True)

    assert states(started.run(roll)) == {"shop/pay.py": "others"}


def test_in_a_phase_after_that_of_the_code_it_is_at_work_too(started: World) -> None:
    define, build = coding_workflow("coding").phases
    phases = (replace(define, changes="required"), replace(build, changes=None))
    reviewed = replace(coding_workflow("reviewed"), phases=phases)
    started.workflows.own = catalog(reviewed, packaged=False)
    start_basket(started, "reviewed")

    def review(basket: Feature) -> None:
        start = basket.phases["define"].start_source
        assert start is not None
        basket.complete_phase("define", [], reviewed, started.clock())
        basket.phases["build"].start_source = replace(start, at=started.clock())

    change_basket(started, review)
    started.clock.advance()
    pay(started, "basket's\n")
    assert pay_of(started) == "others"


@pytest.mark.parametrize("workflow", ["standard", "coding"])
def test_what_it_did_before_it_changed_its_workflow_counts(started: World, workflow: str) -> None:
    start_basket(started, workflow)
    if workflow == "standard":
        submit_basket(started)
    pay(started, "basket's\n")
    save(started, "Read shop/pay.py; nothing is changed by me yet")
    assert states(roll_back(started, dry_run=True))["shop/pay.py"] == (
        "others" if workflow == "standard" else "feature"
    )
    started.clock.advance()
    started.run(GrowFeature(feature_id="basket", workflow=LARGER))
    change_basket(started, lambda basket: setattr(basket, "claim", None))

    assert states(roll_back(started, code=True))["shop/pay.py"] == "others"
    assert started.proofs.source["shop/pay.py"] == "basket's\n"
    started.proofs.source["mine.py"] = "2\n"
    save(started, "mine.py")
    assert states(roll_back(started, code=True))["mine.py"] == "restored"


def test_what_it_did_before_it_was_rolled_back_counts(started: World) -> None:
    start_basket(started)
    submit_basket(started)
    pay(started, "basket's\n")
    started.clock.advance()
    started.run(RollbackFeature(feature_id="basket", to_phase="define", reason="Wrong way"))
    change_basket(started, lambda basket: setattr(basket, "claim", None))

    assert pay_of(started) == "others"


def test_a_closed_one_was_at_work_until_it_ended(started: World) -> None:
    start_basket(started, "standard")
    pay(started, "basket's\n")
    started.run(CloseFeature(feature_id="basket", outcome="cancelled", reason="No"))

    assert pay_of(started) == "others"


def test_what_another_one_recorded_is_kept_from_a_rollback(started: World) -> None:
    work(started)
    start_basket(started)
    told = Difference(1, 1, 0, ("shop/new.py",))
    change_basket(started, lambda basket: setattr(basket.phases["define"], "difference", told))

    left = states(roll_back(started, code=True))
    assert (left["shop/new.py"], left["shop/pay.py"]) == ("others", "restored")
    assert "shop/new.py" in started.proofs.source


def test_another_one_was_at_work_until_it_submitted(started: World) -> None:
    start_basket(started, LARGER)
    save_basket(started)
    started.proofs.source["shop/new.py"] = "basket's\n"
    submit_basket(started)
    started.clock.advance()
    started.proofs.source.update({"shop/pay.py": "new\n"})
    save(started)

    assert states(roll_back(started)) == {"shop/new.py": "others", "shop/pay.py": "feature"}


def test_what_a_note_of_another_one_names_is_kept_from_a_rollback(started: World) -> None:
    work(started)
    start_basket(started)
    save_basket(started, "shop/new.py is the basket's now")

    left = states(roll_back(started, code=True))
    assert (left["shop/new.py"], left["shop/pay.py"]) == ("others", "restored")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_of_another_one_whose_source_is_not_known_all_counts(
    started: World, elsewhere: bool
) -> None:
    start_basket(started)
    work(started)

    def unknown(basket: Feature) -> None:
        start = basket.phases["define"].start_source
        assert start is not None
        basket.phases["build"] = replace(basket.phases["define"], id="build")
        basket.phases["define"].start_source = replace(start, folder="/worktree")
        if not elsewhere:
            basket.phases = {}

    change_basket(started, unknown)
    assert set(states(roll_back(started)).values()) == {"others"}


def test_one_without_a_known_start_counts_from_its_own(started: World) -> None:
    start_basket(started)
    work(started)

    def forget(basket: Feature) -> None:
        basket.phases["define"].start_source, basket.updated_at = None, started.clock()

    change_basket(started, forget)
    assert set(states(roll_back(started)).values()) == {"others"}


def test_one_that_ended_before_is_not_read(started: World) -> None:
    started.run(StartFeature(prompt="Add basket", name="basket"))
    started.run(CloseFeature(feature_id="basket", outcome="cancelled", reason="No"))
    work(started)
    project, fakes = started.project, (started.source, started.source, started.git, started.clock)
    basket, login = project.feature("basket"), project.feature("login")
    record, workflow = login.phases["define"], project.workflow_of(login)
    assert record.start_source is not None
    assert workflow is not None
    basket.updated_at = record.start_source.at - timedelta(minutes=1)
    project.features = features = ReadFeatures([basket, login])
    sources = ProjectSources(ROOT, ROOT, *fakes)

    found = source_changes.source_changes(
        project, login, record, sources.look(), sources, workflow, [NOTE]
    )

    assert found.states == MINE
    assert features.read == []


def test_git_is_asked_once_for_two_trees_however_many_others_there_are(
    started: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        started.clock.advance()
        started.run(StartFeature(prompt="Add till", name=f"till-{number:02}"))
    work(started)
    asked: list[tuple[str, ...]] = []
    differing, pinned = started.source.differing, started.source.pinned

    def compared(root: Path, before: str, after: str) -> dict[str, Turn]:
        asked.append((before, after))
        return dict(differing(root, before, after))

    def named(root: Path, place: str, name: str) -> frozenset[str]:
        asked.append((name,))
        return pinned(root, place, name)

    monkeypatch.setattr(started.source, "differing", compared)
    monkeypatch.setattr(started.source, "pinned", named)
    reply = roll_back(started, dry_run=True)

    assert set(states(reply).values()) == {"others"}
    # What differs; what the feature has kept; the same trees once for all others.
    login, kept = started.project.feature("login"), [each for each in asked if len(each) == 1]
    assert kept == [(login.id,)]
    assert len(asked) == 3
