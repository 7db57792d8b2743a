"""Forms, cards and addresses say what a newcomer looks for, by the names that the page has."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.clock import utc_now
from tests.browser.stage import Site, Visitor, serious
from tests.browser.test_actions import LOGIN, login, opened
from tests.browser.test_board import CHECK, busy, used, working
from tests.browser.test_dashboard import card
from tests.browser.test_live_run import Shop, begin, shop
from tests.phase_fakes import evidence_of

__all__ = ["busy", "login", "shop"]

Visit = Callable[..., Visitor]
GOAL = "What it should do"


def alert(dialog: Locator) -> Locator:
    """What a form says is wrong."""
    return dialog.get_by_role("alert")


def test_a_refused_field_is_named_as_in_the_form_has_the_focus_and_says_what_is_valid(
    login: Site, visit: Visit
) -> None:
    page = visit(login.url).act(login)
    dialog = opened(page, "Start a feature")
    goal, name = dialog.get_by_label(GOAL), dialog.get_by_label("Name")
    send = dialog.get_by_role("button", name="Start", exact=True)
    send.click()
    expect(alert(dialog)).to_contain_text(f"“{GOAL}” has no text.")
    expect(goal).to_be_focused()

    goal.fill("x" * 30_000)
    send.click()
    expect(alert(dialog)).to_contain_text(f"“{GOAL}” has 30000 characters")
    expect(goal).to_have_attribute("aria-invalid", "true")

    goal.fill("Add a cart")
    name.fill("No Name!")
    send.click()
    expect(alert(dialog)).to_contain_text("E304")
    expect(alert(dialog)).to_contain_text(
        "lower-case letters a to z, digits and single hyphens between them"
    )
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(goal).not_to_have_attribute("aria-invalid", "true")
    assert serious(page) == []
    name.fill("cart")
    send.click()
    expect(dialog).to_contain_text("cart is started.")


@pytest.mark.parametrize("amount", ["ten", "-1", "1e400", "nan"])
def test_a_budget_that_is_none_is_said_of_its_field(shop: Shop, visit: Visit, amount: str) -> None:
    page = visit(shop.site.url).act(shop.site, LOGIN)
    begin(page, "worker", minutes=amount)
    dialog = page.get_by_role("dialog")
    expect(alert(dialog)).to_contain_text("“At most, in minutes” was not accepted: ")
    expect(alert(dialog)).not_to_contain_text("budget_minutes")
    expect(dialog.get_by_label("At most, in minutes")).to_be_focused()


def test_an_explained_code_shows_no_raw_placeholder(site: Site, visit: Visit) -> None:
    page = visit(site.url).open()
    page.goto(f"{site.url}/errors/E304")
    text = page.inner_text("body")
    assert not re.search(r"[<{][a-z_]+[>}]", text), text
    expect(page.locator("var").first).to_have_text("name")
    expect(page.locator("body")).to_contain_text("Words like these differ from case to case.")


def test_another_workflow_ends_the_advice(site: Site, visit: Visit) -> None:
    page = visit(site.url).act(site)
    dialog = opened(page, "Start a feature")
    dialog.get_by_label(GOAL).fill("Fix the crash of the parser")
    workflow = dialog.get_by_label("Workflow")
    expect(dialog).to_contain_text("quick-fix would fit")
    others = [each for each in workflow.locator("option").all_text_contents() if "(" not in each]
    chosen = next(each for each in others if each != "quick-fix")
    workflow.select_option(chosen)
    expect(dialog).not_to_contain_text("would fit")
    dialog.get_by_role("button", name="Start", exact=True).click()
    expect(dialog).to_contain_text("is started.")
    expect(dialog).not_to_contain_text("would fit")
    expect(dialog).not_to_contain_text("cde grow")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("proof=bar", "Proof: 'bar' is not one of proven, stale, broken, unproven."),
        ("by=bar", "Lanes: 'bar' is no workflow of this project."),
        ("sort=<b>", "Sort: it is '<b>', not one of"),
    ],
)
def test_an_address_that_asks_for_the_unknown_says_so_beside_all_else(
    busy: Site, visit: Visit, asked: str, said: str
) -> None:
    visitor = visit(busy.url)
    page = visitor.open(f"/dashboard?{asked}")
    expect(page.locator("#board")).to_contain_text(said)
    expect(page.locator("#health-title")).to_have_text("Healthy")
    expect(page.locator("#project")).to_have_text("shop")
    page.get_by_role("link", name="Show all").click()
    expect(page.locator(".feature-card")).to_have_count(4)
    assert visitor.violations() == []


def test_the_phase_is_whole_on_a_card_with_three_badges(busy: Site, visit: Visit) -> None:
    with working(busy, "search") as record:
        record.attempts = 2
        record.evidence = evidence_of(CHECK, utc_now(), 1, "")
        record.runs = [used(12.5)]
    page = visit(busy.url).open()
    search = page.locator(card(page, "search"))
    expect(search.locator(".badge")).to_have_count(3)
    for part in (".phase-of", ".who", ".age", ".badges"):
        fits = "(each) => each.scrollWidth <= each.clientWidth"
        assert search.locator(part).evaluate(fits), part


def test_a_digest_stays_in_a_line_on_a_telephone(busy: Site, visit: Visit) -> None:
    page = visit(busy.url, width=390).open("/dashboard/features/login")
    page.get_by_role("heading", name="Waits for a person").evaluate(
        "(each) => { each.textContent += ' that has a long name, which takes up the line'; }"
    )
    page.locator("summary", has_text="What the answer is bound to").click()
    digest = page.locator(".decision .bound p code").first
    assert digest.evaluate("(each) => each.getClientRects().length") == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_what_is_code_in_a_text_has_no_backticks(busy: Site, visit: Visit) -> None:
    goal = "Let `app.py` be <b>`quick`</b>, with one ` alone"
    busy.application.handle(StartFeature(prompt=goal, name="ticks", workflow="asked"))
    visitor = visit(busy.url)
    page = visitor.open()
    shown = "Let app.py be <b>quick</b>, with one ` alone"
    expect(page.locator(card(page, "ticks")).locator(".goal-line")).to_have_text(shown)
    page.goto(f"{busy.url}/dashboard/features/ticks")
    expect(page.locator(".goal")).to_have_text(shown)
    expect(page.locator(".goal code")).to_have_text(["app.py", "quick"])
    assert visitor.violations() == []


def test_a_run_that_ended_is_not_shown_above_a_later_phase_or_attempt(
    shop: Shop, visit: Visit
) -> None:
    page = visit(shop.site.url).act(shop.site, LOGIN)
    begin(page, "worker")
    agent = page.get_by_role("region", name="Agent", exact=True)
    expect(agent).to_contain_text("I work on it now")
    agent.get_by_role("button", name="Stop the run").click()
    page.get_by_role("dialog", name="Stop the run").get_by_role("button", name="Stop it").click()
    expect(agent).to_contain_text("Stopped; nothing is lost")

    handle = shop.site.application.handle
    handle(ResumeFeature(feature_id="login", agent="ada"))
    expect(page.locator("#status")).to_have_text("ada at work")
    expect(agent).to_be_visible()  # it is of this attempt
    handle(FailPhase(feature_id="login", phase_id="define", reason="No way", agent="ada"))
    expect(page.locator("#parts")).to_contain_text("No way")
    expect(agent).to_have_count(0)
    later = visit(shop.site.url).act(shop.site, LOGIN)
    expect(later.locator("#parts")).to_contain_text("No way")
    expect(later.get_by_role("region", name="Agent", exact=True)).to_have_count(0)


def test_the_form_that_stops_a_run_goes_with_the_run(shop: Shop, visit: Visit) -> None:
    page = visit(shop.site.url).act(shop.site, LOGIN)
    begin(page, "flood")
    agent = page.get_by_role("region", name="Agent", exact=True)
    expect(agent).to_contain_text("I work on it now")
    agent.get_by_role("button", name="Stop the run").click()
    dialog = page.get_by_role("dialog", name="Stop the run")
    expect(dialog).to_be_visible()
    (shop.folder / "end").touch()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("region", name="What was done")).to_contain_text(
        "Stop the run: there is nothing to do any more"
    )


def test_a_form_that_cannot_be_loaded_says_so_for_everybody(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    visitor.context.set_offline(True)
    page.get_by_role("button", name="Save a note").click()
    expect(page.locator(".notice")).to_contain_text("The server does not answer: try again.")
    visitor.context.set_offline(False)
    expect(opened(page, "Save a note").get_by_label("Note")).to_be_focused()


def test_who_is_signed_out_is_told_in_a_person_s_words(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    dialog = opened(page, "Save a note")
    dialog.get_by_label("Note").fill("Half of it is done")
    visitor.context.clear_cookies()
    dialog.get_by_role("button", name="Save").click()
    expect(alert(dialog)).to_contain_text("You are signed out: nothing was done.")
    expect(alert(dialog)).not_to_contain_text("bearer")
    expect(alert(dialog).get_by_role("button", name="Copy: cde dashboard")).to_be_visible()
    expect(dialog.get_by_label("Note")).to_be_focused()
