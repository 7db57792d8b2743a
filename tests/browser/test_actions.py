"""A person acts on the page: each action, its undo, and the page of one who only looks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.state.recover_state import ListChanges
from cde_orchestrator.infrastructure.trust.person import person_name
from tests.browser.stage import Site, Visitor, cde, serious
from tests.integration.drills.stage import WORKFLOW as BRIEF

Visit = Callable[..., Visitor]
LOGIN = "/dashboard/features/login"
WORKFLOW = (
    BRIEF
    + """\
  lean:
    description: One phase.
    phases:
      - {id: do, prompt: docs/write.md, changes: required}
"""
)


@pytest.fixture
def login(project: Path, site: Site) -> Site:
    """A site with the feature ``login``, which is in its second phase."""
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW)
    site.application.handle(StartFeature(prompt="Add a login page", name="login"))
    given = {"note": "# Login\n\nWith a password.\n"}
    site.application.handle(SubmitWork(feature_id="login", phase_id="write", results=given))
    return site


def newest(site: Site) -> dict[str, Any]:
    """The newest change in the journal."""
    return site.application.handle(ListChanges(limit=1))["changes"][0]


def opened(page: Page, button: str) -> Locator:
    """The dialog that a button opens."""
    page.get_by_role("button", name=button, exact=True).click()
    return page.get_by_role("dialog")


def test_a_person_saves_a_note(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.act(login, LOGIN)
    dialog = opened(page, "Save a note")
    note = dialog.get_by_label("Note")
    expect(note).to_be_focused()
    assert serious(page) == []
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("empty")
    note.fill("The form is done; next: <b>the mail</b>")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#announcer")).to_have_text("The note is saved")
    expect(page.get_by_role("button", name="Save a note")).to_be_focused()
    expect(page.locator("#parts")).to_contain_text("next: <b>the mail</b>")
    expect(page.locator("#changes")).to_contain_text("(page)")
    change = newest(login)
    assert (change["operation"], change["actor"]) == ("save_progress", person_name("page"))
    expect(page.locator("#acting")).to_contain_text("You act here as")
    assert visitor.violations() == []


def test_a_person_rolls_back_once_they_saw_what_would_change(login: Site, visit: Visit) -> None:
    page = visit(login.url).act(login, LOGIN)
    dialog = opened(page, "Roll back")
    changes = dialog.get_by_role("region", name="What would change")
    expect(changes).to_contain_text("No file would change")
    dialog.get_by_label("To the beginning of").select_option("write")
    expect(changes).to_contain_text("notes/login.md")
    expect(changes).to_contain_text("Phases that would no longer count")
    assert serious(page) == []
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog.get_by_role("alert")).to_contain_text("“Why it goes back” is empty")
    dialog.get_by_label("Why it goes back").fill("It says nothing of passkeys")
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog).to_contain_text("login is at the beginning of write.")
    expect(dialog).to_contain_text("and all that changed in this feature since")
    undo = dialog.locator(".command code").inner_text()
    assert re.fullmatch(r"cde state restore --at [0-9]+ --feature [a-z-]+", undo)
    expect(dialog.get_by_role("button", name=f"Copy: {undo}")).to_be_visible()
    assert not (login.root / "notes" / "login.md").exists()
    assert serious(page) == []
    dialog.get_by_role("button", name="Done", exact=True).click()
    expect(page.get_by_role("region", name="Current phase")).to_contain_text("write")

    cde(login.root, *undo.split()[1:])
    assert (login.root / "notes" / "login.md").exists()
    expect(page.get_by_role("region", name="Current phase")).to_contain_text("check")


def test_code_is_taken_back_where_a_person_wants_it(
    project: Path, site: Site, visit: Visit
) -> None:
    git = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run([*git, "init", "-q"], cwd=project, check=True)
    (project / "app.py").write_text("old = 1\n")
    subprocess.run([*git, "add", "-A"], cwd=project, check=True)
    subprocess.run([*git, "commit", "-qm", "Begin"], cwd=project, check=True)
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW)
    start = StartFeature(prompt="Change app.py", name="login", workflow="lean", baseline=False)
    site.application.handle(start)
    (project / "app.py").write_text("new = 2\n")
    site.application.handle(SaveProgress(feature_id="login", note="Changed app.py"))
    page = visit(site.url).act(site, LOGIN)
    dialog = opened(page, "Roll back")
    expect(dialog.get_by_role("region", name="What would change")).to_contain_text("app.py")
    with page.expect_response(re.compile("code=on")):
        dialog.get_by_label("Take back the code, too").check()
    dialog.get_by_label("Why it goes back").fill("Not so")
    # What differs from what was shown is shown again before it is done.
    (project / "other.py").write_text("more = 3\n")
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog.get_by_role("alert")).to_contain_text("changed after this form was opened")
    expect(dialog.get_by_role("region", name="What would change")).to_contain_text("other.py")
    expect(dialog.get_by_label("Why it goes back")).to_have_value("Not so")
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog).to_contain_text("is at the beginning of")
    assert (project / "app.py").read_text() == "old = 1\n"
    assert (project / "other.py").exists()


def test_a_person_closes_and_reopens(login: Site, visit: Visit) -> None:
    page = visit(login.url).act(login, LOGIN)
    dialog = opened(page, "Close")
    dialog.get_by_label("Why it is closed").fill("Nobody wants it")
    assert serious(page) == []
    dialog.get_by_role("button", name="Close it").click()
    expect(dialog).to_contain_text("login is cancelled.")
    expect(dialog.locator(".command code")).to_have_text("cde reopen login")
    dialog.get_by_role("button", name="Done", exact=True).click()
    expect(page.locator("#status")).to_have_text("cancelled")
    expect(page.locator("#parts")).to_contain_text("Nobody wants it")
    assert newest(login)["actor"] == person_name("page")

    dialog = opened(page, "Reopen")
    dialog.get_by_label("Why it is reopened").fill("They do")
    dialog.get_by_role("button", name="Reopen it").click()
    expect(dialog).to_contain_text("login is in check again.")
    undo = dialog.locator(".command code").inner_text()
    assert re.fullmatch(r"cde state restore --at [0-9]+ --feature [a-z-]+", undo)
    dialog.get_by_role("button", name="Done", exact=True).click()
    expect(page.locator("#status")).to_have_text("ready for an agent")

    cde(login.root, *undo.split()[1:])
    expect(page.locator("#status")).to_have_text("cancelled")


def test_a_feature_that_an_agent_has_is_taken_over_on_purpose(login: Site, visit: Visit) -> None:
    login.application.handle(ResumeFeature(feature_id="login", agent="codex"))
    page = visit(login.url).act(login, LOGIN)
    dialog = opened(page, "Close")
    dialog.get_by_label("Why it is closed").fill("Nobody wants it")
    dialog.get_by_role("button", name="Close it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("codex")
    dialog.get_by_label("Take it over from codex").check()
    dialog.get_by_role("button", name="Close it").click()
    expect(dialog).to_contain_text("login is cancelled.")


def test_a_takeover_stays_chosen_while_the_preview_is_read_again(login: Site, visit: Visit) -> None:
    login.application.handle(ResumeFeature(feature_id="login", agent="codex"))
    page = visit(login.url).act(login, LOGIN)
    dialog = opened(page, "Roll back")
    box = dialog.get_by_label("Take it over from codex")
    box.check()
    box.evaluate("(each) => (each.dataset.before = '1')")
    dialog.get_by_label("To the beginning of").dispatch_event("change")
    expect(dialog.locator("[data-before]")).to_have_count(0)
    expect(box).to_be_checked()


def test_a_person_starts_a_feature(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.act(login)
    dialog = opened(page, "Start a feature")
    goal = dialog.get_by_label("What it should do")
    expect(goal).to_be_focused()
    expect(dialog).to_contain_text("Two short phases. write → check")
    dialog.get_by_role("button", name="Start", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("no text")
    goal.fill("Add a button <img src=x onerror=alert(1)>")
    assert serious(page) == []
    dialog.get_by_label("Name").fill("two words?")
    dialog.get_by_role("button", name="Start", exact=True).click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    expect(goal).to_have_value("Add a button <img src=x onerror=alert(1)>")
    dialog.get_by_label("Name").fill("button")
    dialog.get_by_label("Workflow").select_option("lean")
    dialog.get_by_role("button", name="Start", exact=True).click()
    expect(dialog).to_contain_text("button is started.")
    expect(dialog).to_contain_text("To undo it, in a terminal:")
    expect(dialog.locator(".command code").last).to_have_text("cde close button")
    assert serious(page) == []
    dialog.get_by_role("link", name="Open it").click()
    page.wait_for_selector("body.ready")
    expect(page.locator("#name")).to_have_text("button")
    expect(page.locator("#parts")).to_contain_text("<img src=x onerror=alert(1)>")
    assert newest(login)["actor"] == person_name("page")
    cde(login.root, "close", "button", "--reason", "Not wanted")
    expect(page.locator("#status")).to_have_text("cancelled")
    assert visitor.violations() == []


def test_the_workflow_that_fits_is_named_while_the_goal_is_written(
    site: Site, visit: Visit
) -> None:
    page = visit(site.url).act(site)
    dialog = opened(page, "Start a feature")
    dialog.get_by_label("What it should do").fill("Fix the crash of the parser")
    dialog.get_by_role("button", name="Use quick-fix").click()
    expect(dialog.get_by_label("Workflow")).to_have_value("quick-fix")
    expect(dialog).to_contain_text("quick-fix fits: the goal names a defect (fix).")


def test_a_browser_that_has_the_token_alone_is_given_no_button(login: Site, visit: Visit) -> None:
    visitor = visit(login.url)
    page = visitor.open(LOGIN)
    expect(page.locator("#acting")).to_contain_text("to act here, run cde dashboard")
    expect(page.locator("#acts button")).to_have_count(0)
    page = visitor.open()
    expect(page.locator("#acts button")).to_have_count(0)
    expect(page.locator("#acting")).to_contain_text("Read-only view")
