"""What a newcomer to the page meets: each thing is said where they look for it, and is so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.browser.stage import Site, Visitor
from tests.browser.test_actions import LOGIN, login, opened
from tests.browser.test_decisions import of_person, waiting

Visit = Callable[..., Visitor]

__all__ = ["login", "waiting"]


def headings(visitor: Visitor) -> list[str]:
    """The headings of the parts of a feature's page, in their order."""
    return visitor.page.locator("#parts h2").all_inner_texts()


def test_a_page_that_stays_open_shows_the_end_as_one_that_is_opened_then(
    login: Site, visit: Visit
) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    dialog = opened(page, "Close")
    dialog.get_by_label("Why it is closed").fill("Not now")
    dialog.get_by_role("button", name="Close it").click()
    expect(page.locator("#parts")).to_contain_text("cancelled by")
    expect(page.locator("#parts")).not_to_contain_text("person:")
    expect(page.get_by_role("region", name="Current phase")).to_have_count(0)
    page.keyboard.press("Escape")
    dialog = opened(page, "Reopen")
    dialog.get_by_label("Why it is reopened").fill("Now it is")
    dialog.get_by_role("button", name="Reopen it").click()
    current = page.get_by_role("region", name="Current phase")
    expect(current).to_contain_text("Now it is")
    expect(page.locator("#parts")).not_to_contain_text("cancelled by")
    page.keyboard.press("Escape")
    given = {"verdict": "# Verdict\n\nIt is well.\n"}
    login.application.handle(SubmitWork(feature_id="login", phase_id="check", results=given))
    expect(current).to_have_count(0)
    following = page.get_by_role("region", name="What is next")
    expect(following).to_contain_text("cde finish login")
    seen = headings(visitor)
    page.reload()
    page.wait_for_selector("body.ready")
    assert headings(visitor) == seen
    address = following.get_by_role("link", name="The report").get_attribute("href")
    report = visitor.context.request.get(f"{login.url}{address}")
    assert (report.status, "login" in report.text()) == (200, True)
    assert visitor.violations() == []


def test_what_a_person_notes_where_they_are_asked_reaches_whoever_goes_on(
    waiting: Site, visit: Visit
) -> None:
    page = visit(waiting.url).page
    page.goto(of_person(waiting))
    card = page.get_by_role("region", name="Waits for a person")
    dialog = opened(page, "Save a note")
    dialog.get_by_label("Note").fill("Ask Ina about passkeys")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#parts")).to_contain_text("Ask Ina about passkeys")
    card.get_by_role("button", name="Send back to write").click()
    expect(card.get_by_role("alert")).to_contain_text("Say what has to become better")
    expect(card.get_by_label("What has to become better")).to_be_focused()
    card.get_by_label("What has to become better").fill("Without a password")
    card.get_by_role("button", name="Send back to write").click()
    expect(page.locator("#announcer")).to_have_text("Sent back to write")
    current = page.get_by_role("region", name="Current phase")
    expect(current).to_contain_text("It came back: Without a password")
    expect(page.locator("#parts")).to_contain_text("Note: Ask Ina about passkeys")
    expect(page.locator("#changes")).not_to_contain_text("Work.events")
    status = waiting.application.handle(GetFeatureStatus(feature_id="login"))
    assert "Ask Ina about passkeys" in str(status["phase"])


def test_nobody_is_said_to_work_while_a_person_is_waited_for(waiting: Site, visit: Visit) -> None:
    waiting.application.handle(ResumeFeature(feature_id="login", agent="robo"))
    visitor = visit(waiting.url)
    page = visitor.open()
    lane = page.get_by_role("list", name="Waiting for you")
    expect(lane).to_contain_text("waits for you")
    expect(lane).not_to_contain_text("robo")
    expect(page.locator("#board")).to_contain_text("Nothing is ready for an agent")
    page = visitor.open("/dashboard/features/login")
    expect(page.locator("#facts")).not_to_contain_text("is working")


def test_a_lease_in_the_way_is_said_with_the_box_that_takes_it_over(
    login: Site, visit: Visit
) -> None:
    login.application.handle(ResumeFeature(feature_id="login", agent="robo"))
    page = visit(login.url).act(login, LOGIN)
    dialog = opened(page, "Close")
    expect(dialog.get_by_label("Take it over from robo")).to_be_visible()
    dialog.get_by_label("Why it is closed").fill("Not now")
    dialog.get_by_role("button", name="Close it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("tick “Take it over from robo”")


def test_an_address_that_is_pasted_into_the_open_page_signs_in(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.open(LOGIN)
    expect(page.locator("#acting")).to_contain_text("Read-only view")
    page.goto(of_person(login))
    expect(page.locator("#acting")).to_contain_text("You act here as")


def test_no_line_of_the_timeline_is_cut_off(login: Site, visit: Visit) -> None:
    visitor = visit(login.url, width=390)
    page = visitor.open(LOGIN)
    page.wait_for_selector("#changes .moment")
    cut = "all => all.filter(each => each.scrollHeight > each.clientHeight).length"
    assert page.locator("#changes .moment").evaluate_all(cut) == 0


def test_a_folder_that_nobody_trusts_is_not_called_damaged(
    site: Site, visit: Visit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(VARIABLE, raising=False)
    page = visit(site.url).open()
    board = page.locator("#board")
    expect(board).to_contain_text("This folder is not trusted yet")
    expect(board).to_contain_text("cde trust")
    expect(board).not_to_contain_text("damaged")
