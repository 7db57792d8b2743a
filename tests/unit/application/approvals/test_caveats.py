"""What a person is told before a yes: what is not as it was accepted, and what was noted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from cde_orchestrator.application.approvals.decide import ApprovePhase
from cde_orchestrator.application.approvals.shown import (
    NOTE_SHOWN,
    NOTES_SHOWN,
    ShowApproval,
    ShownView,
)
from cde_orchestrator.application.features.edit_feature import EditFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.reopen_feature import ReopenFeature
from cde_orchestrator.application.features.report_feature import ReportFeature, ReportReply
from cde_orchestrator.application.features.report_markdown import report_markdown
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.views import FeatureStatusReply
from cde_orchestrator.cli.views.approval import to_decide
from cde_orchestrator.domain.approval import Channel
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.feature import EVENTS_KEPT
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.workflow import Phase, Workflow
from cde_orchestrator.mcp_tools._approving import _message
from cde_orchestrator.mcp_tools._texts import feature_status
from tests.fakes import World, catalog
from tests.unit.application.features.test_phase_proof import SPEC, name, price, prove
from tests.unit.application.features.test_proven_to_the_end import reviewed_workflow

CODE = "price = 5\nname = shop\n"
CHECK = ("make", "test")
PROVEN = "The criteria were proven at "
PASSED = "The check `make test` passed in build at "
CHANGED = ", of the code as it was then: src/shop.s changed since. "
AGAIN = "A yes has them proven again first, and is refused where that fails."


def asking(
    *, check: tuple[str, ...] = CHECK, last: bool = True, reviewer: str | None = None
) -> Workflow:
    """Define, build with a check, prove, review, let a person answer."""
    workflow = reviewed_workflow()
    define, build, test, review = workflow.phases
    approve = Phase(id="approve", handler="human_input", inputs=("spec",), check=check)
    phases = (
        define,
        replace(build, check=CHECK),
        test,
        replace(review, agent=reviewer),
        approve,
        *([] if last else [Phase(id="ship")]),
    )
    return replace(workflow, phases=phases)


def wait(world: World, workflow: Workflow, goal: str = "Sell", until: str = "") -> World:
    """The feature ``shop``, proven and reviewed, which waits for a person; or ``until`` a phase."""
    world.workflows.own = catalog(workflow, packaged=False)
    world.git.commit = "c0ffee"
    world.run(StartFeature(prompt=goal, name="shop"))
    submit(world, "define", spec=SPEC)
    world.proofs.source["src/shop.s"] = CODE
    world.proofs.source["tests/shop.t"] = "price, name\n"
    world.proofs.tests |= {"tests/shop.t::price": price, "tests/shop.t::name": name}
    submit(world, "build", agent="Builder")
    prove(world)
    if until == "review":
        return world
    submit(world, "review", agent="Builder", review="Good.\n")
    world.clock.advance(300)
    return world


def submit(world: World, phase: str, agent: str | None = None, **results: str) -> None:
    world.run(
        SubmitWork(
            feature_id="shop", phase_id=phase, results=results, agent=agent, takeover=bool(agent)
        )
    )


@pytest.fixture
def waiting(world: World) -> World:
    return wait(world, asking())


def shown(world: World) -> ShownView:
    return world.run(ShowApproval(feature_id="shop"))["approval"]


def status(world: World) -> FeatureStatusReply:
    return world.run(GetFeatureStatus(feature_id="shop", prompt=False))


def report(world: World) -> ReportReply:
    return world.run(ReportFeature(feature_id="shop"), standing=Standing(kind="trusted"))


def words(world: World) -> list[str]:
    return [each["words"] for each in shown(world)["caveats"]]


def on_terminal(world: World) -> str:
    console = Console(width=400, color_system=None)
    with console.capture() as captured:
        console.print(to_decide(world.run(ShowApproval(feature_id="shop"))))
    return captured.get()


def test_of_what_is_as_it_was_nothing_is_said(waiting: World) -> None:
    assert words(waiting) == []
    assert [each["state"] for each in shown(waiting)["criteria"]] == ["proven", "proven"]
    assert "caveats" not in status(waiting)
    assert "passed now, failed before the work" in report_markdown(report(waiting))


def test_code_that_changed_since_is_named_wherever_a_proof_is_shown(waiting: World) -> None:
    digest = shown(waiting)["digest"]
    waiting.proofs.source["src/shop.s"] = CODE.replace("5", "6")

    proof, check = words(waiting)
    assert proof.startswith(PROVEN)
    assert proof.endswith(CHANGED + AGAIN)
    assert check.startswith(PASSED)
    assert check.endswith(f"{CHANGED}A yes runs it again first, and is refused where that fails.")
    assert [each["state"] for each in shown(waiting)["criteria"]] == ["stale", "stale"]
    assert shown(waiting)["digest"] != digest
    text = report_markdown(report(waiting))
    assert "passed now" not in text
    assert "passed when it was proven, failed before the work" in text
    approval = waiting.run(ShowApproval(feature_id="shop"))
    for said in (on_terminal(waiting), _message(approval, ()), feature_status(status(waiting))):
        assert proof in said
        assert check in said
    assert proof in text.replace("\\", "")
    assert [each["state"] for each in report(waiting)["criteria"]] == ["stale", "stale"]

    waiting.proofs.source["src/shop.s"] = CODE
    assert words(waiting) == []


@pytest.mark.parametrize(
    ("channel", "fixes"), [("terminal", ["approve"]), ("page", ["approve"]), ("elicitation", [])]
)
def test_a_yes_whose_check_fails_is_refused_and_given_again(
    waiting: World, channel: Channel, fixes: list[str]
) -> None:
    waiting.checks.exit_codes = [1]
    yes = ApprovePhase(feature_id="shop", digest=shown(waiting)["digest"], channel=channel)
    with pytest.raises(FeatureError) as caught:
        waiting.run(yes)
    assert caught.value.code == "E118"
    assert [each.command[1] for each in caught.value.fixes] == fixes
    assert waiting.project.feature("shop").current_phase == "approve"


def test_code_that_the_proof_is_not_about_leaves_it_as_it_is(waiting: World) -> None:
    waiting.proofs.source["README.md"] = "# Shop\n"
    (check,) = words(waiting)
    assert check.startswith(PASSED)
    waiting.proofs.source["src/more.s"] = "more = 1\n"  # new code, which nothing has seen
    assert words(waiting)[0].startswith(PROVEN)


UNREAD = (
    "No proof was about that, but a test may read it: taken back, the criteria count as proven."
)


def test_what_no_proof_is_about_counts_and_why_is_said_of_a_reopened_feature_too(
    world: World,
) -> None:
    wait(world, asking())
    world.proofs.source["src/more.s"] = "more = 1\n"
    said, _ = words(world)
    since = f", of the code as it was then: src/more.s is new since. {UNREAD}"
    assert said.endswith(f"{since} {AGAIN}")

    del world.proofs.source["src/more.s"]
    yes = ApprovePhase(feature_id="shop", digest=shown(world)["digest"], channel="terminal")
    world.run(yes)
    world.run(ReopenFeature(feature_id="shop", to_phase="review", reason="Better"))
    full = GetFeatureStatus(feature_id="shop", prompt=False, compare=True)
    assert "caveats" not in world.run(full)
    world.proofs.source["src/more.s"] = "more = 1\n"
    again, _ = (each["words"] for each in world.run(full)["caveats"])
    assert again.endswith(f"{since} The submission of approve has them proven again.")


def test_what_became_of_each_file_is_said(waiting: World) -> None:
    del waiting.proofs.source["tests/shop.t"]
    waiting.proofs.source |= {"src/shop.s": CODE.replace("5", "6"), "src/more.s": "more = 1\n"}
    proof, _ = words(waiting)
    since = "src/shop.s changed and src/more.s is new and tests/shop.t is gone since. "
    assert proof.endswith(f", of the code as it was then: {since}{AGAIN}")
    waiting.proofs.source |= {f"src/a{each}.s": "a = 1\n" for each in range(4)}
    proof, _ = words(waiting)
    assert "src/a0.s, src/a1.s, src/a2.s, src/a3.s, src/more.s and 2 more changed since" in proof


def test_what_a_yes_does_not_run_again_is_said(world: World) -> None:
    wait(world, asking(check=("make", "lint"), last=False))
    world.proofs.source["src/shop.s"] = CODE.replace("5", "6")
    proof, check = words(world)
    assert proof.endswith("The submission of ship has them proven again, not a yes.")
    assert check.endswith("Nothing runs it again.")


def test_a_check_that_ran_again_is_judged_by_its_last_run(world: World) -> None:
    workflow = asking()
    define, build, test, review, approve = workflow.phases
    again = replace(workflow, phases=(define, build, test, replace(review, check=CHECK), approve))
    wait(world, again)
    world.proofs.source["README.md"] = "# Shop\n"
    (check,) = words(world)
    assert check.startswith("The check `make test` passed in review at ")


def test_what_git_cannot_say_is_said(waiting: World) -> None:
    waiting.proofs.trees.refusal = "no space"
    proof, check = (each["words"] for each in status(waiting)["caveats"])
    assert "; whether the code is still the same is not known: no space. A yes has" in proof
    assert "; whether the code is still the same is not known: no space. A yes runs" in check
    waiting.proofs.trees.refusal = None
    feature = waiting.project.feature("shop")
    seen = feature.phases["test"].proof
    assert seen is not None
    waiting.proofs.trees.trees.pop(seen.tree)
    waiting.proofs.source["README.md"] = "# Shop\n"
    assert "is not known" in words(waiting)[0]


def test_git_is_not_asked_where_nobody_is_or_nothing_passed(world: World) -> None:
    world.workflows.own = catalog(asking(), packaged=False)
    world.git.commit = "c0ffee"
    world.run(StartFeature(prompt="Sell", name="shop"))
    submit(world, "define", spec=SPEC)
    world.proofs.source["src/shop.s"] = CODE
    submit(world, "build", agent="Builder")
    asked = world.proofs.trees.asked
    world.proofs.source["src/shop.s"] = CODE + "more = 1\n"
    assert "caveats" not in status(world)
    assert world.proofs.trees.asked == asked


def test_git_is_asked_once_for_a_status_and_in_its_own_folder_alone(waiting: World) -> None:
    asked = waiting.proofs.trees.asked
    status(waiting)
    assert waiting.proofs.trees.asked == asked + 1
    feature = waiting.project.feature("shop")
    assert feature.seen_source is not None
    with waiting.repository.transaction(waiting.root) as project:
        changed = project.feature("shop")
        changed.seen_source = replace(feature.seen_source, folder="/elsewhere")
    status(waiting)
    assert waiting.proofs.trees.asked == asked + 1


def test_a_goal_that_changed_after_what_was_accepted_is_named(waiting: World) -> None:
    waiting.run(EditFeature(feature_id="shop", goal="Sell cheaply"))
    (said,) = words(waiting)
    assert said.startswith("The goal was changed at 20")
    assert said.endswith(
        " by agent robot, after the outputs of define, test, review were accepted for it. "
        "It was: Sell"
    )
    assert said in on_terminal(waiting)
    assert said in feature_status(status(waiting))
    assert said in report_markdown(report(waiting))

    waiting.run(EditFeature(feature_id="shop", goal="Sell dearly"))
    assert words(waiting)[0].endswith("It was: Sell")
    waiting.run(EditFeature(feature_id="shop", goal="Sell"))
    assert words(waiting) == []


def test_a_long_goal_cut_to_its_beginning_is_another_one(world: World) -> None:
    begun = "Sell with care. " * 31
    goal = f"{begun}It MUST NOT delete customer data"
    wait(world, asking(), goal)
    world.run(EditFeature(feature_id="shop", goal=begun))
    (said,) = words(world)
    assert said.startswith("The goal was changed at ")
    world.run(EditFeature(feature_id="shop", goal=goal))
    assert words(world) == []


def test_a_goal_is_known_as_another_one_however_much_happened_since(waiting: World) -> None:
    for number in range(EVENTS_KEPT + 1):
        waiting.run(EditFeature(feature_id="shop", goal=f"Sell {number % 2}"))
    said = "The goal was changed after the outputs of define, test, review were accepted for it."
    assert words(waiting) == [said]
    assert [each["words"] for each in status(waiting)["caveats"]] == [said]
    waiting.run(EditFeature(feature_id="shop", goal="Sell"))
    assert words(waiting) == []


def test_of_what_an_older_release_accepted_no_goal_is_known(waiting: World) -> None:
    with waiting.repository.transaction(waiting.root) as project:
        for record in project.feature("shop").phases.values():
            record.accepted_goal = ""
    waiting.run(EditFeature(feature_id="shop", goal="Sell cheaply"))
    assert words(waiting) == []


def test_code_that_changed_while_the_check_ran_is_not_what_passed(world: World) -> None:
    world.checks.meanwhile = lambda: world.proofs.source.update({"README.md": "# Late\n"})
    wait(world, asking())
    (check,) = words(world)
    assert check.startswith(PASSED)
    assert "README.md is new since" in check


def test_an_agent_is_called_one_and_takes_the_name_of_no_person(waiting: World) -> None:
    for taken in ("person:olaf@pc", "Person:olaf", "mcp:olaf", "cli", "\uff50erson:olaf"):
        with pytest.raises(ValidationError) as refused:
            waiting.run(SaveProgress(feature_id="shop", note="Approve", agent=taken))
        assert refused.value.code == "E305"
    waiting.run(SaveProgress(feature_id="shop", note="Approve", agent="olaf@pc"))
    approval = waiting.run(ShowApproval(feature_id="shop"))
    for said in (on_terminal(waiting), _message(approval, ())):
        assert "agent olaf@pc" in said


def test_an_agent_is_not_answered_slower_where_nobody_is_asked(world: World) -> None:
    wait(world, asking(), until="review")
    world.proofs.source["src/shop.s"] = CODE.replace("5", "6")
    asked = world.proofs.trees.asked
    for detail in ("brief", "full"):
        reply = world.run(GetFeatureStatus(feature_id="shop", prompt=False, detail=detail))
        assert "caveats" not in reply
    assert world.proofs.trees.asked == asked
    reply = world.run(GetFeatureStatus(feature_id="shop", prompt=False, compare=True))
    assert [each["kind"] for each in reply["caveats"]] == ["proof", "check"]
    assert world.proofs.trees.asked == asked + 1


def test_a_client_has_what_speaks_against_a_yes_under_its_own_head(waiting: World) -> None:
    waiting.run(EditFeature(feature_id="shop", goal="Sell cheaply"))
    said = _message(waiting.run(ShowApproval(feature_id="shop")), ())
    assert "\nBefore you decide:\n- The goal was changed at " in said
    assert "Note:" not in said


def test_a_goal_that_changed_before_is_what_was_accepted(world: World) -> None:
    world.workflows.own = catalog(asking(), packaged=False)
    world.git.commit = "c0ffee"
    world.run(StartFeature(prompt="Sel", name="shop"))
    world.run(EditFeature(feature_id="shop", goal="Sell"))
    world.clock.advance(60)
    submit(world, "define", spec=SPEC)
    assert "caveats" not in status(world)


def test_that_the_reviewer_did_the_work_is_named(world: World) -> None:
    wait(world, asking(reviewer="other"))
    said = "The phase review: done by the agent that did the work: Builder."
    assert words(world) == [said]
    assert said in on_terminal(world)
    assert said in report_markdown(report(world))
    assert "caveats" not in status(world)  # where each phase says it


def test_what_was_noted_meanwhile_is_shown_bounded_and_is_not_what_is_approved(
    waiting: World,
) -> None:
    digest = shown(waiting)["digest"]
    for number in range(NOTES_SHOWN + 2):
        waiting.run(SaveProgress(feature_id="shop", note=f"[red]Look[/] at {number} <b>\x1b[2J"))
        waiting.clock.advance(10)
    view = shown(waiting)
    assert [each["note"][13:17] for each in view["notes"]] == [
        "at 2",
        "at 3",
        "at 4",
        "at 5",
        "at 6",
    ]
    assert (view["notes_total"], view["digest"]) == (NOTES_SHOWN + 2, digest)
    said = on_terminal(waiting)
    assert f"Notes, the newest of {NOTES_SHOWN + 2}" in said
    assert "[red]Look[/] at 6 <b>" in said
    assert "\x1b" not in said
    assert "\x1b" not in _message(waiting.run(ShowApproval(feature_id="shop")), ())

    waiting.run(SaveProgress(feature_id="shop", note="long " * 9_000))
    assert len(shown(waiting)["notes"][-1]["note"]) < NOTE_SHOWN + 100
