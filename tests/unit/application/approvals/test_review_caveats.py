"""A verdict, and a yes, are about the source as it was then: what changed since is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.application.approvals.decide import ApprovePhase
from cde_orchestrator.application.approvals.shown import ShowApproval
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.report_markdown import report_markdown
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from cde_orchestrator.mcp_tools._approving import _message
from cde_orchestrator.mcp_tools._texts import feature_status
from tests.fakes import World, catalog
from tests.unit.application.approvals.test_caveats import (
    CODE,
    on_terminal,
    report,
    shown,
    status,
    submit,
)

GOOD = "Verdict: good\n"
GIVEN = "In review the verdict was accepted at 20"
CHANGED = ", of the code as it was then: src/shop.s changed since. "
NO = "A yes does not change that; a no that goes back to review has it reviewed again."
OTHER = "of other code than this: see *What to know*"


def judging(*after: Phase, check: tuple[str, ...] = ()) -> Workflow:
    """Build, review with a verdict, let a person answer; then what comes ``after``."""
    review = Output(id="review", path="specs/{feature}/review.md", verdict=("good",))
    return Workflow(
        id="standard",
        phases=(
            Phase(id="build", changes="required"),
            Phase(id="review", outputs=(review,), check=check),
            Phase(id="approve", handler="human_input"),
            *after,
        ),
    )


def wait(world: World, workflow: Workflow) -> World:
    """The feature ``shop``, which was reviewed and waits for a person."""
    world.workflows.own = catalog(workflow, packaged=False)
    world.git.commit, world.git.changed = "c0ffee", ["src/shop.s"]
    world.run(StartFeature(prompt="Sell", name="shop"))
    world.proofs.source["src/shop.s"] = CODE
    submit(world, "build")
    submit(world, "review", review=GOOD)
    return world


@pytest.fixture
def waiting(world: World) -> World:
    return wait(world, judging())


def reviewed(world: World) -> list[str]:
    """What is said of the verdict and the yes before the next yes."""
    return [each["words"] for each in shown(world)["caveats"] if each["kind"] == "review"]


def in_report(world: World) -> list[str]:
    return [each["words"] for each in report(world)["caveats"] if each["kind"] == "review"]


def agree(world: World) -> None:
    digest = shown(world)["digest"]
    world.run(ApprovePhase(feature_id="shop", digest=digest, channel="terminal"))


def test_of_code_as_it_was_reviewed_nothing_is_said(waiting: World) -> None:
    assert reviewed(waiting) == in_report(waiting) == []
    assert "caveats" not in status(waiting)
    assert "Verdict: **good** (`specs/shop/review.md`).\n" in report_markdown(report(waiting))


def test_code_that_changed_after_its_review_is_named_wherever_a_yes_is_asked_for(
    waiting: World,
) -> None:
    waiting.proofs.source["src/shop.s"] = CODE.replace("5", "6")
    (said,) = reviewed(waiting)
    assert said.startswith(GIVEN)
    assert said.endswith(CHANGED + NO)
    assert [each["phase"] for each in status(waiting)["caveats"]] == ["review"]
    approval = waiting.run(ShowApproval(feature_id="shop"))
    text = report_markdown(report(waiting))
    faces = (on_terminal(waiting), _message(approval, ()), feature_status(status(waiting)), text)
    assert all(said in each for each in faces)
    assert f"Verdict: **good** (`specs/shop/review.md`), {OTHER}." in text

    waiting.proofs.source["src/shop.s"] = CODE
    assert reviewed(waiting) == []


def test_what_changed_before_a_yes_is_still_said_of_the_completed_feature(waiting: World) -> None:
    waiting.proofs.source["src/shop.s"] = CODE.replace("5", "6")
    agree(waiting)
    waiting.proofs.source["src/shop.s"] = CODE  # another feature's, of which it says nothing
    (said,) = in_report(waiting)
    assert said.endswith(f"{CHANGED}That is compared with the code as the feature was completed.")
    assert [each["words"] for each in status(waiting)["caveats"]] == [said]
    assert OTHER in report_markdown(report(waiting))


def test_a_completed_feature_says_nothing_of_what_changed_later(waiting: World) -> None:
    agree(waiting)
    asked = waiting.proofs.trees.asked
    waiting.proofs.source["src/shop.s"] = CODE.replace("5", "6")
    assert in_report(waiting) == []
    assert "caveats" not in status(waiting)
    assert waiting.proofs.trees.asked == asked


def test_a_yes_is_about_the_code_as_it_was_too(world: World) -> None:
    wait(world, judging(Phase(id="ship")))
    agree(world)
    world.proofs.source["src/shop.s"] = CODE.replace("5", "6")
    full = GetFeatureStatus(feature_id="shop", prompt=False, compare=True)
    verdict, yes = (each["words"] for each in world.run(full)["caveats"])
    assert verdict.endswith("Only a rollback to review has it reviewed again.")
    assert yes.startswith("In approve the yes was given at 20")
    assert yes.endswith(f"{CHANGED}Only a rollback to approve asks for it again.")
    assert in_report(world) == [verdict, yes]


def test_a_rollback_to_the_review_takes_back_what_is_said(world: World) -> None:
    wait(world, judging())
    world.proofs.source["src/shop.s"] = CODE.replace("5", "6")
    world.run(RollbackFeature(feature_id="shop", to_phase="review", reason="Again"))
    assert in_report(world) == []
    submit(world, "review", review="Verdict: good\n\nNow of 6.\n")
    assert reviewed(world) == []


def test_code_that_changed_while_the_check_of_the_review_ran_was_not_reviewed(
    world: World,
) -> None:
    world.checks.meanwhile = lambda: world.proofs.source.update({"README.md": "# Late\n"})
    wait(world, judging(check=("make", "test")))
    (said,) = reviewed(world)
    assert "README.md is new since" in said


def test_a_yes_to_what_was_written_before_the_code_is_not_about_it(world: World) -> None:
    workflow = judging()
    build, review, approve = workflow.phases
    early = replace(review, id="examine", outputs=(replace(review.outputs[0], id="early"),))
    world.workflows.own = catalog(
        replace(workflow, phases=(early, build, review, approve)), packaged=False
    )
    world.git.commit, world.git.changed = "c0ffee", ["src/shop.s"]
    world.run(StartFeature(prompt="Sell", name="shop"))
    submit(world, "examine", early=GOOD)
    world.proofs.source["src/shop.s"] = CODE
    assert world.project.feature("shop").phases["examine"].accepted_tree == ""
    full = GetFeatureStatus(feature_id="shop", prompt=False, compare=True)
    assert "caveats" not in world.run(full)


def test_a_feature_whose_review_an_older_release_accepted_says_nothing(waiting: World) -> None:
    with waiting.repository.transaction(waiting.root) as project:
        project.feature("shop").phases["review"].accepted_tree = ""
    waiting.proofs.source["src/shop.s"] = CODE.replace("5", "6")
    assert reviewed(waiting) == in_report(waiting) == []


def test_what_git_cannot_compare_is_said_before_a_yes_and_not_of_what_ended(
    waiting: World,
) -> None:
    waiting.proofs.source["src/shop.s"] = CODE.replace("5", "6")
    reviewed_tree = waiting.project.feature("shop").phases["review"].accepted_tree
    kept = waiting.proofs.trees.trees.pop(reviewed_tree)
    (said,) = reviewed(waiting)
    assert "; whether the code is still the same is not known: " in said

    waiting.proofs.trees.trees[reviewed_tree] = kept
    agree(waiting)
    assert in_report(waiting) != []
    del waiting.proofs.trees.trees[reviewed_tree]  # as git does some time after the end
    assert in_report(waiting) == []
    assert "of other code" not in report_markdown(report(waiting))


def test_a_submission_asks_git_no_more_for_it(world: World) -> None:
    world.workflows.own = catalog(judging(), packaged=False)
    world.git.commit, world.git.changed = "c0ffee", ["src/shop.s"]
    world.run(StartFeature(prompt="Sell", name="shop"))
    world.proofs.source["src/shop.s"] = CODE
    submit(world, "build")
    asked = world.proofs.trees.asked
    submit(world, "review", review=GOOD)
    assert world.proofs.trees.asked == asked  # it is the source at which the next phase begins
    phases = world.project.feature("shop").phases
    assert phases["approve"].start_source is not None
    assert phases["review"].accepted_tree == phases["approve"].start_source.tree
