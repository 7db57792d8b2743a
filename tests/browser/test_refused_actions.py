"""What stops a person on the page: it is said in the form, and nothing that was typed is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import cast

import httpx2
import pytest
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Error as PlaywrightError

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.state.recover_state import ListChanges
from cde_orchestrator.application.views import FeatureDetailReply
from cde_orchestrator.web.actions import action
from cde_orchestrator.web.actions.forms import Forms
from tests.browser.stage import ScriptedHealth, Site, Visitor
from tests.browser.test_actions import LOGIN, login, newest, opened
from tests.waiting import until

Visit = Callable[..., Visitor]
Serve = Callable[..., Site]
TYPED = "Nobody wants it any more"
HOSTILE = "<img src=x onerror=alert(1)>\"'`</textarea><script>alert(2)</script> \u202egnp"
HIDDEN = "\u202e\u00ad\u3164\u180e\U000e0041"
FAULT = """() => {
  const create = document.createElement.bind(document);
  document.createElement = (name) => {
    if (name === "dialog") throw new TypeError("a fault");
    return create(name);
  };
}"""
"""No dialog can be made."""

__all__ = ["login"]


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is added to it has passed for the forms of servers that start later."""
    passed: list[float] = []
    aged = partial(Forms, clock=lambda: 3_600 * sum(passed))
    monkeypatch.setattr(action, "Forms", aged)
    return passed


def notes(site: Site) -> list[str]:
    """The notes of the feature ``login``, as they are saved."""
    status = site.application.handle(GetFeatureStatus(feature_id="login", detail="full"))
    work = cast(FeatureDetailReply, status)["work"]
    return [note["note"] for each in work.values() for note in each["progress"]]


def signed_out(context: BrowserContext, suffix: str = "") -> None:
    """Take the browser's cookies whose names end so."""
    for cookie in context.cookies():
        if cookie["name"].endswith(suffix):
            context.clear_cookies(name=cookie["name"])


def test_a_double_click_and_a_form_that_is_sent_again_do_it_once(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    sent: list[str] = []
    page.on(
        "request", lambda each: sent.append(each.post_data or "") if "POST" in each.method else None
    )
    dialog = opened(page, "Save a note")
    dialog.get_by_label("Note").fill("Half of it is done")
    dialog.get_by_role("button", name="Save").dblclick()
    expect(dialog).to_be_hidden()
    assert notes(login) == ["Half of it is done"]

    (form,) = [each for each in sent if each.startswith("note=")]
    again = page.evaluate(
        """async ([address, body]) => {
          const fields = new URLSearchParams(body);
          const headers = {"CDE-Page": localStorage.getItem("cde-page")};
          const answer = await fetch(address, {method: "POST", body: fields, headers});
          return [answer.status, (await answer.json()).error.code];
        }""",
        [f"/dashboard/actions/note/{newest_id(login)}", form],
    )
    assert again == [409, "E156"]
    assert notes(login) == ["Half of it is done"]


def test_a_server_at_another_port_gets_cookies_and_does_not_act(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    address = f"{login.url}/dashboard/actions/note/{newest_id(login)}"
    given: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given.append(self.headers.get("Cookie", ""))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with suppress(PlaywrightError):  # there is no page
            visitor.context.new_page().goto(f"http://127.0.0.1:{server.server_port}/")
    assert "_person=" in given[0]
    headers = {"Cookie": given[0], "Origin": login.url}
    shown = httpx2.get(address, headers=headers).json()
    assert (shown["form"], shown["refused"]["code"]) == (None, "E334")
    with page.expect_response(lambda each: each.url.startswith(address)) as answer:
        opened(page, "Save a note")
    fields = {"form": answer.value.json()["form"], "note": "Forged"}
    assert httpx2.post(address, headers=headers, data=fields).status_code == 403
    assert notes(login) == []


def newest_id(site: Site) -> str:
    """The id of the feature ``login``."""
    status = site.application.handle(GetFeatureStatus(feature_id="login"))
    return status["feature"]["id"]


def test_of_two_people_the_second_is_told_what_the_first_did(login: Site, visit: Visit) -> None:
    pages = [visit(login.url).act(login, LOGIN) for _ in range(2)]
    dialogs = [opened(page, "Close") for page in pages]
    for dialog in dialogs:
        dialog.get_by_label("Why it is closed").fill(TYPED)
    dialogs[0].get_by_role("button", name="Close it").click()
    expect(dialogs[0]).to_contain_text("login is cancelled.")
    dialogs[1].get_by_role("button", name="Close it").click()
    problem = dialogs[1].get_by_role("alert")
    expect(problem).to_contain_text("changed after this form was opened")
    expect(problem).to_contain_text("(page)")
    expect(problem).to_contain_text("E155")
    expect(dialogs[1].get_by_label("Why it is closed")).to_have_value(TYPED)
    changes = login.application.handle(ListChanges(limit=20))["changes"]
    assert [each["operation"] for each in changes].count("close_feature") == 1


def test_what_an_agent_did_meanwhile_is_read_before_the_form_is_sent_again(
    login: Site, visit: Visit
) -> None:
    page = visit(login.url).act(login, LOGIN)
    dialog = opened(page, "Roll back")
    expect(dialog.get_by_role("region", name="What would change")).not_to_be_empty()
    dialog.get_by_label("Why it goes back").fill(TYPED)
    login.application.handle(SaveProgress(feature_id="login", note="All is done"))
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog.get_by_role("alert")).to_contain_text("library")
    expect(dialog.get_by_label("Why it goes back")).to_have_value(TYPED)
    assert newest(login)["operation"] == "save_progress"
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog).to_contain_text("login is at the beginning of check.")


