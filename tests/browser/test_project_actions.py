"""What a person does with the project on the page of operations, and what checks printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.trust_commands import ShowChecks
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.browser.stage import ScriptedHealth, Site, Visitor, serious
from tests.browser.test_live_run import wrong
from tests.integration.drills.proof_drills import WORKFLOW as PROVING
from tests.workflows import SHORT

Visit = Callable[..., Visitor]
Serve = Callable[..., Site]

OPERATIONS = "/dashboard/operations"
WORKFLOW = SHORT + "        check: %s\n"
HOSTILE = "<img src=x onerror=window.hurt=1>"


@pytest.fixture
def shop(project: Path, serve: Serve) -> Site:
    """A site with the feature ``login``, whose check prints 2 MB and fails."""
    (project / "check.py").write_text(
        f"print('{HOSTILE}')\n"
        "for number in range(50_000): print(f'line {number} of very many that this check prints')\n"
        "print('token=ghp_' + 'a1B2' * 9)\n"
        "print('\\x1b[31m3 failed\\u202e', flush=True)\n"
        "import sys; sys.stdout.buffer.write(b'\\xff\\xfe'); sys.exit(3)\n",
        encoding="utf-8",
    )
    command = json.dumps([sys.executable, "check.py", HOSTILE])
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW % command)
    site = serve(project, ScriptedHealth())
    site.application.handle(StartFeature(prompt="Add login", name="login"))
    return site


def reviewed(page: Page) -> Locator:
    """The form that trusts, opened."""
    page.get_by_role("button", name="Review and trust").click()
    dialog = page.get_by_role("dialog", name="Trust what acts in this project")
    expect(dialog.locator(".to-trust")).to_be_visible()
    return dialog


def trusted(site: Site) -> list[bool]:
    return [row["trusted"] for row in site.application.handle(ShowChecks())["checks"]]


def test_a_person_trusts_what_is_shown(shop: Site, visit: Visit) -> None:
    visitor = visit(shop.url, width=360)
    page = visitor.act(shop, OPERATIONS)
    dialog = reviewed(page)
    expect(dialog).to_contain_text("Commands are not trusted yet")
    expect(dialog).to_contain_text(f"check.py '{HOSTILE}'")
    dialog.get_by_role("button", name="Trust all of this").click()
    expect(dialog.get_by_role("alert")).to_contain_text("the box that you read it was not ticked")
    assert trusted(shop) == [False]
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    dialog.get_by_label("I have read all of it").check()
    dialog.get_by_role("button", name="Trust all of this").click()
    expect(dialog).to_be_hidden()
    assert trusted(shop) == [True]
    done = page.get_by_role("region", name="What was done")
    expect(done).to_contain_text("Trusted")
    expect(done.locator("code")).to_have_text("cde trust --revoke")
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(reviewed(page)).to_contain_text("All that acts here is trusted already")
    expect(dialog.get_by_role("button", name="Trust all of this")).to_be_hidden()
    assert page.evaluate("window.hurt") is None
    assert [each for each in wrong(visitor) if "409" not in each] == []


def test_what_changed_since_it_was_shown_is_not_trusted(shop: Site, visit: Visit) -> None:
    visitor = visit(shop.url)
    page = visitor.act(shop, OPERATIONS)
    dialog = reviewed(page)
    (shop.root / ".cde" / "workflow.yml").write_text(WORKFLOW % '["make", "other"]')
    dialog.get_by_label("I have read all of it").check()
    dialog.get_by_role("button", name="Trust all of this").click()
    expect(dialog.get_by_role("alert")).to_contain_text("another by now than the page showed")
    expect(dialog).to_contain_text("make other")
    assert not any(trusted(shop))
    box = dialog.get_by_label("I have read all of it")
    expect(box).not_to_be_checked()  # what is there now has not been read
    dialog.get_by_role("button", name="Trust all of this").click()
    expect(dialog.get_by_role("alert")).to_contain_text("the box that you read it was not ticked")
    assert not any(trusted(shop))
    box.check()
    dialog.get_by_role("button", name="Trust all of this").click()
    expect(dialog).to_be_hidden()
    assert all(trusted(shop))


def test_what_decides_how_a_runner_of_tests_ended_is_shown(shop: Site, visit: Visit) -> None:
    workflow = PROVING.replace("run_tests.sh", '"run tests.sh"').replace("out.xml", "out dir/o.xml")
    (shop.root / ".cde" / "workflow.yml").write_text(workflow)
    visitor = visit(shop.url)
    dialog = reviewed(visitor.act(shop, OPERATIONS))
    expect(dialog).to_contain_text("sh 'run tests.sh', reads 'out dir/o.xml' 'tests/*'")


def test_a_folder_that_is_only_viewed_is_trusted_with_its_files(
    shop: Site, visit: Visit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(VARIABLE, raising=False)
    visitor = visit(shop.url)
    page = visitor.act(shop, OPERATIONS)
    dialog = reviewed(page)
    expect(dialog).to_contain_text("This folder is only viewed")
    expect(dialog).to_contain_text(".cde/workflow.yml")
    expect(dialog.locator(".added").first).to_be_visible()
    acted = shop.application.standing.acts
    assert not acted
    dialog.get_by_label("I have read all of it").check()
    dialog.get_by_role("button", name="Trust all of this").click()
    expect(dialog).to_be_hidden()
    assert shop.application.standing.acts
    assert trusted(shop) == [True]


def test_an_alert_is_tried_out(site: Site, visit: Visit) -> None:
    visitor = visit(site.url)
    page = visitor.act(site, OPERATIONS)
    page.get_by_role("button", name="Send a test alert").click()
    dialog = page.get_by_role("dialog", name="Send a test alert")
    dialog.get_by_role("button", name="Send", exact=True).click()
    expect(dialog.get_by_role("status")).to_contain_text("Nobody is to be notified")
    assert serious(page) == []
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Send a test alert")).to_be_focused()
    assert wrong(visitor) == []


def test_nobody_acts_with_a_token_alone(site: Site, visit: Visit) -> None:
    page = visit(site.url).open(OPERATIONS)
    expect(page.locator("#acting")).to_contain_text("Read-only view")
    assert page.get_by_role("button", name="Send a test alert").count() == 0
    assert page.get_by_role("button", name="Review and trust").count() == 0


def test_all_that_a_check_printed_is_read_and_downloaded(shop: Site, visit: Visit) -> None:
    page = (visitor := visit(shop.url)).act(shop, OPERATIONS)
    dialog = reviewed(page)
    dialog.get_by_label("I have read all of it").check()
    dialog.get_by_role("button", name="Trust all of this").click()
    expect(dialog).to_be_hidden()
    with pytest.raises(CDEError, match="exit code 3"):
        shop.application.handle(
            SubmitWork(
                feature_id="login", phase_id="define", results={"spec": "# Login\n\nBy mail.\n"}
            )
        )

    page = visitor.open("/dashboard/features/login")
    evidence = page.get_by_role("region", name="Phase define", exact=True)
    evidence.get_by_text("What it printed, 2").click()
    printed = evidence.get_by_label("What the check printed")
    expect(printed).to_contain_text("line 49999 of very many")
    expect(evidence).to_contain_text("This is the last part of it.")
    assert len(printed.text_content() or "") <= 100_000
    assert "\x1b" not in (printed.text_content() or "")
    with page.expect_download() as download:
        evidence.get_by_role("link", name="Download as text").click()
    assert download.value.suggested_filename == "login-define-check.txt"
    whole = Path(download.value.path()).read_text(encoding="utf-8")
    assert whole.startswith(f"{HOSTILE}\nline 0 of very many")
    assert len(whole) > 2_000_000
    assert "ghp_" not in whole
    assert "[redacted]" in whole
    assert page.evaluate("window.hurt") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [each for each in wrong(visitor) if "409" not in each] == []
