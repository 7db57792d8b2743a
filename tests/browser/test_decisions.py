"""A person decides on the feature's page, in a browser that was opened for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Locator, Route, expect

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from tests.browser.stage import ScriptedHealth, Site, Visitor, cde, serious

Visit = Callable[..., Visitor]
Serve = Callable[..., Site]

WORKFLOW = """\
version: 1
workflows:
  asked:
    phases:
      - id: write
        prompt: standard/define.md
        outputs: [{id: spec, path: "specs/{feature}/spec.md"}]
      - id: approve
        description: Somebody has to want it.
        handler: human_input
        prompt: standard/approve-spec.md
        inputs: [spec]
      - id: build
        prompt: standard/implement.md
"""


@pytest.fixture
def waiting(project: Path, serve: Serve) -> Site:
    """A site with the feature ``login``, which waits for a person."""
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW)
    site = serve(project, ScriptedHealth())
    site.application.handle(StartFeature(prompt="Add login", name="login"))
    given = {"spec": "# Login\n\nWith a password.\n"}
    site.application.handle(SubmitWork(feature_id="login", phase_id="write", results=given))
    return site


def of_person(site: Site) -> str:
    """The address of the feature's page that ``cde dashboard`` would open."""
    return f"{site.url}/dashboard/features/login#once={site.key.ticket(person=True)}"


def approve_without_the_words(card: Locator) -> None:
    """Approve, though something is typed that an approval does not send."""
    button = card.get_by_role("button", name="Approve")
    button.click()
    expect(card.get_by_role("alert")).to_contain_text("An approval takes no words along.")
    button.click()


def test_a_person_sends_back_and_then_approves(waiting: Site, visit: Visit) -> None:
    visitor = visit(waiting.url)
    page = visitor.page
    page.goto(of_person(waiting))
    card = page.get_by_role("region", name="Waits for a person")
    expect(card).to_contain_text("specs/login/spec.md")
    expect(card).to_contain_text("With a password.")
    expect(card).to_contain_text("Somebody has to want it.")

    card.get_by_role("button", name="Send back to write").click()
    expect(card.get_by_role("alert")).to_contain_text("Say what has to become better")
    card.get_by_label("What has to become better").fill("Without a password")
    card.get_by_role("button", name="Send back to write").click()
    expect(page.get_by_role("region", name="Current phase")).to_contain_text("write")
    expect(page.locator("#parts")).to_contain_text("Without a password")
    done = page.get_by_role("region", name="What was done")
    expect(done).to_contain_text("Sent back to write")
    expect(done).to_contain_text("and all that changed in this feature since")
    undo = done.locator("code").inner_text()
    assert re.fullmatch(r"cde state restore --at [0-9]+ --feature [a-z-]+", undo)
    assert serious(page) == []
    cde(waiting.root, *undo.split()[1:])
    expect(card).to_contain_text("With a password.")
    card.get_by_label("What has to become better").fill("Without a password")
    card.get_by_role("button", name="Send back to write").click()
    expect(card).to_have_count(0)
    expect(page.get_by_role("region", name="Current phase")).to_contain_text("write")

    given = {"spec": "# Login\n\nWith a key.\n"}
    waiting.application.handle(SubmitWork(feature_id="login", phase_id="write", results=given))
    card.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("region", name="Current phase")).to_contain_text("build")
    expect(page.locator("#parts")).to_contain_text(re.compile("Approved by .+, page"))
    expect(card).to_have_count(0)
    expect(done).to_contain_text("Approved: approve")
    expect(done.locator("code")).to_have_text("cde rollback login approve")
    cde(waiting.root, "rollback", "login", "approve", "--reason", "Too early")
    expect(card.get_by_role("button", name="Approve")).to_be_visible()
    done.get_by_role("button", name="Close this notice").click()
    expect(done).to_have_count(0)
    assert visitor.violations() == []


def test_a_browser_that_has_the_token_alone_is_shown_where_to_decide(
    waiting: Site, visit: Visit
) -> None:
    visitor = visit(waiting.url)
    page = visitor.open("/dashboard/features/login")
    card = page.get_by_role("region", name="Waits for a person")
    expect(card).to_contain_text("cde approve login")
    expect(card.get_by_role("button", name="Approve")).to_have_count(0)

    page.goto(of_person(waiting))  # into the page that is open
    expect(card.get_by_role("button", name="Approve")).to_be_visible()
    assert "#" not in page.url


def test_a_reason_is_of_one_approval(project: Path, serve: Serve, visit: Visit) -> None:
    both = WORKFLOW.replace(
        "      - id: build\n",
        """\
      - id: approve-again
        description: Somebody has to want it twice.
        handler: human_input
        prompt: standard/approve-spec.md
        inputs: [spec]
      - id: build
""",
    )
    (project / ".cde" / "workflow.yml").write_text(both)
    site = serve(project, ScriptedHealth())
    site.application.handle(StartFeature(prompt="Add login", name="login"))
    given = {"spec": "# Login\n\nWith a password.\n"}
    site.application.handle(SubmitWork(feature_id="login", phase_id="write", results=given))
    visitor = visit(site.url)
    page = visitor.page
    page.goto(of_person(site))
    card = page.get_by_role("region", name="Waits for a person")
    reason = card.get_by_label("What has to become better")
    kept = "Object.keys(localStorage).filter((each) => each.startsWith('cde-typed'))"

    answers: list[tuple[Route, APIResponse]] = []

    def late(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        headers = {**route.request.headers, "origin": site.url}
        return answers.append((route, route.fetch(headers=headers)))

    reason.fill("Of the first")
    page.route("**/dashboard/actions/decide/*", late)
    approve_without_the_words(card)
    expect(card).to_contain_text("want it twice")
    expect(reason).to_have_value("")
    [(route, response)] = answers
    route.fulfill(response=response)
    expect(page.get_by_role("region", name="What was done")).to_contain_text("Approved")
    assert page.evaluate(kept) == []
    page.unroute("**/dashboard/actions/decide/*")

    reason.fill("Of the second")
    cde(site.root, "rollback", "login", "approve", "--reason", "Too early")
    expect(card).to_contain_text("has to want it.")
    expect(reason).to_have_value("")
    reason.fill("Of the first again")
    approve_without_the_words(card)
    expect(card).to_contain_text("want it twice")
    expect(reason).to_have_value("Of the second")
    assert [each.split()[-1] for each in page.evaluate(kept)] == ["approve-again"]
    assert visitor.violations() == []
