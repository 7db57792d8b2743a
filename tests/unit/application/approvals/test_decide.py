"""A person's yes and no are bound to what was shown, and nobody else gives them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from cde_orchestrator.application.approvals import shown as approval
from cde_orchestrator.application.approvals.decide import ApprovePhase, PersonsAnswer, SendBack
from cde_orchestrator.application.approvals.shown import ShowApproval, ShownView
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.cli.views.approval import to_decide
from cde_orchestrator.domain.exceptions import CDEError, OutputError
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from tests.fakes import World, catalog

SPEC = "specs/shop/spec.md"
ANSWER = "specs/shop/answer.md"
KEPT = "specs/shop/answer.attempt-1.md"


def asking(*, inputs: tuple[str, ...] = ("spec",), changes: bool = True) -> Workflow:
    """Say what is wanted, build it, let a person answer, go on."""
    spec = Output(id="spec", path="specs/{feature}/spec.md")
    notes = Output(id="notes", path="specs/{feature}/notes.md", required=False)
    answer = Output(id="answer", path="specs/{feature}/answer.md", required=False)
    return Workflow(
        id="asking",
        proof="recorded",
        phases=(
            Phase(id="define", outputs=(spec, notes)),
            Phase(id="build", changes="required" if changes else None),
            Phase(id="approve", handler="human_input", inputs=inputs, outputs=(answer,)),
            Phase(id="ship"),
        ),
    )


@pytest.fixture
def waiting(world: World) -> World:
    """The feature ``shop``, which waits for a person."""
    return wait(world, asking())


def wait(world: World, workflow: Workflow) -> World:
    world.workflows.own = catalog(workflow, packaged=False)
    world.git.commit = "c0ffee"
    world.run(StartFeature(prompt="Sell", name="shop"))
    world.run(SubmitWork(feature_id="shop", phase_id="define", results={"spec": "Sell it"}))
    world.proofs.source["src/shop.s"] = "price = 5\n"
    world.git.lines = {"src/shop.s": (2, 1)}
    world.run(SubmitWork(feature_id="shop", phase_id="build"))
    return world


def shown(world: World) -> ShownView:
    """What a person is shown."""
    return world.run(ShowApproval(feature_id="shop"))["approval"]


def approve(world: World, digest: str) -> SubmitReply:
    """A person's yes."""
    return world.run(
        ApprovePhase(feature_id="shop", digest=digest, channel="page", place="127.0.0.1")
    )


def send_back(world: World, digest: str, to: str | None = None) -> SubmitReply:
    """A person's no."""
    return world.run(
        SendBack(feature_id="shop", digest=digest, reason="Too dear", to_phase=to, channel="page")
    )


def refused(world: World, use_case: UseCase[SubmitReply]) -> str:
    """The code with which it is refused; the feature is as it was."""
    before = world.project.feature("shop")
    with pytest.raises(CDEError) as caught:
        world.run(use_case)
    assert world.project.feature("shop") == before
    return caught.value.code


def test_all_that_is_approved_is_shown(waiting: World) -> None:
    view = shown(waiting)
    (spec, answer) = view["outputs"]
    assert (view["phase"], view["goal"], view["back_to"]) == ("approve", "Sell", "build")
    assert (spec["path"], spec["phase"], spec["size"]) == (SPEC, "define", 8)
    assert (answer["path"], answer["sha256"], answer["required"]) == (ANSWER, None, False)
    assert view["source"] == {
        "commit": waiting.project.feature("shop").base.commit,  # type: ignore[union-attr]
        "files": ["src/shop.s"],
        "total": 1,
        "added": 2,
        "removed": 1,
    }
    assert view["criteria"] == []


def test_what_a_person_weighs_is_shown_in_short_by_heading(waiting: World) -> None:
    assert shown(waiting)["outputs"][0]["sections"] == [
        {"heading": "", "text": "Sell it", "more": 0}
    ]
    before = shown(waiting)["digest"]
    many = "\n".join(f"- Line {number} of what is built" for number in range(99))
    waiting.files.contents[SPEC] = (
        f"# Spec\n\n## Goal\nSell\n\n## Scope\n{many}\n\n## Acceptance criteria\n{many}\n"
        "\n## 5. Assumptions and open questions\nThe key is sk-ant-api03-" + "a1B2" * 20 + ".\n"
    ).encode()

    view = shown(waiting)
    scope, assumed = view["outputs"][0]["sections"]
    assert scope["text"].startswith("- Line 0 of")
    assert scope["more"] > 9
    assert 2_300 < len(scope["text"]) <= 2_400
    assert assumed["heading"] == "5. Assumptions and open questions"
    assert "a1B2" not in assumed["text"]
    assert view["digest"] != before
    waiting.files.contents[SPEC] += b" "
    assert shown(waiting)["digest"] != view["digest"]


