"""What stood in the way of a newcomer: on a telephone, signed out, and at a goal that changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.edit_feature import EditFeature
from cde_orchestrator.application.features.finish_feature import FinishFeature
from cde_orchestrator.application.features.reopen_feature import ReopenFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from tests.browser.stage import ScriptedHealth, Site, Visitor, cde, serious
from tests.browser.test_actions import LOGIN, login, opened
from tests.browser.test_answers import decision
from tests.browser.test_decisions import WORKFLOW, of_person, waiting
from tests.browser.test_refused_actions import HOSTILE, TYPED
from tests.repository import git, name_author

__all__ = ["login", "waiting"]

Visit = Callable[..., Visitor]
Serve = Callable[..., Site]
LONG = "\n\n".join(f"## Scope\n\n- {number}: {'many words ' * 30}" for number in range(20))
LEAN = """\
  lean:
    phases:
      - {id: write, prompt: standard/define.md, outputs: [{id: spec, path: "specs/{feature}.md"}]}
"""


@pytest.mark.parametrize("width", [390, 1440])
def test_the_answer_stays_in_sight_however_much_there_is_to_read(
    project: Path, serve: Serve, visit: Visit, width: int
) -> None:
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW)
    site = serve(project, ScriptedHealth())
    site.application.handle(StartFeature(prompt="Add login", name="login"))
    given = {"spec": f"# Login\n\n{LONG}\n"}
    site.application.handle(SubmitWork(feature_id="login", phase_id="write", results=given))
    visitor = visit(site.url, width=width)
    page = visitor.page
    page.goto(of_person(site))
    approve = decision(page).get_by_role("button", name="Approve")
    for bottom in (0, 500, 1_000):
        page.evaluate("(at) => scrollTo(0, at)", bottom)
        expect(approve).to_be_in_viewport(ratio=1)
        expect(decision(page).get_by_label("What has to become better")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("shifts") == []
    decision(page).get_by_role("button", name="Send back to write").click()
    expect(decision(page).get_by_role("alert")).to_be_in_viewport(ratio=1)
    expect(page.locator("#parts")).to_contain_text("Somebody has to want it.")
    assert page.locator("#parts").inner_text().count("Somebody has to want it.") == 1
    assert serious(page) == []
    approve.click()
    expect(page.get_by_role("region", name="What was done")).to_contain_text("Approved")


def test_the_steps_show_the_present_one(waiting: Site, visit: Visit) -> None:
    page = visit(waiting.url, width=390).page
    page.goto(of_person(waiting))
    steps = page.locator("#steps li")
    expect(steps.nth(1)).to_be_in_viewport(ratio=1)
    decision(page).get_by_role("button", name="Approve").click()
    expect(steps.nth(2)).to_have_attribute("data-state", "in_progress")
    expect(steps.nth(2)).to_be_in_viewport(ratio=1)
    assert page.evaluate("scrollX") == 0


def test_no_line_of_a_card_is_cut_where_the_screen_is_narrow(
    project: Path, serve: Serve, visit: Visit
) -> None:
    asks = "Somebody has to want it, and to say so, before anything is built of it."
    (project / ".cde" / "workflow.yml").write_text(
        WORKFLOW.replace("Somebody has to want it.", asks)
    )
    site = serve(project, ScriptedHealth())
    goal = "A percentage off the whole basket for customers who buy a lot, shown in the cart too"
    site.application.handle(StartFeature(prompt=goal, name="login"))
    given = {"spec": "# Login\n\nWith a password.\n"}
    site.application.handle(SubmitWork(feature_id="login", phase_id="write", results=given))
    page = visit(site.url, width=390).open()
    card = page.locator(".feature-card")
    cut = """(all) => all.filter((each) => each.scrollHeight > each.clientHeight + 1
      || each.scrollWidth > each.clientWidth + 1).map((each) => each.className)"""
    expect(card.locator(".event")).to_have_text(asks)
    assert card.locator("span").evaluate_all(cut) == []


def test_a_page_that_is_signed_out_says_that_and_nothing_else(login: Site, visit: Visit) -> None:
    for width in (1440, 390):
        visitor = visit(login.url, width=width)
        page = visitor.act(login, LOGIN)
        opened(page, "Save a note").get_by_label("Note").fill(TYPED)
        visitor.context.clear_cookies()
        connection = page.locator("#connection")
        expect(connection).to_have_attribute("data-state", "out")
        expect(connection).to_contain_text("Signed out: run cde dashboard in a terminal")
        login.application.handle(SaveProgress(feature_id="login", note=f"At {width}"))
        with page.expect_response("**/dashboard/events"):
            pass
        expect(page.locator("h1")).to_have_text("login")
        expect(connection).to_have_attribute("data-state", "out")
        page.keyboard.press("Escape")
        expect(connection).to_be_in_viewport(ratio=1)
        brand, words = page.locator(".brand").bounding_box(), connection.bounding_box()
        assert brand is not None
        assert words is not None
        assert words["x"] >= brand["x"] + brand["width"] or words["y"] >= 56


def test_a_person_signs_out(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    session = [each for each in visitor.context.cookies() if each["name"].endswith("_person")]
    other = visitor.context.new_page()
    other.goto(f"{login.url}/dashboard")
    expect(other.locator("#acting")).to_contain_text("You act here as")
    dialog = opened(page, "Edit goal")
    dialog.get_by_label("What it should do").fill("Log in by mail, which nobody else is to read")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#acting")).to_contain_text("You act here as")
    page.get_by_role("button", name="Sign out, and discard what is not sent").click()
    expect(page.get_by_role("heading", name="Sign in to the dashboard")).to_be_visible()
    assert visitor.context.cookies() == []
    assert page.evaluate("Object.keys(localStorage)") == []
    expect(other.get_by_role("heading", name="Sign in to the dashboard")).to_be_visible()
    # Nor does the cookie act, where somebody kept it.
    assert not login.key.knows(str(session[0]["value"]))
    visitor.act(login, LOGIN)
    expect(page.locator("#acting")).to_contain_text("You act here as")
    assert visitor.violations() == []


def test_a_goal_is_edited_where_it_stands(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    goal = page.get_by_role("region", name="Goal")
    before = goal.locator(".goal").inner_text()
    dialog = opened(page, "Edit goal")
    text = dialog.get_by_label("What it should do")
    expect(text).to_have_value(before)
    text.fill("  ")
    dialog.get_by_role("button", name="Save the goal").click()
    expect(dialog.get_by_role("alert")).to_contain_text("has no text")
    expect(text).to_be_focused()

    text.fill(f"Log in with a key {HOSTILE}")
    login.application.handle(EditFeature(feature_id="login", goal="Log in by mail"))
    dialog.get_by_role("button", name="Save the goal").click()
    expect(dialog.get_by_role("alert")).to_contain_text("E155")
    expect(dialog.get_by_role("alert")).to_contain_text("goal edited")
    expect(dialog).to_contain_text("yours is saved:Log in by mail")
    expect(goal).to_contain_text("Log in by mail")
    expect(text).to_have_value(f"Log in with a key {HOSTILE}")
    dialog.get_by_role("button", name="Save the goal").click()
    expect(dialog).to_contain_text("The goal is edited.")
    expect(goal).to_contain_text("Log in with a key")
    expect(goal.get_by_role("listitem")).to_have_text(
        re.compile(r"The goal was changed at .* by library, after the outputs of write were accept")
    )
    expect(page.locator("#changes li").first).to_contain_text(re.compile(r"Goal edited.*\(page\)"))
    assert page.evaluate("window.hurt") is None
    undo = dialog.locator("code").filter(has_text="state restore").inner_text()
    page.keyboard.press("Escape")
    cde(login.root, *undo.split()[1:])
    expect(goal).to_contain_text("Log in by mail")
    expect(opened(page, "Edit goal").get_by_label("What it should do")).to_have_value(
        "Log in by mail"
    )
    assert serious(page) == []
    page.keyboard.press("Escape")
    login.application.handle(CloseFeature(feature_id="login", outcome="cancelled", reason="No"))
    expect(page.get_by_role("button", name="Edit goal")).to_have_count(0)
    assert visitor.violations() == []


def test_whoever_reads_only_is_offered_no_edit(login: Site, visit: Visit) -> None:
    page = visit(login.url).open(LOGIN)
    expect(page.get_by_role("region", name="Goal")).to_be_visible()
    expect(page.get_by_role("button", name="Edit goal")).to_have_count(0)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_what_was_committed_or_reopened_is_said(project: Path, serve: Serve, visit: Visit) -> None:
    git(project, "init", "-q", "--initial-branch=main")
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW + LEAN)
    git(project, "add", ".")
    git(project, "commit", "-qm", "First")
    git(project, "switch", "-qc", "work")
    name_author(project)
    site = serve(project, ScriptedHealth())
    handle, given = site.application.handle, {"spec": "# Readme\n\nFor newcomers.\n"}
    handle(StartFeature(prompt="Write a readme", name="readme", workflow="lean"))
    handle(SubmitWork(feature_id="readme", phase_id="write", results=given))
    page = visit(site.url).open()
    done = page.get_by_role("region", name="Done").locator(".feature-card")
    expect(done).to_contain_text("completed")
    expect(done).not_to_contain_text("committed")
    commit = str(handle(FinishFeature(feature_id="readme"))["commit"])[:7]
    expect(done).to_contain_text(f"committed {commit}")
    page.goto(f"{site.url}/dashboard/features/readme")
    following = page.get_by_role("region", name="What is next")
    expect(following).to_contain_text(f"Committed {commit} on branch work.")
    expect(following).not_to_contain_text("this commits the feature")
    expect(page.locator("#changes li").first).to_contain_text("Committed")

    handle(ReopenFeature(feature_id="readme", reason="Nothing of the <b>taxes</b>"))
    current = page.get_by_role("region", name="Current phase")
    expect(current).to_contain_text(
        "Reopened by library (it was completed): Nothing of the <b>taxes</b>"
    )
    expect(current).not_to_contain_text("It came back")
    page.goto(f"{site.url}/dashboard")
    ready = page.get_by_role("region", name="Ready for an agent").locator(".feature-card")
    expect(ready).to_contain_text("reopened by library: Nothing of the <b>taxes</b>")
    expect(ready.locator(".badge")).to_have_text(["reopened"])


def test_why_code_is_left_is_said_at_the_box(project: Path, site: Site, visit: Visit) -> None:
    git(project, "init", "-q")
    (project / "app.py").write_text("old = 1\n")
    git(project, "add", ".")
    git(project, "commit", "-qm", "First")
    (project / ".cde" / "workflow.yml").write_text(f"version: 1\nworkflows:\n{LEAN}")
    handle = site.application.handle
    handle(StartFeature(prompt="Change app.py", name="login", baseline=False))
    handle(StartFeature(prompt="Change basket.py", name="basket", baseline=False))
    (project / "app.py").write_text("new = 2\n")
    handle(SaveProgress(feature_id="login", note="Changed app.py"))
    (project / "basket.py").write_text("new = 2\n")
    handle(SaveProgress(feature_id="basket", note="Changed basket.py"))
    page = visit(site.url).act(site, LOGIN)
    dialog = opened(page, "Roll back")
    box = dialog.get_by_label("Take back the code, too")
    # Both changed between two moments at which the other one had a lease.
    expect(box).to_be_disabled()
    expect(box).to_have_accessible_description(
        re.compile("No file is taken back; 2 files are left .may be a change of basket.")
    )


def test_nothing_is_below_the_foot(login: Site, visit: Visit) -> None:
    for path in (LOGIN, "/dashboard/operations"):
        page = visit(login.url, width=390).open(path)
        foot = page.locator("#acting").bounding_box()
        assert foot is not None
        room = page.evaluate("document.documentElement.scrollHeight") - foot["y"]
        assert room < foot["height"] + 70
