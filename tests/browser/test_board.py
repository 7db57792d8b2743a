"""The features on the first page: lanes, search, filters and what stands where there are none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.agent_run import AgentReport, AgentRun
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.storage.format.files import StateFiles
from tests.browser.stage import ScriptedHealth, Site, Visitor, serious
from tests.browser.test_dashboard import card, start
from tests.browser.test_decisions import WORKFLOW
from tests.fakes import older_feature
from tests.phase_fakes import evidence_of

Visit = Callable[..., Visitor]
Serve = Callable[..., Site]

SHORT = """\
  short:
    phases:
      - {id: do, prompt: standard/implement.md}
"""
LOADED_BYTES = """
["resource", "navigation"].flatMap((each) => performance.getEntriesByType(each))
  .filter((each) => !each.name.endsWith("/events"))
  .reduce((sum, each) => sum + each.decodedBodySize, 0)
"""


@pytest.fixture
def busy(project: Path, serve: Serve) -> Site:
    """A site with a feature in each lane."""
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW)
    site = serve(project, ScriptedHealth())
    for name in ("login", "search", "cart", "old"):
        start(site, name, prompt=f"Let people use the {name}")
    given = {"spec": "# Login\n\nWith a password.\n"}
    site.application.handle(SubmitWork(feature_id="login", phase_id="write", results=given))
    site.application.handle(ResumeFeature(feature_id="search", agent="ada"))
    gone = CloseFeature(feature_id="old", outcome="cancelled", reason="not needed")
    site.application.handle(gone)
    return site


@contextmanager
def working(site: Site, name: str, phase: str = "") -> Iterator[PhaseRecord]:
    """What is kept of a feature's phase, the current one where none is named, to be changed."""
    with site.application._assembled(tolerant=False).repository.transaction(site.root) as project:
        feature = project.feature(name)
        yield feature.phases[phase or feature.current_phase or ""]
        feature.updated_at = utc_now()


CHECK = Check(command=("make", "test"), directory=".", timeout_seconds=60.0)


def used(cost: float, sent: int = 0, got: int = 0) -> AgentRun:
    """What a run of an agent reported."""
    report = AgentReport(turns=3, input_tokens=sent, output_tokens=got, cost_usd=cost)
    return AgentRun(at=utc_now(), agent="ada", attempt=1, seconds=60, report=report)


def shown(page: Page) -> list[str]:
    """The names on the board."""
    return page.locator(".feature-name").all_text_contents()


def many(site: Site, count: int) -> None:
    """Features of an older release, so many, each with a long goal."""
    with site.application._assembled(tolerant=False).repository.transaction(site.root) as project:
        for number in range(count):
            made = older_feature(
                project, id=f"f-{number:05}", name=f"wish-{number}", prompt="Many words " * 90
            )
            made.created_at = made.updated_at = utc_now() - timedelta(minutes=number)


def test_each_lane_says_who_is_waited_for_and_its_cards_what_there_is_to_know(
    busy: Site, visit: Visit
) -> None:
    page = visit(busy.url).open()

    lanes = page.locator("#board section")
    expect(lanes.locator("h2")).to_have_text(
        ["Waiting for you 1", "Agent at work 1", "Ready for an agent 1", "Done 1"]
    )
    waiting = lanes.nth(0).locator(".feature-card")
    expect(waiting.locator(".goal-line")).to_have_text("Let people use the login")
    expect(waiting).to_contain_text("Somebody has to want it.")
    expect(waiting).to_contain_text("approve · 2 of 3")
    expect(waiting).to_contain_text("asked")
    expect(lanes.nth(1).locator(".who")).to_have_text("ada")
    expect(lanes.nth(2)).to_contain_text("write · 1 of 3")
    expect(lanes.nth(3)).to_contain_text("cancelled")
    assert page.title().startswith("(1) ")


def test_a_card_says_since_when_which_attempt_how_it_was_checked_and_what_it_cost(
    busy: Site, visit: Visit
) -> None:
    began = utc_now() - timedelta(hours=2, minutes=5)
    for name, exit_code in (("search", 1), ("cart", 0)):
        with working(busy, name) as record:
            record.started_at, record.attempts = began, 2
            record.evidence = evidence_of(CHECK, utc_now(), exit_code, "")
            record.runs = [used(1.25), used(0.5)]
    page = visit(busy.url).open()

    search = page.locator(card(page, "search"))
    expect(search.locator(".age")).to_have_text("for 2 h")
    expect(search.locator(".badge")).to_have_text(["attempt 2 of 3", "✕ check", "$1.75"])
    failed, passed = (
        page.locator(card(page, each)).locator(".badge") for each in ("search", "cart")
    )
    expect(failed.nth(1)).to_have_attribute("title", re.compile("check of write did not pass, "))
    expect(passed).to_have_text(["attempt 2 of 3", "✓ check", "$1.75"])
    for name, age in (("login", r"^for \d+ (s|min)$"), ("old", r"(just now|ago)$")):
        other = page.locator(card(page, name))
        expect(other.locator(".age")).to_have_text(re.compile(age))
        expect(other.locator(".badge")).to_have_count(0)


