"""What a person answers with is neither lost nor refused without a way on, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.submit_work import SubmitWork
from tests.browser.stage import ScriptedHealth, Site, Visitor, cde, serious
from tests.browser.test_actions import LOGIN, login, opened
from tests.browser.test_decisions import of_person, waiting
from tests.browser.test_refused_actions import HOSTILE, TYPED, hours, notes

__all__ = ["hours", "login", "waiting"]

Visit = Callable[..., Visitor]
Serve = Callable[..., Site]
LABEL = "What has to become better"
SPEC = "specs/login/spec.md"
KEPT = "Object.keys(localStorage).filter((each) => each.startsWith('cde-typed'))"


def decision(page: Page) -> Locator:
    """The card of what waits for a person."""
    return page.get_by_role("region", name="Waits for a person")


def restarted(site: Site, serve: Serve) -> Site:
    """The same server, at the same address and with the same token, as another process has it."""
    site.close()
    return serve(site.root, ScriptedHealth(), port=int(site.url.rpartition(":")[2]))


def phase_of(site: Site) -> str | None:
    """The phase that the feature is in."""
    status = site.application.handle(GetFeatureStatus(feature_id="login"))
    return status["feature"]["current_phase"]


def test_a_typed_reason_outlives_the_server_a_reload_and_a_refusal(
    waiting: Site, serve: Serve, visit: Visit
) -> None:
    visitor = visit(waiting.url)
    page = visitor.page
    page.goto(of_person(waiting))
    card = decision(page)
    reason = card.get_by_label(LABEL)
    reason.fill(f"{TYPED}\n{HOSTILE}")
    other = restarted(waiting, serve)
    expect(card).to_contain_text("To decide here")
    expect(page.locator("#acting")).to_contain_text("Read-only view")
    expect(reason).to_have_value(f"{TYPED}\n{HOSTILE}")
    expect(reason).to_be_focused()
    card.get_by_role("button", name="Send back to write").click()
    expect(card.get_by_role("alert")).to_contain_text("E334")
    expect(card.get_by_role("alert").locator(".command")).to_contain_text("cde dashboard")
    expect(reason).to_have_value(f"{TYPED}\n{HOSTILE}")
    assert serious(page) == []
    page.reload()
    page.wait_for_selector("body.ready")
    expect(reason).to_have_value(f"{TYPED}\n{HOSTILE}")

    second = visitor.context.new_page()
    second.goto(of_person(other))
    expect(decision(second).get_by_label(LABEL)).to_have_value(f"{TYPED}\n{HOSTILE}")
    card.get_by_role("button", name="Send back to write").click()
    expect(page.locator("#parts")).to_contain_text(TYPED)
    expect(card).to_have_count(0)
    assert page.evaluate(KEPT) == []
    assert visitor.violations() == []


def test_what_is_typed_into_a_form_outlives_a_reload(login: Site, visit: Visit) -> None:
    page = visit(login.url).act(login, LOGIN)
    opened(page, "Save a note").get_by_label("Note").fill(TYPED)
    page.keyboard.press("Escape")
    opened(page, "Close").get_by_label("Why it is closed").fill("Another text")
    page.reload()
    page.wait_for_selector("body.ready")
    dialog = opened(page, "Save a note")
    expect(dialog.get_by_label("Note")).to_have_value(TYPED)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert notes(login) == [TYPED]
    assert len(page.evaluate(KEPT)) == 1


@pytest.mark.parametrize(
    "left",
    [
        "no JSON",
        "null",
        "[]",
        '{"at": "x", "values": null}',
        '{"at": NOW, "values": null}',
        '{"at": 0, "values": {}}',
    ],
)
def test_what_another_server_left_in_the_browser_harms_nothing(
    login: Site, visit: Visit, left: str
) -> None:
    visitor = visit(login.url)
    page = visitor.act(login)
    key = f"cde-typed {login.root} start "
    page.evaluate(
        "([key, left]) => { localStorage[key] = left.replace('NOW', Date.now()); }", [key, left]
    )
    goal = opened(page, "Start a feature").get_by_label("What it should do")
    expect(goal).to_have_value("")
    goal.fill("x" * 6_000_000)  # more than a browser keeps
    assert page.evaluate(KEPT) == []
    goal.fill(TYPED)
    assert page.evaluate(KEPT) == [key]
    assert [each for each in visitor.problems if "401" not in each] == []


def test_what_is_typed_for_a_project_is_not_filled_in_for_another_at_its_port(
    login: Site, serve: Serve, visit: Visit, tmp_path: Path
) -> None:
    visitor = visit(login.url)
    page = visitor.act(login)
    opened(page, "Start a feature").get_by_label("What it should do").fill(TYPED)
    login.close()
    other = tmp_path / "other"
    other.mkdir()
    cde(other, "init", "--name", "other")
    second = serve(other, ScriptedHealth(), port=int(login.url.rpartition(":")[2]))
    page = visitor.context.new_page()
    page.goto(f"{second.url}/dashboard#once={second.key.ticket(person=True)}")
    page.wait_for_selector("body.ready")
    goal = opened(page, "Start a feature").get_by_label("What it should do")
    expect(goal).to_have_value("")
    goal.fill("Of the other")
    assert len(page.evaluate(KEPT)) == 2


def test_what_was_typed_is_gone_after_a_day_whichever_form_is_opened(
    login: Site, visit: Visit
) -> None:
    page = visit(login.url).act(login, LOGIN)
    page.evaluate(
        """() => {
          const age = (hours) => JSON.stringify({ at: Date.now() - hours * 3600000, values: {} });
          localStorage["cde-typed /gone close x"] = age(24.1);
          localStorage["cde-typed start "] = "[]";
          localStorage["cde-typed /ahead start "] = age(-100);
          localStorage["cde-typed /other start "] = age(23);
          localStorage["cde-theme"] = "dark";
        }"""
    )
    opened(page, "Save a note").get_by_label("Note").fill(TYPED)
    kept = [each.split()[1] for each in page.evaluate(KEPT)]
    assert sorted(kept) == sorted(["/other", str(login.root)])
    assert page.evaluate("localStorage['cde-theme']") == "dark"


def test_the_first_answer_after_a_new_sign_in_counts(
    waiting: Site, serve: Serve, visit: Visit
) -> None:
    visitor = visit(waiting.url)
    visitor.page.goto(of_person(waiting))
    approve = decision(visitor.page).get_by_role("button", name="Approve")
    expect(approve).to_be_visible()
    other = restarted(waiting, serve)
    visitor.context.new_page().goto(of_person(other))
    expect(visitor.page.locator("#connection")).to_have_attribute("data-state", "live")
    approve.click()
    expect(visitor.page.get_by_role("region", name="What was done")).to_contain_text("Approved")
    assert phase_of(other) == "build"


def test_an_approval_that_was_open_for_hours_counts_at_once(
    hours: list[float], waiting: Site, visit: Visit
) -> None:
    page, held = visit(waiting.url).page, list[Route]()
    page.goto(of_person(waiting))
    approve = decision(page).get_by_role("button", name="Approve")
    expect(approve).to_be_visible()
    hours.append(1.001)

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/dashboard/actions/decide/*", hold, times=1)
    approve.click()
    expect(decision(page).get_by_role("button", name="Approving: the check")).to_be_visible()
    held[0].continue_()
    expect(page.get_by_role("region", name="What was done")).to_contain_text("Approved")


def test_an_answer_while_the_server_is_away_says_so_and_is_repeated(
    waiting: Site, visit: Visit
) -> None:
    visitor = visit(waiting.url)
    page = visitor.page
    page.goto(of_person(waiting))
    card = decision(page)
    card.get_by_label(LABEL).fill(TYPED)
    problem = card.get_by_role("alert")
    visitor.context.set_offline(True)
    card.get_by_role("button", name="Approve").click()
    expect(problem).to_contain_text("An approval takes no words along.")
    for button in ("Approve", "Send back to write"):
        card.get_by_role("button", name=button).click()
        expect(problem).to_contain_text("The server does not answer")
    page.locator("summary", has_text="What differs since the feature began").click()
    expect(page.locator(".made .problem")).to_contain_text("The server does not answer")
    assert not [each for each in visitor.problems if "fetch" in each]
    visitor.context.set_offline(False)
    expect(card.get_by_label(LABEL)).to_have_value(TYPED)
    card.get_by_role("button", name="Send back to write").click()
    expect(card).to_have_count(0)
    assert phase_of(waiting) == "write"


@pytest.mark.parametrize(("now", "said"), [("With a key.", "was changed"), (None, "was removed")])
def test_an_output_that_is_not_as_it_was_accepted_is_shown_as_such(
    waiting: Site, visit: Visit, now: str | None, said: str
) -> None:
    page = visit(waiting.url).page
    spec = waiting.root / SPEC
    if now is None:
        spec.unlink()
    else:
        spec.write_text(f"# Login\n\n{now}\n")
    page.goto(of_person(waiting))
    card = decision(page)
    expect(card).to_contain_text(f"{SPEC} {said} after it was accepted in write.")
    card.locator(".finding summary").click()
    expect(card.locator(".opened")).to_contain_text("With a password.")
    assert serious(page) == []
    # A yes would be refused, so that none is asked for.
    expect(card.get_by_role("button", name="Approve")).to_have_count(0)
    expect(card.get_by_role("button", name="Restore the accepted files")).to_be_visible()
    assert phase_of(waiting) == "approve"

    card.get_by_label(LABEL).fill(TYPED)
    card.get_by_role("button", name="Send back to write").click()
    expect(card).to_have_count(0)
    assert phase_of(waiting) == "write"


def test_an_output_that_changes_while_it_is_read_is_not_approved(
    waiting: Site, visit: Visit
) -> None:
    page = visit(waiting.url).page
    page.goto(of_person(waiting))
    card = decision(page)
    expect(card.get_by_role("button", name="Approve")).to_be_visible()
    (waiting.root / SPEC).write_text("# Login\n\nWith a key.\n")
    card.get_by_role("button", name="Approve").click()
    expect(card.get_by_role("alert")).to_contain_text("E1")
    expect(card).to_contain_text("With a key.")
    expect(card).to_contain_text("was changed after it was accepted")
    assert phase_of(waiting) == "approve"


@pytest.mark.parametrize("width", [390, 1440])
def test_the_undo_of_a_change_goes_with_the_next_one_and_covers_nothing(
    waiting: Site, visit: Visit, width: int
) -> None:
    page = visit(waiting.url, width=width).page
    page.goto(of_person(waiting))
    card = decision(page)
    card.get_by_label(LABEL).fill(TYPED)
    card.get_by_role("button", name="Send back to write").click()
    done = page.get_by_role("region", name="What was done")
    expect(done).to_contain_text("cde state restore --at")
    expect(card).to_have_count(0)
    expect(done).to_be_visible()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    foot, notice = page.locator("#acting").bounding_box(), done.bounding_box()
    assert foot is not None
    assert notice is not None
    assert foot["y"] + foot["height"] <= notice["y"]
    given = {"spec": "# Login\n\nWith a key.\n"}
    waiting.application.handle(SubmitWork(feature_id="login", phase_id="write", results=given))
    expect(card).to_be_visible()
    expect(done).to_have_count(0)
    card.get_by_role("button", name="Approve").click()
    expect(done.locator("code")).to_have_text("cde rollback login approve")
    cde(waiting.root, "save", "login", "More of it")  # this undo stays the same
    expect(page.locator("#parts")).to_contain_text("More of it")
    expect(done).to_be_visible()


def test_what_needs_no_undo_is_confirmed_for_everybody(login: Site, visit: Visit) -> None:
    page = visit(login.url).act(login, LOGIN)
    page.clock.install()
    dialog = opened(page, "Save a note")
    dialog.get_by_label("Note").fill(TYPED)
    dialog.get_by_role("button", name="Save").click()
    done = page.get_by_role("region", name="What was done")
    expect(done).to_contain_text("The note is saved")
    login.application.handle(SaveProgress(feature_id="login", note="Another one"))
    expect(page.locator("#parts")).to_contain_text("Another one")
    expect(done).to_be_visible()
    assert serious(page) == []  # which takes long on a busy machine
    page.clock.fast_forward(11_000)
    expect(done).to_have_count(0)
