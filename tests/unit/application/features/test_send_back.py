"""A verdict that does not pass sends the feature back, once, with what was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.prompt_facts import EARLIER_LIMIT
from cde_orchestrator.application.features.send_back import FINDINGS_LIMIT
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from tests.fakes import World, catalog

REVIEW = "specs/shop/review.md"
FOUND = "# Review\n\nVerdict: changes needed\n\n## Findings\n\n- a.py:3 is wrong\n"


def judging(*, alone: bool = False) -> Workflow:
    """Build, test and judge, or judge alone."""
    review = Output(id="review", path="specs/{feature}/review.md", verdict=("approved",))
    report = Output(id="report", path="specs/{feature}/report.md")
    judge = Phase(id="review", outputs=(review,))
    before = (Phase(id="build", changes="required"), Phase(id="test", outputs=(report,)))
    phases = (judge,) if alone else (*before, judge)
    return Workflow(id="judging", proof="recorded", max_attempts=2, phases=phases)


def at_review(world: World) -> World:
    """The feature ``shop`` before its review."""
    world.proofs.source["src/shop.s"] = "price = 5\n"
    world.run(SubmitWork(feature_id="shop", phase_id="build"))
    world.run(SubmitWork(feature_id="shop", phase_id="test", results={"report": "It runs"}))
    return world


@pytest.fixture
def judged(world: World) -> World:
    world.workflows.own = catalog(judging(), packaged=False)
    world.run(StartFeature(prompt="Sell", name="shop"))
    return at_review(world)


def review(world: World, text: str | None = FOUND) -> SubmitReply:
    """Submit the review; None: the file that is there."""
    results = {} if text is None else {"review": text}
    return world.run(SubmitWork(feature_id="shop", phase_id="review", results=results))


def test_the_phase_that_has_to_do_better_gets_the_findings(judged: World) -> None:
    reply = review(judged)
    sent = reply["sent_back"]
    assert (sent["phase"], sent["to"], sent["verdict"]) == ("review", "build", "changes needed")
    assert sent["reason"].endswith("is: changes needed\n\n- a.py:3 is wrong")
    assert {each["kept_as"] for each in sent["kept"]} == {
        "specs/shop/review.attempt-1.md",
        "specs/shop/report.attempt-1.md",
    }
    assert "accepted" not in reply
    feature = judged.project.feature("shop")
    assert feature.current_phase == "build"
    returned = feature.phases["build"].returned
    assert returned is not None
    assert returned.reason == sent["reason"]
    assert {each.kept_as for each in returned.discarded} == {
        each["kept_as"] for each in sent["kept"]
    }
    assert feature.phases["build"].failures == []
    assert feature.phases["review"].failures[0].reason == sent["reason"]
    assert feature.events[-1]["verdict"] == "changes needed"


def test_a_call_that_comes_twice_sends_back_once(judged: World) -> None:
    first = review(judged)
    before = judged.project.feature("shop")
    again = review(judged)
    assert again["sent_back"]["to"] == first["sent_back"]["to"]
    assert judged.project.feature("shop") == before
    with pytest.raises(CDEError) as caught:
        review(judged, FOUND + "\n- b.py:1 too\n")
    assert caught.value.code == "E106"
    with pytest.raises(CDEError) as caught:
        review(judged, None)
    assert caught.value.code == "E106"


@pytest.mark.parametrize("lock", ["No lock", "No lock. " * 200], ids=["short", "long"])
def test_the_phase_that_decided_is_given_its_reason_once(world: World, lock: str) -> None:
    phases = tuple(replace(each, prompt=f"{each.id}.md") for each in judging().phases)
    workflow = replace(judging(), max_attempts=5, phases=phases)
    world.workflows.own = catalog(workflow, packaged=False)
    world.run(StartFeature(prompt="Sell", name="shop"))
    at_review(world)
    given = FailPhase(feature_id="shop", phase_id="review", reason=lock)
    world.run(given)
    world.clock.advance(60)
    earlier = [{"attempt": 1, "reason": shortened(lock.strip(), EARLIER_LIMIT)}]
    reason = review(world)["sent_back"]["reason"]
    at_review(world)

    variables = world.prompts.variables
    assert (variables["returned"]["reason"], variables["returned"]["to"]) == (reason, "build")
    assert variables["last_failure"] == variables["returned"]["summary"]
    assert variables["earlier_attempts"] == earlier
    # The verdict used up an attempt, the way back to build none.
    assert variables["attempt"] == {"number": 3, "limit": 5}
    world.clock.advance(60)
    world.run(replace(given, reason="No key"))
    variables = world.prompts.variables
    assert variables["last_failure"] == "No key"
    assert variables["earlier_attempts"] == earlier
    assert variables["attempt"] == {"number": 4, "limit": 5}
    numbers = [each.attempt for each in world.project.feature("shop").phases["review"].failures]
    assert numbers == [1, 2, 3]


def test_somebody_s_file_that_the_verdict_replaced_is_named_each_time(judged: World) -> None:
    judged.files.contents[REVIEW] = b"A person's own notes\n"
    kept = review(judged)["kept"]
    assert [each["path"] for each in kept] == [REVIEW]
    assert judged.files.contents[kept[0]["kept_as"]] == b"A person's own notes\n"
    events = [each for each in judged.project.feature("shop").events if "kept_as" in each]
    assert [(each["event"], each["kept_as"]) for each in events] == [
        ("file_kept", kept[0]["kept_as"])
    ]
    assert review(judged)["kept"] == kept


def test_so_is_one_that_the_last_verdict_replaced(judged: World) -> None:
    review(judged)
    at_review(judged).files.contents[REVIEW] = b"A person's own notes\n"
    reply = review(judged)
    assert reply["feature"]["status"] == "failed"
    assert [each["path"] for each in reply["kept"]] == [REVIEW]


def test_later_the_same_text_is_a_new_verdict(judged: World) -> None:
    review(judged)
    reply = review(at_review(judged))
    assert reply["sent_back"]["to"] is None
    assert reply["feature"]["status"] == "failed"
    assert reply["phase"] is None
    feature = judged.project.feature("shop")
    assert feature.closing is not None
    assert "a.py:3 is wrong" in feature.closing["reason"]
    assert judged.files.contents[REVIEW] == FOUND.encode()


def test_without_findings_all_is_the_reason_and_what_is_long_is_cut(judged: World) -> None:
    text = "# Review\n\nVerdict: no\n\n" + "It is not so.\n" * 1_000
    reason = review(judged, text)["sent_back"]["reason"]
    assert "It is not so." in reason
    assert "characters left out" in reason
    assert len(reason) < FINDINGS_LIMIT + 200


def test_a_phase_that_has_none_before_it_is_begun_again_as_often_as_allowed(world: World) -> None:
    world.workflows.own = catalog(judging(alone=True), packaged=False)
    world.run(StartFeature(prompt="Sell", name="shop"))
    assert review(world)["sent_back"]["to"] == "review"
    assert world.project.feature("shop").phases["review"].attempts == 2
    assert review(world, FOUND + "More\n")["sent_back"]["to"] is None
