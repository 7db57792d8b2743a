"""A report says what a reviewer needs to know, and its text does nothing but that."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from cde_orchestrator.application.features import report_markdown as rendering
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.reopen_feature import ReopenFeature
from cde_orchestrator.application.features.report_feature import ReportFeature, ReportReply
from cde_orchestrator.application.features.report_markdown import report_markdown
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.proofs.verdicts import digest_of_files, proof_of
from cde_orchestrator.domain.approval import Waiver
from cde_orchestrator.domain.proofs import Verified
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.workflow import Output, Phase
from tests.fakes import NOON, World, catalog
from tests.unit.application.features.test_phase_proof import (
    SPEC,
    name,
    price,
    prove,
    proving_workflow,
)

HOSTILE = "# Fixes #1 for @team <img src=x onerror=alert(1)> [a](https://e.com) | `b` ![c](d)"
REVIEW = """\
# Review

Verdict: approved with follow-ups

## Findings

- A name is unclear: open
- A test was missing: fixed

## Follow-ups

- {follow_up}
"""
GIVEN = ("specs/shop/spec.md", "specs/shop/proofs.yml", "specs/shop/review.md")


@pytest.fixture
def proven(world: World) -> World:
    """A feature ``shop`` whose criteria are proven, and that waits for its review."""
    review = Output(
        id="review",
        path="specs/{feature}/review.md",
        verdict=("approved", "approved with follow-ups"),
    )
    workflow = proving_workflow()
    last = Phase(id="review", prompt="review.md", outputs=(review,))
    build, *_ = (each for each in workflow.phases if each.id == "build")
    phases = [
        replace(each, check=("make", "test")) if each is build else each for each in workflow.phases
    ]
    world.workflows.own = catalog(replace(workflow, phases=(*phases, last)), packaged=False)
    world.git.commit = "c0ffee"
    world.git.lines = {"src/shop.s": (2, 1)}
    world.baseline_seconds = 60.0
    world.checks.printed = "3 passed in 0.1s\n"
    world.run(StartFeature(prompt=f"Sell\n\n{HOSTILE}", name="shop"))
    world.run(SubmitWork(feature_id="shop", phase_id="define", results={"spec": SPEC}))
    world.proofs.source["src/shop.s"] = "price = 5\nname = shop\n"
    world.proofs.source["tests/shop.t"] = "price, name\n"
    world.proofs.tests |= {"tests/shop.t::price": price, "tests/shop.t::name": name}
    world.checks.printed = "5 passed in 0.1s\n"
    world.run(SubmitWork(feature_id="shop", phase_id="build"))
    prove(world)
    return world


def reviewed(world: World, follow_up: str = "Say more in the help") -> World:
    """The feature, completed by its review."""
    world.clock.advance(3_700)
    results = {"review": REVIEW.format(follow_up=follow_up)}
    world.run(SubmitWork(feature_id="shop", phase_id="review", results=results))
    code = {path: text.encode() for path, text in world.proofs.source.items()}
    world.files.contents.update(code)
    return world


def report(world: World, **others: Any) -> ReportReply:
    return world.run(ReportFeature(feature_id="shop"), **others)


def html_of(reply: ReportReply) -> str:
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return str(markdown.render(report_markdown(reply)))


def test_a_completed_feature_is_reported_with_what_showed_it(proven: World) -> None:
    reply = report(reviewed(proven))

    assert (reply["missing"], reply["proof_words"]) == ([], "proven")
    assert [(each["id"], each["met"]) for each in reply["criteria"]] == [
        ("AC1", True),
        ("AC2", True),
    ]
    [shown] = reply["criteria"][0]["proofs"]
    assert (shown["id"], shown["now"], shown["base"]) == (
        "tests/shop.t::price",
        "passed",
        "failed",
    )
    assert shown["sees"] == ["src/shop.s:price", "src/shop.s:name"]
    assert reply["difference"] is not None
    assert {each["path"]: each["added"] for each in reply["files"]}["src/shop.s"] == 2
    [tested] = reply["tests"]
    assert tested["command"] == ["make", "test"]
    assert "3 passed" in str(tested["before"])
    assert "5 passed" in str(tested["after"])
    assert reply["review"] is not None
    assert reply["review"]["verdict"] == "approved with follow-ups"
    assert reply["review"]["open_points"] == [
        "Say more in the help",
        "A name is unclear: open",
    ]
    assert tuple(each["path"] for each in reply["outputs"]) == GIVEN
    assert reply["base"] is not None


def test_its_markdown_says_all_of_it(proven: World) -> None:
    text = report_markdown(report(reviewed(proven)))

    assert text.startswith("**shop** is completed, proven (workflow `standard`).\n")
    assert "- [x] **AC1** " in text
    assert "`tests/shop.t::price` passed now, failed before the work, " in text
    assert "- `src/shop.s` +2 -1" in text
    assert "- before: passed before the work: 3 passed" in text
    assert "- after: passed when it was run last: 5 passed" in text
    assert "Verdict: **approved with follow-ups** (`specs/shop/review.md`)." in text
    assert "- Say more in the help" in text
    assert "- `cde verify shop`" in text
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        *("Goal", "Acceptance criteria", "Changes", "Checks", "Review", "Approval"),
        "To verify it",
    ]


def test_what_others_said_is_no_markup_and_directs_nobody(proven: World) -> None:
    reply = report(reviewed(proven, HOSTILE))
    reply["criteria"][0]["waived"] = f"{HOSTILE} (ann@box)"
    reply["criteria"][1]["text"] = HOSTILE
    reply["missing"] = [HOSTILE]
    reply["approved_by"] = [HOSTILE]
    html, text = html_of(reply), report_markdown(reply)

    tags = set(re.findall(r"<([a-z0-9]+)", html))
    assert tags == {"p", "strong", "h2", "ul", "li", "code", "blockquote"}
    assert len(re.findall("<h2>", html)) == 8
    outside_code = re.sub(r"`[^`]*`", "", text)
    assert "@team" not in outside_code
    assert "#1" not in outside_code
    assert "https://" not in outside_code


def test_an_unfinished_feature_says_what_is_missing(proven: World) -> None:
    text = report_markdown(report(proven))

    assert "## What is missing\n\n- Phases that are not completed: review (in progress)" in text
    assert "- [x] **AC1**" in text
    assert "cde verify" not in text


def test_a_criterion_that_says_something_else_by_now_is_not_shown(proven: World) -> None:
    changed = SPEC.replace("AC1: ", "AC1: Not ")
    proven.files.contents["specs/shop/spec.md"] = changed.encode()
    first, second = report(proven)["criteria"]

    assert (first["met"], first["proofs"]) == (False, [])
    assert second["met"]
    assert "  - nothing has shown it" in report_markdown(report(proven))


def test_each_criterion_says_how_it_is_met_and_why(proven: World) -> None:
    first, _ = report(reviewed(proven))["criteria"]
    words = "passed now, failed before the work, failed without the change"
    assert (first["state"], first["proofs"][0]["words"]) == ("proven", words)
    proven.files.contents["src/shop.s"] += b"#"

    assert [each["state"] for each in report(proven)["criteria"]] == ["stale", "stale"]

    again = proof_of(proven.repository.get(proven.root).feature("shop"))
    assert again is not None
    now = {path: proven.files.digest(proven.root, path) for path in again.covered}
    with proven.repository.transaction(proven.root) as project:
        project.feature("shop").verified = Verified(
            at=proven.clock(), commit="c0ffee", criteria=("AC2",), covered=digest_of_files(now)
        )
    assert [each["state"] for each in report(proven)["criteria"]] == ["proven", "broken"]


def test_what_speaks_against_a_proof_is_said(proven: World) -> None:
    with proven.repository.transaction(proven.root) as project:
        record = project.feature("shop").phases["test"]
        assert record.proof is not None
        first, *others = record.proof.criteria
        proof = replace(first.proofs[0], base="passed", reason="it passed before the work")
        record.proof = replace(record.proof, criteria=(replace(first, proofs=(proof,)), *others))
    first_seen, _ = report(proven)["criteria"]

    assert (first_seen["state"], first_seen["met"]) == ("unproven", False)
    assert first_seen["proofs"][0]["words"] == (
        "passed now, passed before the work, failed without the change, it passed before the work"
    )


def test_criteria_whose_file_is_elsewhere_are_those_that_were_accepted(proven: World) -> None:
    expected = report(proven)["criteria"]
    del proven.files.contents["specs/shop/spec.md"]

    assert expected
    assert report(proven)["criteria"] == expected
    proven.objects.contents.clear()
    assert report(proven)["criteria"] == []


def test_who_waived_a_criterion_is_said_with_the_reason(world: World) -> None:
    world.workflows.own = catalog(proving_workflow(), packaged=False)
    world.run(StartFeature(prompt="Sell", name="shop"))
    world.run(SubmitWork(feature_id="shop", phase_id="define", results={"spec": SPEC}))
    text = report(world)["criteria"][0]["text"]
    with world.repository.transaction(world.root) as project:
        project.feature("shop").waivers["AC1"] = Waiver(
            at=NOON, user="ann", host="box", channel="terminal", reason="Seen it", text=text
        )
    first, second = report(world)["criteria"]

    assert (first["met"], first["waived"]) == (True, "Seen it (ann@box)")
    assert (second["met"], second["proofs"]) == (False, [])
    assert (first["state"], second["state"]) == ("waived", "unproven")
    assert "  - waived by a person: Seen it (ann@&#8203;box)" in report_markdown(report(world))


def test_a_closed_feature_says_who_closed_it_and_why(proven: World) -> None:
    proven.run(CloseFeature(feature_id="shop", outcome="cancelled", reason="Not wanted"))

    first, second = report(proven)["missing"]
    assert first.startswith("It is cancelled, says ")
    assert first.endswith(": Not wanted")
    assert second == "Phases that are not completed: review (pending)"


def test_a_phase_that_waits_for_a_person_is_missing(world: World) -> None:
    world.run(StartFeature(prompt="Sell", name="shop"))
    spec = "## Goal\nSell things\n"
    world.run(SubmitWork(feature_id="shop", phase_id="define", results={"spec": spec}))

    assert report(world)["missing"][0] == "The phase build waits for a person"
    assert report(world)["review"] is None
    assert "No change of the source is recorded." in report_markdown(report(world))


def test_git_is_left_alone_in_a_folder_that_nobody_trusts(proven: World) -> None:
    reviewed(proven)

    assert report(proven)["files"][0]["added"] == 2
    assert report(proven, standing=Standing(kind="not_yet"))["files"][0]["added"] is None
    proven.git.lines = None
    assert report(proven)["files"][0]["added"] is None


def test_the_total_is_that_of_the_files_where_the_lines_of_all_are_known(proven: World) -> None:
    reviewed(proven)
    paths = [each["path"] for each in report(proven)["files"]]
    recorded = report(proven)["difference"]
    proven.git.lines = dict.fromkeys(paths, (30, 10))

    count = len(paths)
    assert report(proven)["difference"] == {
        "files": count,
        "added": 30 * count,
        "removed": 10 * count,
    }
    del proven.git.lines[paths[0]]
    assert report(proven)["difference"] == recorded


def test_a_review_that_is_no_longer_kept_is_read_from_its_file(proven: World) -> None:
    reviewed(proven)
    proven.objects.contents.clear()

    review = report(proven)["review"]
    assert review is not None
    assert review["verdict"] == "approved with follow-ups"


def test_a_report_is_no_longer_than_the_text_of_a_pull_request(
    proven: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = report(reviewed(proven))
    monkeypatch.setattr(rendering, "LIMIT", 300)
    text = report_markdown(reply)

    assert len(text) < 400
    assert text.rstrip().splitlines()[-1].startswith("The rest is left out here")


def test_long_lists_are_cut_and_say_so(proven: World) -> None:
    reply = report(reviewed(proven))
    reply["goal"] = "\n".join(["line"] * 100)
    first, second = reply["criteria"]
    reply["criteria"] += [{**first, "proofs": []}] * 118
    reply["files"] = reply["files"][:1] * 150
    assert reply["difference"] is not None
    reply["difference"]["files"] = 300
    first["proofs"] *= 12
    second["proofs"][0]["sees"] = [f"a.py:f{number}" for number in range(9)]
    text = report_markdown(reply)

    assert "> (and 40 more lines)" in text
    assert "\n- and 20 more\n" in text
    assert "\n- and 200 more\n" in text
    assert "  - and 2 more\n" in text
    assert "`a.py:f4`, ..." in text


def test_why_a_feature_was_reopened_is_said_with_by_whom_and_when(proven: World) -> None:
    reviewed(proven)
    proven.run(ReopenFeature(feature_id="shop", to_phase="build", reason="Fixes #7, it is slow"))
    said = "It was completed, and reopened at 2025-11-10T13:01:40+00:00 by agent robot: Fixes "
    assert f"- {said}" in report_markdown(report(proven))
    [before] = report(proven)["reopened"]
    assert report(proven)["review"] is None  # its verdict went with it

    proven.clock.advance(60)  # what a phase knows of it goes with a rollback
    proven.run(RollbackFeature(feature_id="shop", to_phase="define", reason="Anew"))
    assert report(proven)["reopened"] == [before]
    assert "#7" not in report_markdown(report(proven))


def test_every_reopening_is_said_the_first_first(proven: World) -> None:
    for reason in ("Once", "Twice"):
        proven.clock.advance(60)
        proven.run(CloseFeature(feature_id="shop", outcome="cancelled", reason="No"))
        proven.run(ReopenFeature(feature_id="shop", reason=reason))
    found = [(each["reason"], each["closed_as"]) for each in report(proven)["reopened"]]
    assert found == [("Once", "cancelled"), ("Twice", "cancelled")]
    assert report(reviewed(proven))["missing"] == []
    assert [each["reason"] for each in report(proven)["reopened"]] == ["Once", "Twice"]
