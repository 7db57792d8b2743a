"""What was proven is still so when the feature is completed, and later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.project_board import board_of
from cde_orchestrator.application.proof_views import proof_remarks
from cde_orchestrator.application.proofs.records import read_record
from cde_orchestrator.application.proofs.verdicts import status_words, verdict_line
from cde_orchestrator.application.remarks import submit_remarks
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.domain.demands import NOBODY
from cde_orchestrator.domain.exceptions import FeatureError, OutputError
from cde_orchestrator.domain.workflow import Output, Phase, RunnerSetting, Workflow
from tests.fakes import World, catalog
from tests.unit.application.features.test_phase_proof import (
    PROOFS,
    SPEC,
    name,
    price,
    prove,
    proving_workflow,
)

RECORD = "specs/shop/record.json"


def reviewed_workflow() -> Workflow:
    """The same, with a review in the end."""
    review = Output(id="review", path="specs/{feature}/review.md")
    workflow = proving_workflow()
    last = Phase(id="review", prompt="review.md", outputs=(review,))
    return replace(workflow, phases=(*workflow.phases, last))


@pytest.fixture
def proven(world: World) -> World:
    """A feature ``shop`` whose criteria are proven, and that waits for its review."""
    world.workflows.own = catalog(reviewed_workflow(), packaged=False)
    world.git.commit = "c0ffee"
    world.run(StartFeature(prompt="Sell", name="shop"))
    world.run(SubmitWork(feature_id="shop", phase_id="define", results={"spec": SPEC}))
    world.proofs.source["src/shop.s"] = "price = 5\nname = shop\n"
    world.proofs.source["tests/shop.t"] = "price, name\n"
    world.proofs.tests |= {"tests/shop.t::price": price, "tests/shop.t::name": name}
    world.run(SubmitWork(feature_id="shop", phase_id="build"))
    prove(world)
    return world


def review(world: World) -> SubmitReply:
    """Submit the review."""
    results = {"review": "Good.\n"}
    return world.run(SubmitWork(feature_id="shop", phase_id="review", results=results))


def look(world: World) -> None:
    """Let the source be among the files of the project, as it is on a disk."""
    code = {path: text.encode() for path, text in world.proofs.source.items()}
    world.files.contents.update(code)


def test_what_was_proven_is_not_run_again_for_the_review(proven: World) -> None:
    runs = len(proven.proofs.runner.asked)
    reply = review(proven)

    assert reply["feature"]["status"] == "completed"
    assert len(proven.proofs.runner.asked) == runs
    assert reply.get("record") == RECORD
    remarks = proof_remarks(reply)
    assert remarks[0].startswith("Criteria proven: AC1, AC2 (2 tests, ")
    assert (
        remarks[1]
        == "AC1, AC2 see the change in one or more of these places: src/shop.s: price, name."
    )
    assert remarks[2] == f"What was proven is in {RECORD}: commit it."


def test_a_fresh_reader_is_given_what_each_criterion_is_shown_by(proven: World) -> None:
    proven.run(GetFeatureStatus(feature_id="shop"))

    given = proven.prompts.variables["criteria"]
    assert [(each["id"], each["state"], each["proofs"]) for each in given] == [
        ("AC1", "proven", ["tests/shop.t::price"]),
        ("AC2", "proven", ["tests/shop.t::name"]),
    ]


def test_the_record_says_what_was_proven(proven: World) -> None:
    review(proven)
    record = read_record(proven.files.contents[RECORD])
    assert record.rules is not None
    assert record.rules.approved_by() == [NOBODY]
    assert record.rules.workflow == proven.project.feature("shop").workflow_digest
    seen = proven.project.feature("shop").phases["test"].proof

    assert seen is not None
    assert (record.feature, record.workflow) == ("shop", "standard")
    assert record.specification == "specs/shop/spec.md"
    assert record.proofs_file == "specs/shop/proofs.yml"
    assert record.evidence.criteria == seen.criteria
    assert record.evidence.covered == seen.covered
    assert record.evidence.base_tree == seen.base_tree


def test_the_source_of_the_beginning_is_kept_though_the_feature_is_completed(
    proven: World,
) -> None:
    kept = [*proven.proofs.trees.kept]
    review(proven)
    proven.run(StartFeature(prompt="Sell more", name="more"))

    assert kept == [proven.project.feature("shop").id]
    assert [*proven.proofs.trees.kept] == [*kept, proven.project.feature("more").id]


def test_a_review_that_changes_the_code_has_it_proven_again(proven: World) -> None:
    proven.proofs.source["src/shop.s"] = "price = 5\nname = shop\nextra = 1\n"
    runs = len(proven.proofs.runner.asked)
    review(proven)
    seen = proven.project.feature("shop").phases["test"].proof

    assert len(proven.proofs.runner.asked) > runs
    assert seen is not None
    assert "src/shop.s:extra" in seen.places


def test_a_review_that_breaks_the_code_is_refused(proven: World) -> None:
    proven.proofs.source["src/shop.s"] = "price = 6\nname = shop\n"
    with pytest.raises(FeatureError) as caught:
        review(proven)

    assert (caught.value.code, caught.value.context["phase"]) == ("E135", "test")
    assert RECORD not in proven.files.contents
    assert proven.project.feature("shop").current_phase == "review"


def test_what_is_proven_again_after_all_is_run_only_if_it_is_trusted(proven: World) -> None:
    trees, runs = proven.proofs.trees, len(proven.proofs.runner.asked)
    proven.trust.careful = True

    def change(_: int) -> None:
        proven.proofs.source["src/shop.s"] = "price = 5\nname = shop\nextra = 1\n"

    trees.meanwhile = change  # once it was found to be what was proven
    with pytest.raises(FeatureError) as caught:
        review(proven)

    assert caught.value.code == "E120"
    assert len(proven.proofs.runner.asked) == runs


def test_a_comment_after_the_proof_is_in_a_covered_file(proven: World) -> None:
    proven.proofs.source["src/shop.s"] = "# sold here\nprice = 5\nname = shop\n"
    runs = len(proven.proofs.runner.asked)
    review(proven)

    assert len(proven.proofs.runner.asked) > runs


def test_a_file_without_code_is_no_reason_to_prove_again(proven: World) -> None:
    proven.proofs.source["README.s"] = "# how to sell\n"
    runs = len(proven.proofs.runner.asked)
    review(proven)

    assert len(proven.proofs.runner.asked) == runs


def test_where_git_keeps_what_it_ran_on_no_longer_it_is_proven_again(proven: World) -> None:
    project = proven.project
    record = project.feature("shop").phases["test"]
    assert record.proof is not None
    record.proof = replace(record.proof, tree="gone")
    proven.repository.put(project)
    before = proven.proofs.trees.changed

    def changed(root: object, old: str, new: str) -> object:
        if old == "gone":
            raise FeatureError.of("E136", path="/home/shop", reason="it is gone")
        return before(proven.root, old, new)

    proven.proofs.trees.changed = changed  # type: ignore[assignment, method-assign]
    runs = len(proven.proofs.runner.asked)
    review(proven)

    assert len(proven.proofs.runner.asked) > runs


def test_an_untrusted_command_matters_only_where_it_is_run(proven: World) -> None:
    proven.trust.careful = True
    proven.proofs.source["src/shop.s"] = "price = 5\nname = shop\nextra = 1\n"
    with pytest.raises(FeatureError) as caught:
        review(proven)
    assert caught.value.code == "E120"
    proven.proofs.source["src/shop.s"] = "price = 5\nname = shop\n"

    assert review(proven)["feature"]["status"] == "completed"


def test_proofs_that_were_edited_since_are_refused(proven: World) -> None:
    proven.files.contents["specs/shop/proofs.yml"] = PROOFS.replace("name", "price").encode()
    with pytest.raises(OutputError) as caught:
        review(proven)

    assert caught.value.code == "E132"


def test_a_base_that_a_clone_may_lack_is_said_when_the_feature_is_completed(
    proven: World,
) -> None:
    base = proven.project.feature("shop").base
    assert base is not None
    proven.proofs.trees.rewritten = {base.commit}

    reply = review(proven)

    assert f"{base.commit[:12]} at which the feature started is no ancestor of HEAD" in str(
        reply["base_problem"]
    )
    assert submit_remarks(reply)[0].startswith("cde verify may fail elsewhere: the commit ")


def test_where_git_refuses_nothing_is_said_of_the_base(
    proven: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise FeatureError.of("E136", path="/home/shop", reason="it is gone")

    monkeypatch.setattr(proven.proofs.trees, "is_rewritten", refuse)

    assert "base_problem" not in review(proven)


def test_a_completed_feature_is_proven_until_a_covered_file_changes(proven: World) -> None:
    review(proven)
    look(proven)
    reply = proven.run(GetFeatureStatus(feature_id="shop"))
    standing = reply["standing"]

    assert standing is not None
    assert standing["verdict"] == "proven"
    assert (standing["changed"], standing["record"], standing["verified"]) == ([], RECORD, None)
    assert reply["proof"] is not None
    assert reply["proof"]["criteria"] == ["AC1", "AC2"]
    proven.files.contents["src/other.s"] = b"other = 1\n"
    assert proven.run(GetFeatureStatus(feature_id="shop"))["standing"] == standing
    proven.files.contents["src/shop.s"] = b"price = 6\n"
    stale = proven.run(GetFeatureStatus(feature_id="shop"))["standing"]
    assert stale is not None
    assert verdict_line(stale) == "stale: src/shop.s changed since it was proven"
    del proven.files.contents["tests/shop.t"]
    [row] = proven.run(ListFeatures())["features"]
    assert row.get("standing") == "stale"
    assert status_words(row) == "completed, stale"


def test_an_open_feature_has_no_verdict_and_one_without_proofs_is_unproven(
    proven: World,
) -> None:
    [row] = proven.run(ListFeatures())["features"]
    assert "standing" not in row
    assert status_words(row) == "reviewing"
    review(proven)
    project = proven.project
    project.feature("shop").phases["test"].proof = None
    proven.repository.put(project)

    assert proven.run(ListFeatures())["features"][0].get("standing") == "unproven"


def test_only_the_rows_that_are_shown_are_looked_at(proven: World) -> None:
    review(proven)
    covered = proven.project.feature("shop").phases["test"].proof
    assert covered is not None
    proven.clock.advance()
    proven.run(StartFeature(prompt="Sell more", name="more"))
    proven.run(ListFeatures(limit=1))
    assert proven.files.looks == 0
    proven.run(ListFeatures())

    assert proven.files.looks == len(covered.covered)


def test_a_feature_that_is_taken_back_is_proven_again(proven: World) -> None:
    review(proven)
    proven.run(RollbackFeature(feature_id="shop", to_phase="test", reason="once more"))
    assert proven.project.feature("shop").phases["test"].proof is None
    prove(proven)
    first = read_record(proven.files.contents[RECORD])
    review(proven)

    again = read_record(proven.files.contents[RECORD])
    assert again.replaces != first.replaces


def test_the_board_says_it_of_what_is_closed(proven: World) -> None:
    review(proven)
    board = board_of(proven.project, proven.features, proven.files)

    assert [card["standing"] for card in board["lanes"][-1]["cards"]] == ["stale"]
    look(proven)
    board = board_of(proven.project, proven.features, proven.files)
    assert [card["standing"] for card in board["lanes"][-1]["cards"]] == ["proven"]
    proven.run(StartFeature(prompt="Sell more", name="more"))
    board = board_of(proven.project, proven.features, proven.files)
    assert [card["standing"] for card in board["lanes"][1]["cards"]] == [None]


def test_what_another_runner_proved_is_proven_again_by_the_one_that_is_followed(
    proven: World,
) -> None:
    runs = len(proven.proofs.runner.asked)
    newer = replace(reviewed_workflow(), runner=RunnerSetting(names=("tiny", "other")))
    proven.workflows.own = catalog(newer, packaged=False)
    review(proven)
    record = read_record(proven.files.contents[RECORD])

    assert len(proven.proofs.runner.asked) > runs
    assert record.runner == ["tiny", "other"]
