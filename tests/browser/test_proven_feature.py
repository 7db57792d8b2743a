"""What was proven of a feature, by what, and by whom it was approved, on its page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.stage import ScriptedHealth, Site, Visitor, serious
from tests.integration.proving.test_walk_of_a_feature import CHANGED, TESTS, TRUTH, WORKFLOW, Bench
from tests.integration.proving.test_walk_to_a_yes import APPROVED, SPEC, answer
from tests.repository import git

HOSTILE = "\n- AC3: <img src=x onerror=window.hurt=1> \u202eis not in it\n"
DISCOUNT = "/dashboard/features/discount"


def specified(bench: Bench) -> Bench:
    """A project whose feature has its specification, and nothing else."""
    bench.cde("init")
    bench.write(".cde/workflow.yml", WORKFLOW)
    bench.cde("trust", "--yes")
    bench.cde("start", "Discounts", "-n", "discount")
    bench.write("specs/discount/spec.md", SPEC + HOSTILE)
    assert bench.code("submit", "discount", "define") == ""
    return bench


@pytest.mark.slow
def test_the_page_says_of_each_criterion_what_it_is_whether_it_holds_and_why(
    tmp_path: Path, serve: Callable[..., Site], visit: Callable[..., Visitor]
) -> None:
    bench = specified(Bench(tmp_path / "project", tmp_path / "home"))

    site = serve(bench.root, ScriptedHealth())
    visitor = visit(site.url)
    page = visitor.open(DISCOUNT)
    criteria = page.get_by_role("region", name="Criteria")
    expect(criteria.locator("header")).to_contain_text("3 not proven yet")
    rows = criteria.locator(".criteria > li")
    expect(rows.nth(0)).to_have_text(re.compile("not proven yetAC1 10 percent of 100 leave 90$"))
    expect(rows.nth(2)).to_contain_text("AC3 <img src=x onerror=window.hurt=1> \ufffdis not in it")
    assert page.evaluate("window.hurt") is None
    assert serious(page) == []

    bench.write("cart.py", CHANGED)
    bench.write("test_cart.py", TESTS + TRUTH)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    bench.write("specs/discount/review.md", "Good.\n")
    for key in ("AC2", "AC3"):
        asked = ("waive", "discount", key, "--reason", "A <b>feeling</b>")
        answer(bench, *asked, question="without a proof?")
    expect(rows.nth(1)).to_contain_text("waivedAC2 it feels cheap")
    expect(rows.nth(1)).to_contain_text(
        re.compile(r"Waived by a person: A <b>feeling</b> \(\w+@.+\)")
    )
    for phase in ("build", "test", "review"):
        assert bench.code("submit", "discount", phase) == ""

    expect(criteria.locator("header")).to_contain_text("1 proven, 2 waived")
    expect(rows.nth(0)).to_have_text(
        "provenAC1 10 percent of 100 leave 90test_cart.py::test_discount passed now, "
        "failed before the work, failed without the change; sees cart.py: total"
    )
    expect(rows.nth(0).locator("code")).to_have_text("test_cart.py::test_discount")
    expect(criteria).to_contain_text("AC2 it feels cheapWaived by a person: ")
    expect(criteria).to_contain_text(re.compile(r"Shown by 1 test in \d+ runs, "))
    expect(criteria).to_contain_text(
        "No approval is asked for: the workflow has no phase of a person"
    )
    expect(page.locator("#status")).to_contain_text("completed, proven, 2 waived")
    expect(page.locator("#facts")).to_contain_text(
        re.compile(r"\d files? changed, \+\d+ .\d+ lines")
    )
    assert serious(page) == []

    bench.write("cart.py", CHANGED + "\n")
    page = visitor.open()
    done = page.get_by_role("region", name="Done").locator(".feature-card")
    expect(done).to_contain_text("completed")
    expect(done.locator(".badge").first).to_have_text("stale, 2 waived")
    visitor.open(DISCOUNT)
    expect(rows.nth(0).locator(".badge")).to_have_text("stale")
    bench.write("cart.py", CHANGED)
    page = visitor.open()
    expect(done.locator(".badge").first).to_have_text("proven, 2 waived")
    assert visitor.violations() == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 390])
def test_the_card_says_what_is_not_as_it_was_and_what_was_noted(
    tmp_path: Path, serve: Callable[..., Site], visit: Callable[..., Visitor], width: int
) -> None:
    bench = Bench(tmp_path / "project", tmp_path / "home")
    bench.cde("init")
    reviewed = "      - id: review\n"
    workflow = APPROVED.replace(reviewed, f"{reviewed}        agent: other\n")
    bench.write(".cde/workflow.yml", workflow)
    bench.cde("trust", "--yes")
    bench.cde("start", "Discounts", "-n", "discount", "--no-baseline")
    bench.write("specs/discount/spec.md", SPEC.partition("- AC2")[0])
    bench.write("cart.py", CHANGED)
    bench.write("test_cart.py", TESTS + TRUTH)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    bench.write("specs/discount/review.md", "Verdict: approved\n")
    for phase in ("define", "build", "test", "review"):
        if phase == "test":
            git(bench.root, "commit", "-qam", "Discounts")
        assert bench.code("submit", "discount", phase, "--agent", "claude") == ""

    site = serve(bench.root, ScriptedHealth())
    visitor = visit(site.url, width=width)
    page = visitor.act(site, DISCOUNT)
    card = page.get_by_role("region", name="Waits for a person")
    told = card.locator("ul.finding > li")
    expect(told).to_have_text(["The phase review: done by the agent that did the work: claude."])
    expect(page.locator("#status")).to_have_text("waits for a person")
    criteria = page.get_by_role("region", name="Criteria")
    expect(criteria).to_contain_text("passed now, failed before the work")
    expect(card).to_contain_text("10 percent of 100 leave 90 proven")

    bench.write("cart.py", CHANGED + "\n\ndef tax():\n    return 0\n")
    bench.cde("edit", "discount", "--goal", "Discounts <b>in euros</b>")
    bench.cde("save", "discount", "Ask about <img src=x onerror=window.hurt=1>")
    since = "of the code as it was then: cart.py changed since. A yes has them proven again first"
    expect(told.nth(0)).to_contain_text(since)
    other = told.nth(1)
    expect(other).to_contain_text(re.compile("In review the verdict was accepted at .+: cart.py"))
    expect(told.nth(2)).to_contain_text(re.compile("The goal was changed at .+ It was: Discounts$"))
    expect(page.get_by_role("region", name="Phase review")).to_contain_text(other.inner_text())
    titles = page.locator("#steps > li").evaluate_all("all => all.map((each) => each.title)")
    moved = f"HEAD moved to {git(bench.root, 'rev-parse', 'HEAD').strip()[:10]}"
    assert titles == ["", "", moved, "", ""]  # where HEAD stayed, it says nothing of a phase
    expect(page.get_by_role("region", name="Phase review").locator("header")).to_have_text(
        "reviewcompleted"
    )
    expect(card).to_contain_text("10 percent of 100 leave 90 stale")
    expect(card).to_contain_text("Ask about <img src=x onerror=window.hurt=1>")
    expect(criteria.locator("ul.finding")).to_contain_text(since)
    expect(criteria).to_contain_text("passed when it was proven, failed before the work")
    assert page.evaluate("window.hurt") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []
    assert visitor.violations() == []