def test_without_inputs_all_that_was_accepted_is_shown(world: World) -> None:
    wait(world, asking(inputs=()))
    assert [each["id"] for each in shown(world)["outputs"]] == ["spec", "answer"]


def test_the_source_is_approved_where_a_phase_before_had_to_change_it(world: World) -> None:
    wait(world, asking(changes=False))
    view = shown(world)
    assert view["source"] is None
    world.proofs.source["src/shop.s"] = "price = 6\n"
    assert shown(world)["digest"] == view["digest"]


def test_what_was_not_committed_at_the_start_is_not_removed_in_a_worktree(world: World) -> None:
    world.proofs.in_worktree = True
    world.proofs.source["draft.s"] = "idea = 1\n"
    wait(world, asking())
    base, trees = world.project.feature("shop").base, world.proofs.trees
    assert base is not None
    trees.names[base.commit] = trees.add({}).id
    del world.proofs.source["draft.s"]  # a worktree is made of commits
    source = shown(world)["source"]
    assert source is not None
    assert source["files"] == ["src/shop.s"]


def test_without_lines_files_are_shown(waiting: World) -> None:
    waiting.git.lines = None
    source = shown(waiting)["source"]
    assert source is not None
    assert (source["files"], source["added"]) == (["src/shop.s"], None)


def test_a_yes_goes_on_and_says_who_gave_it(waiting: World) -> None:
    digest = shown(waiting)["digest"]
    reply = approve(waiting, digest)
    assert reply["feature"]["current_phase"] == "ship"
    approval = reply["accepted"]["approval"]
    assert (approval["user"], approval["host"], approval["channel"]) == ("ann", "desk", "page")
    assert (approval["place"], approval["digest"]) == ("127.0.0.1", digest)
    assert list(approval["outputs"]) == [SPEC, ANSWER]
    event = waiting.project.feature("shop").events[-1]
    assert (event["event"], event["by"], event["digest"]) == ("approved", "ann@desk", digest)
    kept = waiting.run(GetFeatureStatus(feature_id="shop"))["phases"][2]["approval"]
    assert kept == approval


def test_an_agents_lease_neither_keeps_a_person_out_nor_ends_with_their_yes(
    waiting: World,
) -> None:
    claim = waiting.project.feature("shop").claim
    waiting.callers.become("other", pid=2)
    approve(waiting, shown(waiting)["digest"])
    assert waiting.project.feature("shop").claim == claim


@pytest.mark.parametrize("place", [SPEC, ANSWER, "src/shop.s"])
def test_what_changed_since_it_was_shown_is_neither_approved_nor_sent_back(
    waiting: World, place: str
) -> None:
    digest = shown(waiting)["digest"]
    if place.startswith("src"):
        waiting.proofs.source[place] = "price = 6\n"
    else:
        waiting.files.contents[place] = b"Give it away\n"
    assert refused(waiting, ApprovePhase(feature_id="shop", digest=digest)) == "E141"
    assert refused(waiting, SendBack(feature_id="shop", digest=digest, reason="No")) == "E141"


def test_what_was_put_back_is_refused_no_longer_and_its_copy_stands_in_the_history(
    waiting: World,
) -> None:
    waiting.files.contents[SPEC] = b"Give it away\n"
    with pytest.raises(OutputError) as caught:
        approve(waiting, shown(waiting)["digest"])
    assert caught.value.code == "E132"
    record = waiting.project.feature("shop").phases["approve"]
    assert record.refused is not None
    assert record.refused.code == "E132"

    waiting.callers.answers = False
    reply = waiting.run(SubmitWork(feature_id="shop", phase_id="approve", restore=True))
    feature = waiting.project.feature("shop")

    assert reply["restored"] == [{"path": SPEC, "kept_as": f"{SPEC}.before-rollback"}]
    assert feature.phases["approve"].refused is None
    assert feature.phases["approve"].last_failure() is None
    event = feature.events[-1]
    assert (event["event"], event["phase"]) == ("outputs_restored", "approve")
    assert [each["path"] for each in event["files"]] == [SPEC]
    approve(waiting, shown(waiting)["digest"])


def test_what_changes_while_the_yes_is_recorded_is_not_approved(waiting: World) -> None:
    digest = shown(waiting)["digest"]

    def spoil(asked: int) -> None:
        if asked > before:
            waiting.files.contents[ANSWER] = b"Give it away\n"

    before = waiting.proofs.trees.asked
    waiting.proofs.trees.meanwhile = spoil
    assert refused(waiting, ApprovePhase(feature_id="shop", digest=digest)) == "E141"


