"""Whoever is asked for a yes reads first what was wanted, whether it is good and what changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.trust_commands import ShowChecks, TrustChecks
from cde_orchestrator.infrastructure.trust.person import person_name
from tests.browser.stage import ScriptedHealth, Site, Visitor, cde, serious
from tests.browser.test_actions import LOGIN, newest

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
      - id: note
        prompt: standard/design.md
        proves: spec
        outputs:
          - {id: note, path: "specs/{feature}/note.md"}
          - {id: proofs, path: "specs/{feature}/proofs.yml", type: yaml, required: false}
      - id: review
        prompt: standard/review.md
        outputs: [{id: review, path: "specs/{feature}/review.md", verdict: [approved]}]
        check: ["sh", "check.sh"]
      - id: approve
        description: Somebody has to want it.
        handler: human_input
        prompt: standard/approve-review.md
        inputs: [spec, review]
"""
GOAL = "Log in with a password, " + "and read every word of this goal " * 20 + "to its end."
SCOPE = "\n".join(f"- {number}: <b>many</b> words" for number in range(60))
SPEC = "specs/login/spec.md"
NOTE = "specs/login/note.md"
REVIEW = """\
# Review

Verdict: approved

## Findings

- [ ] F1: the mail is <img src=x onerror=window.hurt=1> unread
- [x] F2: fixed
"""


@pytest.fixture
def reviewed(project: Path, serve: Serve) -> Site:
    """A site with the feature ``login``, which was reviewed and waits for a person."""
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW)
    (project / "check.sh").write_text("exit 0\n")
    site = serve(project, ScriptedHealth())
    handle = site.application.handle
    shown = handle(ShowChecks())["checks"]
    handle(TrustChecks(digests=frozenset(row["digest"] for row in shown)))
    handle(StartFeature(prompt=GOAL, name="login", baseline=False))
    spec = f"# Login\n\n## Scope\n\n{SCOPE}\n\n## Acceptance criteria\n\n- AC1: it opens\n"
    for phase, given in (
        ("write", {"spec": spec}),
        ("note", {"note": "# Note\n\nBy mail.\n"}),
        ("review", {"review": REVIEW}),
    ):
        handle(SubmitWork(feature_id="login", phase_id=phase, results=given))
    return site


def in_sight(page: Page, selector: str) -> bool:
    """Whether an element is seen without scrolling, above what covers the end of the screen."""
    seen: bool = page.evaluate(
        """(selector) => {
          const found = document.querySelector(selector).getBoundingClientRect();
          const answer = document.querySelector(".decision .answer").getBoundingClientRect();
          return found.top >= 0 && found.bottom <= answer.top;
        }""",
        selector,
    )
    return seen


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_first_screen_of_an_approval_says_whether_it_is_good(
    reviewed: Site, visit: Visit, width: int, height: int
) -> None:
    visitor = visit(reviewed.url, width=width)
    page = visitor.page
    page.set_viewport_size({"width": width, "height": height})
    visitor.act(reviewed, LOGIN)
    card = page.get_by_role("region", name="Waits for a person")
    rows = card.locator(".judged > div")
    expect(rows.nth(0)).to_contain_text("Review")
    expect(rows.nth(0)).to_contain_text("approved; 1 point open")
    expect(rows.nth(0).locator("li")).to_have_text(
        "F1: the mail is <img src=x onerror=window.hurt=1> unread"
    )
    expect(rows.nth(1)).to_contain_text("1 not proven yet")
    expect(rows.nth(2)).to_contain_text("passed in review: sh check.sh")
    for number in (1, 2, 3):
        assert in_sight(page, f".judged > div:nth-child({number})")
    assert in_sight(page, ".decision [aria-label=Goal]")
    assert page.evaluate("scrollY") == 0
    order = """() => [".decision [aria-label=Goal]", ".judged", ".decision .group", ".answer",
      ".bound"].map((each) => [...document.querySelectorAll(".decision *")]
      .indexOf(document.querySelector(each)))"""
    places = page.evaluate(order)
    assert places == sorted(places)
    assert -1 not in places

    # The whole goal opens; it is said once, and the digests are details at the end.
    assert page.get_by_role("region", name="Goal").count() == 1
    expect(card.get_by_text("to its end.")).to_be_hidden()
    card.locator("summary", has_text="Goal:").click()
    expect(card.get_by_text("to its end.")).to_be_visible()
    expect(card.get_by_role("button", name="Edit goal")).to_be_visible()
    digest = card.get_by_text("SHA-256 of all that is shown")
    expect(digest).to_be_hidden()
    card.locator("summary", has_text="What the answer is bound to").click()
    expect(digest).to_be_visible()
    expect(card.locator(".bound")).to_contain_text(SPEC)
    assert page.evaluate("window.hurt") is None
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert serious(page) == []
    assert visitor.violations() == []