def test_a_feature_s_page_says_what_each_phase_took_and_used(busy: Site, visit: Visit) -> None:
    now = utc_now()
    with working(busy, "login", "write") as record:
        record.started_at, record.completed_at = now - timedelta(minutes=7), now
        record.runs = [used(1.25, 12_000, 345), used(0.5)]
    with working(busy, "login") as record:
        record.started_at = now - timedelta(hours=3)
    page = visit(busy.url).open("/dashboard/features/login")

    steps = page.get_by_role("list", name="Phases").get_by_role("listitem")
    expect(steps).to_have_text(
        [re.compile("writetook 7 min"), re.compile("approvefor 3 h"), "buildpending"]
    )
    write = page.get_by_role("region", name="Phase write")
    expect(write).to_contain_text("Agents used 6 turns, 12,345 tokens, $1.75.")
    expect(page.get_by_role("region", name="Phase approve")).to_have_count(0)  # nothing to say


def test_search_and_filters_are_in_the_address_and_the_back_button_undoes_them(
    busy: Site, visit: Visit
) -> None:
    page = visit(busy.url).open()

    page.keyboard.press("/")
    page.keyboard.type("the C")
    page.keyboard.type("ART")
    expect(page.locator(".feature-card")).to_have_count(1)
    expect(page.locator("#board-line")).to_have_text("1 of 4 features")
    page.wait_for_url("**/dashboard?word=the+CART")
    page.go_back()
    expect(page.locator(".feature-card")).to_have_count(4)
    expect(page.locator("#word")).to_have_value("")

    page.locator("[name=waits_for]").select_option(label="You")
    page.wait_for_url("**/dashboard?waits_for=person")
    expect(page.locator(".feature-card")).to_have_count(1)
    page.locator("[name=sort]").select_option(label="Name")
    page.wait_for_url("**/dashboard?waits_for=person&sort=name")
    page.locator("#clear").click()
    page.wait_for_url("**/dashboard")
    expect(page.locator(".feature-card")).to_have_count(4)

    page.locator("[name=agent]").select_option("ada")
    expect(page.locator(".feature-card")).to_have_count(1)
    page.locator(".feature-card").click()
    expect(page.locator("#name")).to_have_text("search")
    page.go_back()
    page.wait_for_url("**/dashboard?agent=ada")
    expect(page.locator(".feature-card")).to_have_count(1)
    expect(page.locator("[name=agent]")).to_have_value("ada")


def test_workflow_and_proof_are_chosen_and_are_in_the_address(
    project: Path, serve: Serve, visit: Visit
) -> None:
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW + SHORT)
    site = serve(project, ScriptedHealth())
    start(site, "login")
    for name in ("typo", "colour"):
        site.application.handle(StartFeature(prompt=f"The {name}", name=name, workflow="short"))
    site.application.handle(SubmitWork(feature_id="colour", phase_id="do"))
    page = visit(site.url).open()

    page.locator("[name=workflow]").select_option("short")
    page.wait_for_url("**/dashboard?workflow=short")
    expect(page.locator(".feature-name")).to_have_text(["typo", "colour"])
    page.locator("[name=proof]").select_option(label="Unproven")
    page.wait_for_url("**/dashboard?workflow=short&proof=unproven")
    expect(page.locator(".feature-name")).to_have_text(["colour"])
    page.locator("[name=workflow]").select_option(label="All")
    page.wait_for_url("**/dashboard?proof=unproven")
    page.go_back()
    page.go_back()
    expect(page.locator("[name=proof]")).to_have_value("")
    expect(page.locator("[name=workflow]")).to_have_value("short")
    expect(page.locator(".feature-name")).to_have_text(["typo", "colour"])

    page.goto(f"{site.url}/dashboard?workflow=asked")
    expect(page.locator(".feature-name")).to_have_text(["login"])
    expect(page.locator("[name=workflow]")).to_have_value("asked")
    page.goto(f"{site.url}/dashboard?proof=stale")
    expect(page.locator("#board")).to_contain_text("No feature matches")
    expect(page.locator("[name=proof]")).to_have_value("stale")