def test_a_yes_keeps_the_source_that_was_shown_whatever_is_written_while_it_is_recorded(
    waiting: World,
) -> None:
    digest = shown(waiting)["digest"]

    def write(asked: int) -> None:
        if asked > before:  # it is as it was shown, and compared
            waiting.proofs.source["src/shop.s"] = "price = 6\n"

    before = waiting.proofs.trees.asked + 1
    waiting.proofs.trees.meanwhile = write
    approve(waiting, digest)
    feature = waiting.project.feature("shop")
    assert feature.seen_source is not None
    assert feature.phases["approve"].accepted_tree not in {"", feature.seen_source.tree}


def test_a_source_that_changes_after_the_check_began_is_not_approved(waiting: World) -> None:
    digest = shown(waiting)["digest"]

    def spoil(asked: int) -> None:
        if asked == before + 1:  # once the yes was compared with what was shown
            waiting.proofs.source["src/shop.s"] = "price = 6\n"

    before = waiting.proofs.trees.asked
    waiting.proofs.trees.meanwhile = spoil
    assert refused(waiting, ApprovePhase(feature_id="shop", digest=digest)) == "E141"


def test_a_digest_is_for_one_attempt_alone(waiting: World) -> None:
    digest = shown(waiting)["digest"]
    send_back(waiting, digest)
    waiting.run(SubmitWork(feature_id="shop", phase_id="build"))
    assert refused(waiting, ApprovePhase(feature_id="shop", digest=digest)) == "E141"
    approve(waiting, shown(waiting)["digest"])
    assert refused(waiting, ApprovePhase(feature_id="shop", digest=digest)) == "E145"


def test_a_no_goes_back_to_the_work_with_its_reason_and_copies(waiting: World) -> None:
    waiting.files.contents[ANSWER] = b"It is too dear\n"
    reply = send_back(waiting, shown(waiting)["digest"])
    sent = reply["sent_back"]
    assert (sent["phase"], sent["to"], sent["verdict"]) == ("approve", "build", "no")
    assert sent["kept"] == [{"path": ANSWER, "kept_as": KEPT}]
    assert "accepted" not in reply
    feature = waiting.project.feature("shop")
    returned = feature.phases["build"].returned
    assert returned is not None
    assert returned.reason.startswith("Too dear")
    assert [each.kept_as for each in returned.discarded] == [KEPT]
    assert feature.phases["build"].failures == []
    event = feature.events[-1]
    assert (event["event"], event["by"], event["to_phase"]) == ("sent_back", "ann@desk", "build")


def test_whoever_decides_again_is_shown_what_had_to_become_better(waiting: World) -> None:
    before = shown(waiting)
    send_back(waiting, before["digest"])
    waiting.proofs.source["src/shop.s"] = "price = 4\n"
    waiting.run(SubmitWork(feature_id="shop", phase_id="build"))
    again = waiting.run(ShowApproval(feature_id="shop"))

    assert before["returned"] is None
    assert again["approval"]["returned"] == "The feature went back to build: Too dear"
    said = Console(width=100, no_color=True)
    with said.capture() as written:
        said.print(to_decide(again))
    assert "The feature went back to build: Too dear" in written.get()


def test_a_no_goes_where_the_person_says(waiting: World) -> None:
    reply = send_back(waiting, shown(waiting)["digest"], to="define")
    assert reply["feature"]["current_phase"] == "define"
    assert SPEC not in waiting.files.contents


def test_whoever_is_no_person_answers_nothing(waiting: World) -> None:
    waiting.callers.answers = False
    assert refused(waiting, SubmitWork(feature_id="shop", phase_id="approve")) == "E140"
    given_up = FailPhase(feature_id="shop", phase_id="approve", reason="No")
    assert refused(waiting, given_up) == "E140"  # type: ignore[arg-type]


def test_a_program_answers_for_itself(waiting: World) -> None:
    reply = waiting.run(SubmitWork(feature_id="shop", phase_id="approve"))
    assert reply["feature"]["current_phase"] == "ship"
    assert "approval" not in reply["accepted"]


def test_where_nothing_waits_nothing_is_decided(waiting: World) -> None:
    digest = shown(waiting)["digest"]
    approve(waiting, digest)
    for use_case in (
        ApprovePhase(feature_id="shop", digest=digest),
        SendBack(feature_id="shop", digest=digest, reason="No"),
    ):
        with pytest.raises(CDEError) as caught:
            waiting.run(use_case)
        assert caught.value.code == "E145"
        assert "ann@desk approved 'approve'" in caught.value.message


