"""Nothing moves under whoever reads a page: not while it loads, and not when it changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cde_orchestrator.application.approvals.decide import SendBack
from cde_orchestrator.application.approvals.shown import ShowApproval
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.runs.background_run import StartRun
from tests.browser.stage import ScriptedHealth, Site, Visitor
from tests.browser.test_board import busy
from tests.browser.test_dashboard import OPERATIONS, refuse
from tests.browser.test_live_run import LOGIN, Shop, shop

__all__ = ["busy", "shop"]

Visit = Callable[..., Visitor]
SIZES = pytest.mark.parametrize("width", [390, 1440])
LATER = """
for (const each of document.querySelectorAll("[data-at]:not([data-at=''])")) {
  each.textContent = each.tell(new Date(Date.parse(each.dataset.at) - 3_000_000).toISOString());
}
"""
"""Fifty minutes pass for all that says how long ago something was."""
GLIDED = "Promise.allSettled(document.getAnimations().map((each) => each.finished))"


def rest(page: Page) -> None:
    """Let what glides come to its place, and be drawn there."""
    page.evaluate(GLIDED)
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")


def shifts(page: Page) -> list[object]:
    """What moved since the page was opened, once all is drawn."""
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 50)))")
    found: list[object] = page.evaluate("shifts")
    return found


@SIZES
@pytest.mark.parametrize("person", [True, False], ids=["person", "token"])
@pytest.mark.parametrize(
    "path",
    [
        *("/dashboard", "/dashboard?by=asked", "/dashboard?word=nothing", OPERATIONS),
        *(f"/dashboard/features/{name}" for name in ("login", "search", "old", "nothing")),
    ],
)
def test_nothing_moves_while_a_page_loads(
    busy: Site, visit: Visit, path: str, person: bool, width: int
) -> None:
    refuse(busy)
    visitor = visit(busy.url, width=width)
    page = visitor.act(busy, path) if person else visitor.open(path)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    found = shifts(page)
    assert not found, found


@SIZES
@pytest.mark.parametrize("address", ["/dashboard", "/dashboard?by=asked"])
def test_nothing_moves_on_the_board_when_features_change(
    busy: Site, visit: Visit, address: str, width: int
) -> None:
    page = visit(busy.url, width=width).act(busy, address)
    busy.application.handle(FailPhase(feature_id="search", phase_id="write", reason="No way"))
    expect(page.locator(".feature-card").filter(has_text="attempt 2 of 3")).to_have_count(1)
    busy.application.handle(ResumeFeature(feature_id="cart", agent="bob"))
    expect(page.locator(".who").filter(has_text="bob")).to_have_count(1)
    page.evaluate(LATER)
    found = shifts(page)
    assert not found, found


@SIZES
def test_nothing_moves_on_the_operations_when_they_change(
    site: Site, visit: Visit, health: ScriptedHealth, width: int
) -> None:
    refuse(site)
    page = visit(site.url, width=width).act(site, OPERATIONS)
    refuse(site, "codex")
    health.become("critical", "firing")
    expect(page.locator("#errors li")).to_have_count(2)
    page.wait_for_selector("#alerts [data-present=firing]")
    health.become("ok", "resolved")
    expect(page.locator("#health-title")).to_have_text("Healthy")
    page.evaluate(LATER)
    found = shifts(page)
    assert not found, found


@SIZES
def test_nothing_jumps_on_a_feature_s_page_when_it_changes(
    busy: Site, visit: Visit, width: int
) -> None:
    page = visit(busy.url, width=width).act(busy, "/dashboard/features/cart")
    handle, parts = busy.application.handle, page.locator("#parts")

    handle(SaveProgress(feature_id="cart", note="half of it is done"))
    expect(parts).to_contain_text("half of it is done")
    rest(page)
    handle(FailPhase(feature_id="cart", phase_id="write", reason="No way"))
    expect(parts).to_contain_text("No way")
    rest(page)
    given = {"spec": "# Cart\n\nIt holds what is bought.\n"}
    handle(SubmitWork(feature_id="cart", phase_id="write", results=given))
    expect(page.get_by_role("region", name="Waits for a person")).to_be_visible()
    rest(page)
    digest = handle(ShowApproval(feature_id="cart"))["approval"]["digest"]
    handle(SendBack(feature_id="cart", digest=digest, reason="More of it"))
    expect(page.get_by_role("region", name="Waits for a person")).to_have_count(0)
    expect(parts).to_contain_text("More of it")
    rest(page)
    page.evaluate(LATER)
    handle(CloseFeature(feature_id="cart", outcome="cancelled", reason="Nobody wants it"))
    expect(parts).to_contain_text("Nobody wants it")
    found = shifts(page)
    assert not found, found


@SIZES
def test_whoever_reads_further_down_stays_where_they_are(
    busy: Site, visit: Visit, width: int
) -> None:
    page = visit(busy.url, width=width).act(busy, "/dashboard/features/cart")
    page.set_viewport_size({"width": width, "height": 400})
    code = page.get_by_role("region", name="Code", exact=True)
    code.evaluate("(each) => scrollBy(0, each.getBoundingClientRect().top - 100)")
    before = code.bounding_box()

    given = {"spec": "# Cart\n\nIt holds what is bought.\n"}
    busy.application.handle(SubmitWork(feature_id="cart", phase_id="write", results=given))
    expect(page.get_by_role("region", name="Waits for a person")).to_be_attached()
    expect(page.locator("#parts")).to_be_visible()
    page.evaluate(GLIDED)

    after = code.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 1
    found = shifts(page)
    assert not found, found


@SIZES
def test_nothing_jumps_when_an_agent_begins_speaks_and_ends(
    shop: Shop, visit: Visit, width: int
) -> None:
    page = visit(shop.site.url, width=width).act(shop.site, LOGIN)
    shop.site.application.handle(StartRun(feature_id="login", agents=["flood"]))
    card = page.get_by_role("region", name="Agent", exact=True)
    expect(card.get_by_role("region", name="Lines of the run")).to_contain_text("I work on it now")
    later = visit(shop.site.url, width=width).act(shop.site, LOGIN)
    expect(later.locator("#connection")).to_have_attribute("data-state", "live")
    (shop.folder / "end").touch()
    expect(card).not_to_contain_text("at work")
    assert shifts(page) == shifts(later) == []


@SIZES
@pytest.mark.parametrize("button", ["Run with an agent", "Save a note", "Roll back", "Close"])
def test_a_form_opens_with_all_that_it_shows(
    shop: Shop, visit: Visit, button: str, width: int
) -> None:
    page = visit(shop.site.url, width=width).act(shop.site, LOGIN)
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found = shifts(page)
    assert not found, found


def test_who_wants_no_motion_sees_none(busy: Site, visit: Visit) -> None:
    page = visit(busy.url).open("/dashboard/features/cart")
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("() => { Element.prototype.animate = () => { window.animated = true; }; }")
    busy.application.handle(SaveProgress(feature_id="cart", note="half of it is done"))
    expect(page.locator("#parts")).to_contain_text("half of it is done")
    assert page.evaluate("window.animated") is None
