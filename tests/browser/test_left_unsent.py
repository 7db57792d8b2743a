"""What somebody typed is shown where its form is gone, as another person was faster."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from tests.browser.stage import Site, Visitor, cde, serious
from tests.browser.test_actions import LOGIN, login, opened
from tests.browser.test_answers import KEPT, LABEL, decision
from tests.browser.test_decisions import of_person, waiting
from tests.browser.test_refused_actions import HOSTILE, TYPED, notes

__all__ = ["login", "waiting"]

Visit = Callable[..., Visitor]


def answered_by_another(site: Site, visit: Visit) -> None:
    """Another person approves, in a browser of their own."""
    other = visit(site.url)
    other.page.goto(of_person(site))
    decision(other.page).get_by_role("button", name="Approve").click()
    expect(decision(other.page)).to_have_count(0)


def copied(page: Page) -> str:
    """What the page wrote to the clipboard, of which it has one here."""
    found: str = page.evaluate("window.copied")
    return found


CLIPBOARD = """
Object.defineProperty(navigator, "clipboard",
  { value: { writeText: async (text) => { window.copied = text; } } });
"""


def test_a_reason_for_what_another_person_answered_stays_in_sight(
    waiting: Site, visit: Visit
) -> None:
    visitor = visit(waiting.url)
    visitor.context.add_init_script(CLIPBOARD)
    page = visitor.page
    page.goto(of_person(waiting))
    text = f"{TYPED}\n{HOSTILE}"
    decision(page).get_by_label(LABEL).fill(text)
    left = page.get_by_role("region", name="Not sent")
    expect(left).to_have_count(0)
    answered_by_another(waiting, visit)

    expect(decision(page)).to_have_count(0)
    expect(left).to_contain_text("Your answer to approve was not sent")
    expect(left).to_contain_text(TYPED)
    assert page.evaluate("window.hurt") is None
    assert serious(page) == []
    left.get_by_role("button", name="Copy").click()
    expect(left.get_by_role("button", name="Copy")).to_have_text("Copied")
    assert copied(page) == text
    page.reload()
    page.wait_for_selector("body.ready")
    expect(left).to_contain_text(TYPED)

    # It is filled in again, should the same be asked once more.
    cde(waiting.root, "rollback", "login", "approve", "--reason", "Too early")
    expect(decision(page).get_by_label(LABEL)).to_have_value(text)
    expect(left).to_have_count(0)
    answered_by_another(waiting, visit)
    left.get_by_role("button", name="Discard").click()
    expect(left).to_have_count(0)
    assert page.evaluate(KEPT) == []
    cde(waiting.root, "rollback", "login", "approve", "--reason", "Too early")
    expect(decision(page).get_by_label(LABEL)).to_have_value("")
    assert visitor.violations() == []


def test_a_note_for_a_feature_that_was_closed_meanwhile_is_shown(login: Site, visit: Visit) -> None:
    page = visit(login.url).act(login, LOGIN)
    opened(page, "Save a note").get_by_label("Note").fill(TYPED)
    left = page.get_by_role("region", name="Not sent")
    page.keyboard.press("Escape")
    login.application.handle(CloseFeature(feature_id="login", outcome="cancelled", reason="No"))
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    expect(left).to_contain_text("Your note was not sent")
    expect(left).to_contain_text(TYPED)

    phase = RollbackFeature(feature_id="login", to_phase="check", reason="Wanted after all")
    login.application.handle(phase)
    expect(left).to_have_count(0)
    dialog = opened(page, "Save a note")
    expect(dialog.get_by_label("Note")).to_have_value(TYPED)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert notes(login) == [TYPED]
    assert page.evaluate(KEPT) == []


def test_what_there_is_no_room_for_in_the_browser_is_not_lost_either(
    waiting: Site, visit: Visit
) -> None:
    page = visit(waiting.url).page
    page.goto(of_person(waiting))
    reason = decision(page).get_by_label(LABEL)
    reason.evaluate("(each) => { each.value = 'x'.repeat(6_000_000) + '!' }")
    reason.dispatch_event("input")
    assert page.evaluate(KEPT) == []
    answered_by_another(waiting, visit)

    left = page.get_by_role("region", name="Not sent")
    expect(left.locator("pre")).to_have_text("x" * 20_000)
    cde(waiting.root, "rollback", "login", "approve", "--reason", "Too early")
    expect(left).to_have_count(0)
    assert reason.evaluate("(each) => each.value.length") == 6_000_001


def test_what_is_on_its_way_is_not_said_to_be_lost(waiting: Site, visit: Visit) -> None:
    visitor = visit(waiting.url)
    page = visitor.page
    page.goto(of_person(waiting))
    page.evaluate(
        """() => {
          window.lost = 0;
          new MutationObserver(() => {
            window.lost += document.querySelectorAll('[aria-label="Not sent"]').length;
          }).observe(document.body, { childList: true, subtree: true });
        }"""
    )
    decision(page).get_by_label(LABEL).fill(TYPED)
    decision(page).get_by_role("button", name="Send back to write").click()
    expect(page.get_by_role("region", name="What was done")).to_contain_text("Sent back")
    expect(decision(page)).to_have_count(0)
    assert page.evaluate("window.lost") == 0
    assert page.evaluate(KEPT) == []


def test_an_answer_that_came_too_late_is_said_and_shown(waiting: Site, visit: Visit) -> None:
    visitor = visit(waiting.url)
    page = visitor.page
    page.goto(of_person(waiting))
    held: list[Route] = []

    free = False

    def hold(route: Route) -> None:
        if free:
            route.continue_()
        else:
            held.append(route)

    decision(page).get_by_label(LABEL).fill(TYPED)
    page.route("**/dashboard/data/**", hold)  # it hears of nothing
    answered_by_another(waiting, visit)
    decision(page).get_by_role("button", name="Send back to write").click()
    expect(decision(page).get_by_role("button", name="Sending back")).to_be_visible()
    free = True
    for each in held:
        each.continue_()
    expect(page.get_by_role("region", name="Not sent")).to_contain_text(TYPED)
    expect(page.get_by_role("region", name="What was done")).to_contain_text("E1")