def sharing() -> Workflow:
    """The same with an output that is the project's, and one that a later phase writes too."""
    news = Output(id="news", path="CHANGELOG.md")
    later = Output(id="later", path="LATER.md")
    known = asking(inputs=(), changes=False)
    define, build, approve_, ship = known.phases
    own = Output(id="again", path="LATER.md")
    phases = (
        replace(define, outputs=(*define.outputs, news, later)),
        build,
        approve_,
        replace(ship, outputs=(own,)),
    )
    return replace(known, phases=phases)


def test_a_change_of_the_project_s_own_file_voids_the_yes_until_the_next_submission(
    world: World,
) -> None:
    world.files.contents |= {"CHANGELOG.md": b"News\n", "LATER.md": b"Not yet\n"}
    wait(world, sharing())
    approve(world, shown(world)["digest"])
    world.files.contents["LATER.md"] = b"Now\n"
    world.files.contents["CHANGELOG.md"] = b"Other news\n"
    with pytest.raises(CDEError) as caught:
        world.run(SubmitWork(feature_id="shop", phase_id="ship"))
    assert caught.value.code == "E141"
    assert "CHANGELOG.md changed since it was approved" in caught.value.message
    feature = world.project.feature("shop")
    assert (feature.current_phase, feature.status) == ("approve", "waits_for_person")
    assert feature.events[-1]["event"] == "approval_void"
    assert feature.phases["approve"].approval is None
    approve(world, shown(world)["digest"])
    world.files.contents["LATER.md"] = b"At last\n"
    reply = world.run(SubmitWork(feature_id="shop", phase_id="ship"))
    assert reply["feature"]["status"] == "completed"


def test_what_the_gate_found_again_meanwhile_refuses_no_yes(
    waiting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {"id": "AC1", "text": "Sells", "digest": "d", "state": "proven", "sees": ["shop.s:sell"]}
    monkeypatch.setattr(approval, "criteria_of", lambda *_: ["AC1"])
    monkeypatch.setattr(approval, "criterion_view", lambda *_: {"waived": None, **seen})
    record = PersonsAnswer.record

    def later(self: PersonsAnswer, *found: Any) -> None:
        seen["sees"] = ["shop.s:sell", "shop.s:lines 3-4"]
        record(self, *found)

    monkeypatch.setattr(PersonsAnswer, "record", later)
    approve(waiting, shown(waiting)["digest"])
    assert waiting.project.feature("shop").current_phase == "ship"


def test_a_criterion_that_was_waived_meanwhile_refuses_the_yes(
    waiting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {"id": "AC1", "text": "Sells", "digest": "d", "waived": None}
    seen["state"] = "unproven"
    monkeypatch.setattr(approval, "criteria_of", lambda *_: ["AC1"])
    monkeypatch.setattr(approval, "criterion_view", lambda *_: dict(seen))
    record = PersonsAnswer.record

    def later(self: PersonsAnswer, *found: Any) -> None:
        seen["waived"] = "not now"
        record(self, *found)

    monkeypatch.setattr(PersonsAnswer, "record", later)
    digest = shown(waiting)["digest"]
    assert refused(waiting, ApprovePhase(feature_id="shop", digest=digest)) == "E141"


def test_nobody_is_at_work_where_a_person_is_waited_for(waiting: World) -> None:
    assert waiting.project.feature("shop").claim is None


def test_what_is_not_as_it_was_accepted_is_marked_before_anybody_is_asked(waiting: World) -> None:
    def words() -> str:
        console = Console(width=300)
        with console.capture() as capture:
            console.print(to_decide(waiting.run(ShowApproval(feature_id="shop"))))
        return capture.get()

    assert not shown(waiting)["outputs"][0]["changed"]
    assert "not as accepted" not in words()
    waiting.files.contents[SPEC] = b"Sell more"
    assert shown(waiting)["outputs"][0]["changed"]
    assert "not as accepted: it cannot be approved like this" in words()
    del waiting.files.contents[SPEC]
    assert shown(waiting)["outputs"][0]["changed"]


def test_what_is_no_feature_s_alone_may_be_another_than_was_accepted(world: World) -> None:
    workflow = asking()
    shared = replace(workflow.phases[0].outputs[0], path="CHANGELOG.md")
    wait(
        world,
        replace(workflow, phases=(Phase(id="define", outputs=(shared,)), *workflow.phases[1:])),
    )
    world.files.contents["CHANGELOG.md"] = b"Of another feature"

    assert not shown(world)["outputs"][0]["changed"]
