"""The dashboard as people see it, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.runs.show_agents import GetTrustedAgents
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.web.live import LOOK_SECONDS
from tests.browser.stage import ScriptedHealth, Site, Visitor, cde, serious

Visit = Callable[..., Visitor]

OPERATIONS = "/dashboard/operations"
HOSTILE = "<img src=x onerror=window.hurt=1>\u202egnp\u2066"


def start(site: Site, name: str, prompt: str = "Add something") -> None:
    """Start a feature in this process."""
    site.application.handle(StartFeature(prompt=prompt, name=name))


def refuse(site: Site, agent: str = "claude") -> None:
    """Let a call be refused that leaves a report: nobody trusts the agent here."""
    with pytest.raises(CDEError):
        site.application.handle(GetTrustedAgents(names=[agent]))


def card(page: Page, name: str) -> str:
    """The selector of a feature's card."""
    return f".feature-card:has(.feature-name:text-is({name!r}))"


def test_a_feature_that_another_process_starts_is_shown_by_itself(site: Site, visit: Visit) -> None:
    page = visit(site.url).open()
    expect(page.get_by_text("No features yet")).to_be_visible()

    cde(site.root, "start", "Add login", "--name", "login")

    expect(page.locator(card(page, "login"))).to_be_visible()
    assert LOOK_SECONDS < 2.0
    assert page.get_by_text("No features yet").count() == 0
    expect(page.locator("#board-line")).to_have_text("1 open")
    lane = page.get_by_role("region", name="Ready for an agent")
    expect(lane.locator("h2 .count")).to_have_text("1")
    expect(page.locator(card(page, "login")).locator(".goal-line")).to_have_text("Add login")


def test_an_alert_appears_with_what_to_do_and_resolves(
    site: Site, visit: Visit, health: ScriptedHealth
) -> None:
    page = visit(site.url).open(OPERATIONS)
    expect(page.locator("#health-title")).to_have_text("Healthy")

    health.become("critical", "firing")

    expect(page.locator("#health-title")).to_have_text("Unhealthy")
    expect(page.locator("#alerts [data-present=firing]")).to_contain_text("Disk space low")
    expect(page.locator("#findings")).to_contain_text("84 MB are free")
    expect(page.locator("#findings")).to_contain_text("cde doctor --fix")
    expect(page.locator("#findings .code")).to_have_attribute("href", "/errors/E921")
    expect(page.locator("#announcer")).to_contain_text("The project is unhealthy")

    health.become("ok", "resolved")

    expect(page.locator("#health-title")).to_have_text("Healthy")
    expect(page.locator("#alerts [data-present]")).to_have_count(0)
    expect(page.locator("#alerts .badge").first).to_have_text("resolved")


def test_health_is_a_line_that_opens(site: Site, visit: Visit, health: ScriptedHealth) -> None:
    page = visit(site.url).open()
    expect(page.locator("#health-line")).to_contain_text("All 3 checks passed")
    expect(page.locator("#findings")).to_be_hidden()

    health.become("critical", "firing")

    expect(page.locator("#health-title")).to_have_text("Unhealthy")
    expect(page.locator("#health-line")).to_contain_text("84 MB are free")
    page.locator("#health summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#findings")).to_contain_text("cde doctor --fix")
    page.keyboard.press("Escape")
    expect(page.locator("#findings")).to_be_hidden()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.locator("#health summary").click()
    page.locator("#board").click(position={"x": 5, "y": 500})
    expect(page.locator("#findings")).to_be_hidden()


def test_a_hostile_name_and_prompt_are_plain_text(site: Site, visit: Visit) -> None:
    start(site, "login", prompt=f"Do it {HOSTILE}")
    with site.application._assembled(tolerant=False).repository.transaction(site.root) as project:
        project.feature("login").name = HOSTILE
    visitor = visit(site.url)

    page = visitor.open()
    shown = page.locator(".feature-name").text_content()
    goal = page.locator(".goal-line").text_content()
    page.locator(".feature-card").click()
    page.wait_for_selector("body.ready")

    expected = HOSTILE.replace("\u202e", "\ufffd").replace("\u2066", "\ufffd")
    assert (shown, goal) == (expected, f"Do it {expected}")
    expect(page.locator("#name")).to_have_text(expected)
    expect(page.locator(".goal")).to_have_text(f"Do it {expected}")
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.hurt") is None
    assert (visitor.problems, visitor.violations()) == ([], [])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everybody_can_sign_in(site: Site, visit: Visit, dark: bool) -> None:
    visitor = visit(site.url, width=360, dark=dark)
    page = visitor.page

    page.goto(site.url + "/dashboard")

    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert serious(page) == []
    assert (visitor.violations(), visitor.strangers) == ([], [])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everybody_can_use_every_page_in_both_themes(
    site: Site, visit: Visit, health: ScriptedHealth, dark: bool
) -> None:
    start(site, "login")
    site.application.handle(SaveProgress(feature_id="login", note="half", data={"a": 1}))
    refuse(site)
    health.become("warning", "firing")
    visitor = visit(site.url, dark=dark)

    page = visitor.open()
    assert serious(page) == []
    page.locator("#health summary").click()
    assert serious(page) == []
    page = visitor.open(OPERATIONS)
    assert serious(page) == []
    page.locator("#errors button").first.click()
    page.wait_for_selector("dialog .report-body details")
    assert serious(page) == []
    page = visitor.open("/dashboard/features/login")
    assert serious(page) == []

    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(245, 246, 248)") is not dark
    assert (visitor.problems, visitor.violations(), visitor.strangers) == ([], [], [])