@pytest.mark.parametrize(("suffix", "code"), [("_person", "E334"), ("", "E902")])
def test_a_session_that_is_over_loses_nothing(
    login: Site, visit: Visit, suffix: str, code: str
) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    dialog = opened(page, "Save a note")
    note = dialog.get_by_label("Note")
    note.fill(TYPED)
    signed_out(visitor.context, suffix)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text(code)
    expect(note).to_have_value(TYPED)
    with page.expect_response(lambda each: "/dashboard/data/features" in each.url):
        login.application.handle(StartFeature(prompt="Another one", name="other"))
    expect(note).to_have_value(TYPED)  # the page is not read again over it
    visitor.context.new_page().goto(f"{login.url}/dashboard#once={login.key.ticket(person=True)}")
    until(lambda: any(each["name"].endswith("_person") for each in visitor.context.cookies()))
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert notes(login) == [TYPED]


def test_a_token_that_changed_loses_nothing_and_the_way_on_is_said(
    login: Site, serve: Serve, visit: Visit
) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    idle = visitor.context.new_page()
    idle.goto(f"{login.url}/dashboard")
    expect(idle.locator("#connection")).to_have_attribute("data-state", "live")
    dialog = opened(page, "Save a note")
    note = dialog.get_by_label("Note")
    note.fill(TYPED)
    login.close()
    port = int(login.url.rpartition(":")[2])
    other = serve(login.root, ScriptedHealth(), port=port, token="another-" * 6)

    expect(idle.get_by_role("heading", name="Sign in to the dashboard")).to_be_visible()
    expect(idle.locator("pre")).to_have_text("cde dashboard")
    connection = page.locator("#connection")
    expect(connection).to_have_text("Signed out: run cde dashboard in a terminal")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("E902")
    expect(dialog.get_by_role("alert")).to_contain_text("cde dashboard")
    expect(note).to_have_value(TYPED)
    assert notes(other) == []

    idle.goto(f"{other.url}/dashboard#once={other.key.ticket(person=True)}")
    expect(idle.get_by_role("button", name="Start a feature")).to_be_visible()
    expect(connection).to_have_attribute("data-state", "live")
    expect(note).to_have_value(TYPED)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert notes(other) == [TYPED]


def test_a_form_that_is_older_than_an_hour_loses_nothing_and_is_sent_again(
    hours: list[float], login: Site, visit: Visit
) -> None:
    page = visit(login.url).act(login, LOGIN)
    dialog = opened(page, "Save a note")
    note = dialog.get_by_label("Note")
    note.fill(TYPED)
    hours.append(1.001)
    dialog.get_by_role("button", name="Save").click()
    problem = dialog.get_by_role("alert")
    expect(problem).to_contain_text("more than an hour old")
    expect(problem).to_contain_text("E156")
    expect(problem).to_contain_text("send it again")
    expect(note).to_have_value(TYPED)
    assert notes(login) == []

    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert notes(login) == [TYPED]


