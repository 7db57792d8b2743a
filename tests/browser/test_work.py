"""What a feature made, on its page; hostile outputs draw nothing that runs or loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.web.markdown import drawn
from tests.browser.stage import ScriptedHealth, Site, Visitor, serious
from tests.repository import git
from tests.unit.web.test_markdown import HOSTILE
from tests.workflows import SHORT

Visit = Callable[..., Visitor]
Serve = Callable[..., Site]

WORKFLOW = (
    SHORT
    + """\
      - id: build
        prompt: standard/implement.md
        outputs: [{id: notes, path: "specs/{feature}/notes.md", required: false}]
"""
)
SPEC = (
    "# Login\n\nWith a **password**.\n\n- [x] one\n- [ ] two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n"
)


@pytest.fixture
def shop(project: Path, serve: Serve) -> Site:
    """A site of a project in a repository, with the feature ``login``."""
    git(project, "init", "-q", "-b", "main")
    (project / "cart.py").write_text("one\ntwo\nthree\n")
    git(project, "add", "cart.py")
    git(project, "commit", "-qm", "First")
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW)
    site = serve(project, ScriptedHealth())
    site.application.handle(StartFeature(prompt="Add login", name="login"))
    return site


def submit(site: Site, spec: str) -> None:
    given = {"spec": spec}
    site.application.handle(SubmitWork(feature_id="login", phase_id="define", results=given))


def opened(page: Page, card: str, row: str) -> Locator:
    """A row of a card, opened."""
    found = page.get_by_role("region", name=card, exact=True).locator("details", has_text=row).last
    found.locator("summary").first.click()
    return found


def test_an_output_is_read_as_markdown_with_its_versions(shop: Site, visit: Visit) -> None:
    submit(shop, SPEC)
    back = RollbackFeature(feature_id="login", to_phase="define", reason="With a key")
    shop.application.handle(back)
    submit(shop, SPEC.replace("password", "key"))
    visitor = visit(shop.url)
    page = visitor.open("/dashboard/features/login")

    row = opened(page, "Outputs", "spec.md")
    text = row.get_by_role("region", name="Text of specs/login/spec.md")
    expect(text.get_by_role("heading", name="Login")).to_be_visible()
    expect(text.locator("strong")).to_have_text("key")
    expect(text.get_by_role("listitem").first).to_have_text("☑ one")
    expect(text.get_by_role("cell", name="2")).to_be_visible()

    versions = row.get_by_label("Version of specs/login/spec.md")
    expect(versions.locator("option")).to_have_count(2)
    versions.select_option(index=1)
    expect(text.locator("strong")).to_have_text("password")
    versions.select_option(index=0)
    row.get_by_label("Compare specs/login/spec.md with").select_option(index=2)
    expect(text.locator(".removed")).to_have_text("-With a **password**.")
    expect(text.locator(".added")).to_have_text("+With a **key**.")

    with page.expect_download() as download:
        row.get_by_role("link", name="Download the whole text").click()
    assert download.value.suggested_filename == "spec.md"
    assert Path(download.value.path()).read_text() == SPEC.replace("password", "key")
    assert (visitor.violations(), visitor.problems, visitor.strangers) == ([], [], [])


def test_the_code_that_differs_is_shown_file_by_file(shop: Site, visit: Visit) -> None:
    submit(shop, SPEC)
    (shop.root / "cart.py").write_text("one\n2\nthree\n")
    (shop.root / "new.py").write_text("<script>window.hurt = 1</script>\n")
    visitor = visit(shop.url)
    page = visitor.open("/dashboard/features/login")

    opened(page, "Code", "What differs since")
    code = page.get_by_role("region", name="Code", exact=True)
    expect(code).to_contain_text("2 files of the project's folder")
    row = opened(page, "Code", "cart.py changed +1")
    expect(row.locator(".removed")).to_have_text("-two")
    expect(row.locator(".added")).to_have_text("+2")
    expect(opened(page, "Code", "new.py added").locator(".added")).to_contain_text("<script>")
    assert page.evaluate("window.hurt") is None
    assert (visitor.violations(), visitor.problems, visitor.strangers) == ([], [], [])


def test_what_somebody_reads_stays_while_the_work_goes_on(shop: Site, visit: Visit) -> None:
    submit(shop, SPEC)
    page = visit(shop.url).open("/dashboard/features/login")
    text = opened(page, "Outputs", "spec.md").get_by_role("region")
    expect(text.locator("strong")).to_have_text("password")
    text.evaluate("(read) => { read.dataset.read = 'yes'; }")
    opened(page, "Code", "What differs since")
    code = page.get_by_role("region", name="Code", exact=True)
    expect(code).to_contain_text("No file of the project's folder")

    given = {"notes": "Done\n"}
    shop.application.handle(SubmitWork(feature_id="login", phase_id="build", results=given))

    outputs = page.get_by_role("region", name="Outputs", exact=True)
    expect(outputs).to_contain_text("notes.md build · 5 B")
    expect(text).to_have_attribute("data-read", "yes")
    expect(code).to_contain_text("No file of the project's folder")


def test_what_was_not_written_and_what_cannot_be_compared_says_so(site: Site, visit: Visit) -> None:
    site.application.handle(StartFeature(prompt="Add login", name="login"))
    visitor = visit(site.url)
    page = visitor.open("/dashboard/features/login")

    expect(opened(page, "Outputs", "spec.md")).to_contain_text("Nothing is written yet.")
    expect(opened(page, "Code", "What differs since")).to_contain_text("Nothing can be compared")
    assert (visitor.violations(), visitor.problems) == ([], [])


HAS_TEXT = """(text) => {
  const drawn = document.querySelector('[aria-label="Text of specs/login/spec.md"]');
  return drawn !== null && drawn.textContent.includes(text);
}"""
"""Found out in the page: a text of a megabyte takes long to come from there again and again."""


def test_hostile_outputs_run_nothing_and_load_nothing(shop: Site, visit: Visit) -> None:
    visitor = visit(shop.url)
    spec = shop.root / "specs" / "login" / "spec.md"
    spec.parent.mkdir(parents=True, exist_ok=True)
    page = visitor.open("/dashboard/features/login")
    row = page.get_by_role("region", name="Outputs", exact=True).locator("details").first
    for name, text in HOSTILE.items():
        whole = f"{text}\n\nEnd of {name}\n"
        spec.write_text(whole)
        page.evaluate("document.querySelector('.made details').open = false")
        row.locator("summary").click()
        shown = row.get_by_role("region", name="Text of specs/login/spec.md")
        expected = "This is the first part of" if drawn(whole)["partial"] else f"End of {name}"
        page.wait_for_function(HAS_TEXT, arg=expected, timeout=60_000)
        odd = shown.evaluate(
            "(drawn) => [...drawn.querySelectorAll('*')].filter((each) =>"
            " ['SCRIPT', 'IMG', 'IFRAME', 'SVG', 'STYLE', 'LINK', 'OBJECT', 'FORM', 'INPUT']"
            "   .includes(each.tagName.toUpperCase())"
            " || [...each.attributes].some(({ name, value }) =>"
            "      name.startsWith('on') || name === 'style' || name === 'src'"
            "      || (name === 'href' && !/^(https?|mailto):/.test(value)))"
            " || (each.tagName === 'A' && (each.rel !== 'noopener noreferrer nofollow'"
            "      || each.target !== '_blank'))).map((each) => each.outerHTML.slice(0, 200))"
        )
        assert odd == [], name
        unseen = "/[\\u0000-\\u0008\\u202a-\\u202e\\u2066-\\u2069\\ufeff]/.test(drawn.textContent)"
        assert not shown.evaluate(f"(drawn) => {unseen}"), name
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide
    assert page.evaluate("window.hurt") is None
    assert (visitor.violations(), visitor.problems, visitor.strangers) == ([], [], [])


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (360, True)])
def test_it_fits_and_is_usable_by_everybody(
    shop: Site, visit: Visit, width: int, dark: bool
) -> None:
    submit(shop, f"{SPEC}\n{'long ' * 200}\n\n```\n{'wide' * 200}\n```\n\n[link](https://e.org)\n")
    (shop.root / "cart.py").write_text("one\n2\nthree\n" + "wide" * 200)
    visitor = visit(shop.url, width=width, dark=dark)
    page = visitor.open("/dashboard/features/login")
    expect(opened(page, "Outputs", "spec.md").get_by_role("link", name="link")).to_be_visible()
    opened(page, "Code", "What differs since")
    expect(opened(page, "Code", "cart.py changed").locator(".added").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious(page) == []
    assert (visitor.violations(), visitor.problems) == ([], [])


def test_why_a_submission_was_refused_is_shown_until_one_is_accepted(
    shop: Site, visit: Visit
) -> None:
    hurt = "<img src=x onerror=window.hurt=1>"
    with pytest.raises(CDEError) as refused:
        submit(shop, f"# Login\n\n{{{{{hurt}}}}}\n")
    visitor = visit(shop.url)
    page = visitor.open("/dashboard/features/login")
    phase = page.get_by_role("region", name="Phase define")

    expect(phase).to_contain_text("Refused last")
    expect(phase).to_contain_text(refused.value.message)
    assert hurt in refused.value.message
    assert page.evaluate("window.hurt") is None
    assert serious(page) == []

    submit(shop, SPEC)
    expect(page.locator("#parts")).not_to_contain_text("Refused last")
    assert visitor.violations() == []