@pytest.mark.parametrize("path", [SPEC, NOTE])  # the second one is not what the phase shows
def test_what_mends_a_refusal_that_is_certain_is_the_main_button(
    reviewed: Site, visit: Visit, path: str
) -> None:
    visitor = visit(reviewed.url, width=390)
    page = visitor.act(reviewed, LOGIN)
    card = page.get_by_role("region", name="Waits for a person")
    file = reviewed.root / path
    accepted = file.read_bytes()
    file.write_text("By <b>hand</b>\n")
    (file.parent / f"{file.name}.before-rollback").write_text("Somebody's\n")
    restore = card.get_by_role("button", name="Restore the accepted files")
    page.reload()
    expect(restore).to_be_visible()
    expect(restore).to_have_class("button primary")
    expect(card.get_by_role("button", name="Approve")).to_have_count(0)
    expect(card).to_contain_text(f"{path} was changed after it was accepted")

    restore.click()
    dialog = page.get_by_role("dialog")
    copy = f"{path}.before-rollback-2"
    expect(dialog).to_contain_text(f"{path} what is there now will be kept as {copy}")
    assert file.read_text() == "By <b>hand</b>\n"
    assert serious(page) == []
    dialog.get_by_role("button", name="Restore", exact=True).dblclick()
    expect(dialog).to_contain_text(f"what is there now is kept as {copy}")
    assert file.read_bytes() == accepted
    assert (reviewed.root / copy).read_text() == "By <b>hand</b>\n"
    change = newest(reviewed)
    assert (change["operation"], change["actor"]) == ("restore_outputs", person_name("page"))
    undo = dialog.locator(".command code").inner_text()
    dialog.get_by_role("button", name="Done", exact=True).click()
    expect(card.get_by_role("button", name="Approve")).to_be_visible()
    expect(restore).to_have_count(0)

    cde(reviewed.root, *undo.split()[1:])
    assert file.read_text() == "By <b>hand</b>\n"
    page.reload()
    restore.click()
    dialog.get_by_role("button", name="Restore", exact=True).click()
    expect(dialog).to_contain_text(copy)  # of the same content there is one copy
    assert not (reviewed.root / f"{path}.before-rollback-3").exists()
    dialog.get_by_role("button", name="Done", exact=True).click()
    card.get_by_role("button", name="Approve").click()
    expect(page.locator("#status")).to_contain_text("completed")
    assert visitor.violations() == []


def test_what_changes_while_a_restore_is_read_is_read_first(reviewed: Site, visit: Visit) -> None:
    page = visit(reviewed.url).act(reviewed, LOGIN)
    (reviewed.root / SPEC).write_text("By hand\n")
    page.reload()
    page.get_by_role("button", name="Restore the accepted files").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{SPEC}.before-rollback")
    (reviewed.root / NOTE).unlink()
    dialog.get_by_role("button", name="Restore", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("E155")
    assert (reviewed.root / SPEC).read_text() == "By hand\n"
    expect(dialog).to_contain_text(f"{NOTE} it was removed")
    dialog.get_by_role("button", name="Restore", exact=True).click()
    expect(dialog).to_contain_text("Restored as it was accepted.")
    assert (reviewed.root / NOTE).read_text() == "# Note\n\nBy mail.\n"


@pytest.mark.parametrize(
    ("path", "way", "buttons"),
    [
        (SPEC, "roll it back to write, where", []),
        ("specs/login/review.md", "send it back to review, where", ["Send back to review"]),
    ],
)
def test_what_cannot_be_restored_goes_back_to_the_phase_that_makes_it(
    reviewed: Site, visit: Visit, path: str, way: str, buttons: list[str]
) -> None:
    for kept in (reviewed.root / ".cde" / "objects").rglob("*"):
        if kept.is_file() and not kept.name.startswith("."):
            kept.unlink()
    (reviewed.root / path).write_text("By hand\n")
    page = visit(reviewed.url).act(reviewed, LOGIN)
    card = page.get_by_role("region", name="Waits for a person")
    expect(card).to_contain_text(f"What was accepted is no longer kept: {way} it is done again")
    expect(card.locator(".answer .primary")).to_have_text(buttons)
    expect(card.get_by_role("button", name="Restore the accepted files")).to_have_count(0)