def test_a_server_that_is_gone_loses_nothing(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    dialog = opened(page, "Save a note")
    dialog.get_by_label("Note").fill(TYPED)
    visitor.context.set_offline(True)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("does not answer")
    visitor.context.set_offline(False)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert notes(login) == [TYPED]


def test_a_form_is_loaded_when_its_button_is_used_also_after_the_server_was_gone(
    login: Site, visit: Visit
) -> None:
    visitor = visit(login.url)
    page = visitor.act(login)
    loaded: list[str] = []
    page.on("request", lambda each: loaded.append(each.url.rpartition("/")[2]))
    page.reload()
    page.wait_for_selector("body.ready")
    assert "acting.js" in loaded
    assert not [each for each in loaded if each.startswith("actions-") or each == "actions.js"]
    visitor.context.set_offline(True)
    page.get_by_role("button", name="Start a feature").click()
    expect(page.locator("#announcer")).to_have_text("The server does not answer: try again.")
    visitor.context.set_offline(False)
    dialog = opened(page, "Start a feature")
    expect(dialog.get_by_label("What it should do")).to_be_focused()
    assert page.get_by_role("dialog").count() == 1
    page.keyboard.press("Escape")
    for _ in range(2):  # what is read again leaves the button, and the focus, where it is
        with page.expect_response(lambda each: "/dashboard/data" in each.url):
            pass
    expect(page.get_by_role("button", name="Start a feature")).to_be_focused()


def test_a_fault_of_a_form_is_not_taken_for_a_server_that_is_gone(
    login: Site, visit: Visit
) -> None:
    visitor = visit(login.url)
    page = visitor.act(login)
    page.evaluate(FAULT)
    with page.expect_event("pageerror") as thrown:
        page.get_by_role("button", name="Start a feature").click()
    assert "a fault" in str(thrown.value)
    expect(page.locator("#announcer")).not_to_have_text("The server does not answer: try again.")


def test_what_is_too_large_is_refused_and_kept(login: Site, visit: Visit) -> None:
    page = visit(login.url).act(login)
    dialog = opened(page, "Start a feature")
    goal = dialog.get_by_label("What it should do")
    goal.evaluate("(each) => { each.value = 'x'.repeat(2_000_000); }")
    dialog.get_by_role("button", name="Start", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("E315")
    assert len(goal.input_value()) == 2_000_000
    goal.evaluate("(each) => { each.value = 'x'.repeat(30_000); }")
    dialog.get_by_role("button", name="Start", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("E302")
    assert newest(login)["operation"] == "submit_work"


def test_hostile_words_are_words_in_every_place(login: Site, visit: Visit) -> None:
    login.application.handle(StartFeature(prompt=HOSTILE + HIDDEN, name="hostile", baseline=False))
    visitor = visit(login.url, width=360)
    page = visitor.act(login, "/dashboard/features/hostile")
    dialog = opened(page, "Save a note")
    dialog.get_by_label("Note").fill(HOSTILE)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    dialog = opened(page, "Roll back")
    dialog.get_by_label("Why it goes back").fill(HOSTILE)
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog).to_contain_text("is at the beginning of")
    dialog.get_by_role("button", name="Done", exact=True).click()
    dialog = opened(page, "Close")
    dialog.get_by_label("Why it is closed").fill(HOSTILE)
    dialog.get_by_role("button", name="Close it").click()
    expect(dialog).to_contain_text("is cancelled")
    dialog.get_by_role("button", name="Done", exact=True).click()
    expect(page.locator("#parts")).to_contain_text("<script>alert(2)</script>")
    assert not set(HIDDEN) & set(page.inner_text("body"))
    assert page.locator("img[src=x]").count() == 0
    assert visitor.violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_screen_on_the_wall_only_shows(project: Path, visit: Visit) -> None:
    site = Site(project, ScriptedHealth(), read_only=True)
    try:
        site.application.handle(StartFeature(prompt="Add a login page", name="login"))
        visitor = visit(site.url)
        page = visitor.act(site)
        expect(page.locator("#acting")).to_have_text(
            "Read-only: the server was started with --read-only"
        )
        expect(page.locator("#acts button")).to_have_count(0)
        page.goto(f"{site.url}{LOGIN}")
        page.wait_for_selector("body.ready")
        expect(page.locator("#acts button")).to_have_count(0)
        refused = visitor.context.request.post(
            f"{site.url}/dashboard/actions/close/login",
            form={"form": "guess", "reason": TYPED},
            headers={"Origin": site.url},
        )
        error = refused.json()["error"]
        assert (refused.status, error["code"]) == (403, "E333")
        assert "cde close login" in " ".join(error["suggestions"])
    finally:
        site.close()


@pytest.mark.parametrize("dark", [False, True])
def test_forms_are_used_with_the_keyboard_and_move_nothing(
    login: Site, visit: Visit, dark: bool
) -> None:
    visitor = visit(login.url, width=360, dark=dark)
    page = visitor.act(login, LOGIN)
    for button in ("Save a note", "Roll back", "Close"):
        page.get_by_role("button", name=button, exact=True).focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        inside = "document.activeElement.closest('dialog') !== null"
        assert page.evaluate(inside)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert dialog.evaluate("(each) => each.scrollWidth <= each.clientWidth")
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("button", name=button, exact=True)).to_be_focused()
    assert page.evaluate("shifts") == []


def test_a_form_that_is_left_keeps_what_was_typed(login: Site, visit: Visit) -> None:
    page = visit(login.url).act(login, LOGIN)
    dialog = opened(page, "Save a note")
    dialog.get_by_label("Note").fill(TYPED)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    login.application.handle(SaveProgress(feature_id="login", note="Another one"))
    expect(page.locator("#parts")).to_contain_text("Another one")
    opened(page, "Save a note")
    expect(dialog.get_by_label("Note")).to_have_value(TYPED)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()  # another note is no reason to refuse this one
    assert notes(login) == ["Another one", TYPED]