def test_the_theme_can_be_switched_and_stays(site: Site, visit: Visit) -> None:
    page = visit(site.url).open()
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)

    page.get_by_role("button", name="Switch to the dark theme").click()
    dark = page.evaluate(ground)
    page.reload()

    assert before != dark == page.evaluate(ground)


@pytest.mark.parametrize("width", [360, 1440])
def test_no_page_is_wider_than_the_window(
    site: Site, visit: Visit, health: ScriptedHealth, width: int
) -> None:
    name = "a-feature-with-a-name-" + "that-is-long-" * 3
    start(site, name.rstrip("-"))
    refuse(site)
    health.become("critical", "firing")
    visitor = visit(site.url, width=width)

    for path in ("/dashboard", OPERATIONS, f"/dashboard/features/{name.rstrip('-')}"):
        page = visitor.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_can_be_reached_by_keyboard(site: Site, visit: Visit) -> None:
    start(site, "login")
    refuse(site)
    page = visit(site.url).open(OPERATIONS)
    focus = "document.activeElement.closest('[id]').id"

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"

    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focus))
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
        if reached[-1] == "spans":
            page.keyboard.press("ArrowRight")
            page.wait_for_url("**/operations?span=day")
        if page.evaluate("document.activeElement.getAttribute('role')") == "slider":
            page.keyboard.press("ArrowLeft")
        if page.evaluate("document.activeElement.matches('#errors button')"):
            break
    places = ["findings", "spans", "charts", "alerts", "errors"]
    assert [each for each in dict.fromkeys(reached) if each in places] == places

    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('#errors button')")


def test_a_card_opens_the_page_of_its_feature_by_keyboard(site: Site, visit: Visit) -> None:
    start(site, "login")
    page = visit(site.url).open()

    page.locator(card(page, "login")).focus()
    page.keyboard.press("Enter")

    page.wait_for_url("**/dashboard/features/*")
    expect(page.locator("#name")).to_have_text("login")


def test_nothing_moves_while_the_page_is_brought_up_to_date(
    site: Site, visit: Visit, health: ScriptedHealth
) -> None:
    start(site, "first")
    refuse(site)
    operations = visit(site.url).open(OPERATIONS)
    page = visit(site.url).open()

    start(site, "second")
    page.wait_for_selector(card(page, "second"))
    site.application.handle(SaveProgress(feature_id="first", note="half of it is done"))
    refuse(site)  # which has a report already
    refuse(site, "codex")
    health.become("critical", "firing")
    expect(operations.locator("#errors li")).to_have_count(2)
    operations.wait_for_selector("#alerts [data-present=firing]")
    gone = CloseFeature(feature_id="second", outcome="cancelled", reason="not needed")
    site.application.handle(gone)
    expect(page.get_by_role("region", name="Done").locator("li")).to_have_count(1)
    health.become("ok", "resolved")
    expect(page.locator("#health-title")).to_have_text("Healthy")
    page.wait_for_timeout(500)

    assert page.evaluate("shifts") == operations.evaluate("shifts") == []


def test_an_error_opens_its_explanation_and_its_report(site: Site, visit: Visit) -> None:
    start(site, "login")
    refuse(site)
    page = visit(site.url).open(OPERATIONS)

    page.locator("#errors button").click()

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Agent Not Trusted Here")
    expect(dialog).to_contain_text("What to do")
    expect(dialog).to_contain_text("get trusted agents")
    dialog.locator("summary").click()
    expect(dialog.locator("pre")).to_contain_text('"code": "E912"')


def test_a_report_that_cannot_be_had_says_why(site: Site, visit: Visit) -> None:
    start(site, "login")
    refuse(site)
    page = visit(site.url).open(OPERATIONS)
    dialog = page.get_by_role("dialog")

    reports = "**/dashboard/data/errors/*"
    page.route(reports, lambda route: route.abort())
    page.locator("#errors button").click()
    expect(dialog).to_contain_text("The server does not answer")
    expect(dialog).not_to_contain_text("no longer kept")
    dialog.get_by_role("button", name="Close").click()

    page.unroute(reports)
    page.route(reports, lambda route: route.continue_(url=f"{site.url}/dashboard/data/errors/gone"))
    page.locator("#errors button").click()
    expect(dialog).to_contain_text("no longer kept")
