"""What was proven of a feature, by what, and by whom it was approved, on its page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.stage import ScriptedHealth, Site, Visitor
from tests.integration.proving.test_walk_of_a_feature import CHANGED, TESTS, TRUTH, WORKFLOW, Bench
from tests.integration.proving.test_walk_to_a_yes import SPEC, answer


@pytest.mark.slow
def test_the_page_says_what_proofs_see_what_is_waived_and_that_nobody_approved(
    tmp_path: Path, serve: Callable[..., Site], visit: Callable[..., Visitor]
) -> None:
    bench = Bench(tmp_path / "project", tmp_path / "home")
    bench.cde("init")
    bench.write(".cde/workflow.yml", WORKFLOW)
    bench.cde("trust", "--yes")
    bench.cde("start", "Discounts", "-n", "discount")
    bench.write("specs/discount/spec.md", SPEC)
    bench.write("cart.py", CHANGED)
    bench.write("test_cart.py", TESTS + TRUTH)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    bench.write("specs/discount/review.md", "Good.\n")
    assert bench.code("submit", "discount", "define") == ""
    answer(bench, "waive", "discount", "AC2", "--reason", "So", question="without a proof?")
    for phase in ("build", "test", "review"):
        assert bench.code("submit", "discount", phase) == ""

    site = serve(bench.root, ScriptedHealth())
    visitor = visit(site.url)
    page = visitor.open()
    done = page.get_by_role("region", name="Done").locator(".feature-card")
    expect(done).to_contain_text("completed")
    expect(done.locator(".badge").first).to_have_text("proven, 1 waived")
    page.goto(f"{site.url}/dashboard/features/discount")
    criteria = page.get_by_role("region", name="Criteria")
    expect(criteria).to_contain_text("AC1 proven sees cart.py: total")
    expect(criteria).to_contain_text("AC2 waived by a person")
    expect(criteria).to_contain_text(
        "No approval is asked for: the workflow has no phase of a person"
    )
    expect(page.locator("#status")).to_contain_text("completed, proven, 1 waived")
    expect(page.locator("#facts")).to_contain_text(
        re.compile(r"\d files? changed, \+\d+ .\d+ lines")
    )
    assert visitor.violations() == []