def test_an_address_can_be_shared(busy: Site, visit: Visit) -> None:
    page = visit(busy.url).open("/dashboard?by=asked&sort=name&word=people")

    expect(page.locator("#board section h2")).to_have_text(
        ["write 2", "approve 1", "build 0", "Done 1"]
    )
    expect(page.locator("[name=by]")).to_have_value("asked")
    expect(page.locator("#word")).to_have_value("people")
    assert shown(page) == ["cart", "search", "login", "old"]


def test_what_an_address_cannot_ask_for_is_said(busy: Site, visit: Visit) -> None:
    visitor = visit(busy.url)
    page = visitor.open("/dashboard?sort=size")

    expect(page.locator("#board")).to_contain_text("it is 'size', not one of")
    expect(page.locator(".feature-card")).to_have_count(0)
    page.locator("#clear").click()
    expect(page.locator(".feature-card")).to_have_count(4)
    assert visitor.violations() == []


def test_no_feature_that_matches_is_not_no_feature(busy: Site, visit: Visit) -> None:
    page = visit(busy.url).open("/dashboard?word=nothing")

    expect(page.locator("#board")).to_contain_text("No feature matches")
    expect(page.get_by_text("No features yet")).to_have_count(0)
    page.locator("#word").fill("")
    expect(page.locator(".feature-card")).to_have_count(4)


def test_arrow_keys_go_from_card_to_card(busy: Site, visit: Visit) -> None:
    start(busy, "later")
    page = visit(busy.url).open()
    page.locator(card(page, "login")).focus()
    focused = "document.activeElement.querySelector('.feature-name').textContent"

    reached = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        reached.append(page.evaluate(focused))
    page.keyboard.press("End")
    reached.append(page.evaluate(focused))

    assert reached == ["search", "later", "cart", "cart", "old", "later", "cart"]


def test_everything_on_the_page_is_reached_by_keyboard(busy: Site, visit: Visit) -> None:
    page = visit(busy.url).open()

    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "((e) => e.matches('.feature-card') ? 'card' : e.name || e.closest('[id]')?.id)"
                "(document.activeElement)"
            )
        )
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
        if reached[-1] == "card":
            break
    places = ["health", "word", "by", "workflow", "agent", "waits_for", "proof", "sort", "board"]
    assert [each for each in dict.fromkeys(reached) if each in places] == places
    assert reached[-1] == "card"


def test_the_first_view_is_small_and_more_is_loaded_when_it_is_asked_for(
    site: Site, visit: Visit
) -> None:
    many(site, 130)
    visitor = visit(site.url)
    page = visitor.open()
    cards = page.get_by_role("region", name="Ready for an agent").locator(".feature-card")
    expect(cards).to_have_count(20)
    assert page.evaluate(LOADED_BYTES) < 200_000

    page.get_by_role("button", name="110 more").click()
    expect(cards).to_have_count(40)
    page.get_by_role("button", name="90 more").click()
    expect(cards).to_have_count(100)
    expect(page.locator(".rest:visible")).to_have_text("and 30 more: search or filter")
    page.locator("#word").fill("wish-129")
    expect(cards).to_have_count(1)
    page.locator("#word").fill("")
    expect(cards).to_have_count(20)


def test_a_project_that_cannot_be_read_says_so(project: Path, serve: Serve, visit: Visit) -> None:
    site = serve(project)
    start(site, "login")
    site.application.close()
    state = StateFiles(project)
    for kept in [*state.backups.iterdir(), *(project / ".cde").glob("*.json*")]:
        kept.write_bytes(b"\0 damaged")

    page = visit(serve(project).url).open()

    notice = page.locator("#board .over")
    expect(notice).to_contain_text("The project cannot be read")
    expect(notice).to_contain_text("it is not JSON")
    expect(notice.locator(".command").first).to_contain_text("cde state salvage")
    expect(page.get_by_text("No features yet")).to_have_count(0)
    expect(page.locator("#health")).to_have_attribute("data-status", "unhealthy")
    expect(page.locator("#health-line")).to_contain_text("cannot be read")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_on_a_telephone_the_first_thing_is_what_waits(busy: Site, visit: Visit, dark: bool) -> None:
    visitor = visit(busy.url, width=360, dark=dark)
    page = visitor.open()

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = page.locator(card(page, "login")).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 640
    expect(page.locator("[name=waits_for]")).to_be_hidden()
    page.get_by_role("button", name="Filter").click()
    page.locator("[name=sort]").select_option(label="Name")
    expect(page.get_by_role("button", name="Filter (1)")).to_have_attribute("aria-expanded", "true")
    page.get_by_role("button", name="Done 1").click()
    expect(page.locator(card(page, "old"))).to_be_in_viewport()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert visitor.violations() == []
