"""Whether a feature is gone, who works on it, and which agents could."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.state.recover_state import RestoreState
from tests.browser.stage import ScriptedHealth, Site, Visitor, serious
from tests.browser.test_actions import LOGIN, login, newest, opened
from tests.browser.test_decisions import WORKFLOW

Visit = Callable[..., Visitor]
TYPED = "Nobody is to lose <b>this</b>"

__all__ = ["login"]


def test_a_feature_that_a_restore_removed_is_gone_and_comes_back(login: Site, visit: Visit) -> None:
    handle = login.application.handle
    before = newest(login)["sequence"]
    handle(StartFeature(prompt="Sell by mail", name="mail", baseline=False))
    started = newest(login)["sequence"]
    visitor = visit(login.url, width=390)
    page = visitor.act(login, "/dashboard/features/mail")
    opened(page, "Save a note").get_by_label("Note").fill(TYPED)
    page.evaluate("document.body.append(document.createElement('p'))")
    page.evaluate("document.body.lastChild.className = 'notice'")
    handle(RestoreState(at=before))

    gone = page.get_by_role("region", name="Gone")
    expect(gone).to_contain_text("This feature is gone")
    expect(gone).to_contain_text("An earlier state restored")
    expect(gone.locator("time")).to_have_count(1)
    expect(page.locator("#acts button")).to_have_count(0)
    expect(page.locator("#steps li")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".notice")).to_have_count(0)
    expect(page.locator("#status")).to_have_text("gone")
    expect(page.get_by_role("region", name="Goal")).to_have_count(0)
    expect(page.get_by_role("region", name="Not sent")).to_contain_text(TYPED)
    assert serious(page) == []

    handle(RestoreState(at=started))
    expect(gone).to_have_count(0)
    expect(page.locator("#status")).to_have_text("ready for an agent")
    expect(page.locator("#changes li")).not_to_have_count(0)
    expect(page.locator("#steps li")).not_to_have_count(0)
    expect(opened(page, "Save a note").get_by_label("Note")).to_have_value(TYPED)
    page.keyboard.press("Escape")
    handle(RestoreState(at=before))
    gone.get_by_role("link", name="All features").click()
    expect(page.locator("#board")).to_be_visible()
    assert visitor.violations() == []


def test_who_works_on_a_feature_is_seen_where_lanes_are_phases(
    project: Path, serve: Callable[..., Site], visit: Visit
) -> None:
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW)
    site = serve(project, ScriptedHealth())
    handle = site.application.handle
    for name in ("basket", "invoice", "mail"):
        handle(StartFeature(prompt=f"Make the {name} fast", name=name, baseline=False))
    handle(ResumeFeature(feature_id="invoice", agent="ada"))
    given = {"spec": "# Mail\n\nBy post.\n"}
    handle(SubmitWork(feature_id="mail", phase_id="write", results=given))
    page = visit(site.url).open("/dashboard?by=asked")
    marks = []
    for name, said in (("basket", "nobody yet"), ("invoice", "ada"), ("mail", "waits for you")):
        who = page.locator(".feature-card", has_text=f"Make the {name} fast").locator(".who")
        expect(who).to_have_text(said)
        marks.append(who.evaluate("(each) => getComputedStyle(each, '::before').content"))
        assert who.evaluate("(each) => each.scrollWidth <= each.clientWidth")
    assert len(set(marks)) == 3  # no colour alone
    page.goto(f"{site.url}/dashboard")
    ready = page.get_by_role("region", name="Ready for an agent").locator(".who")
    expect(ready).to_have_text("")  # the lane says it
    for name, said in (
        ("basket", "ready for an agent"),
        ("invoice", "ada at work"),
        ("mail", "waits for a person"),
    ):
        page.goto(f"{site.url}/dashboard/features/{name}")
        expect(page.locator("#status")).to_have_text(said)


@pytest.mark.parametrize("is_there", [True, False])
def test_an_agent_lacks_trust_only_where_it_is_installed(
    login: Site, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    if is_there:
        (programs / "codex").write_text("#!/bin/sh\n")
        (programs / "codex").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    page = visit(login.url).act(login, LOGIN)
    dialog = opened(page, "Run with an agent")
    agents = dialog.get_by_role("list", name="Agents of this machine").locator("li")
    if is_there:
        expect(agents).to_have_count(1)
        expect(agents.locator(".badge")).to_have_text("not trusted here")
        expect(dialog).to_contain_text("cde agents trust codex")
        expect(dialog).not_to_contain_text("install one first")
        return
    expect(agents.first.locator(".badge")).to_have_text("not installed")
    expect(dialog).not_to_contain_text("not trusted here")
    expect(dialog).not_to_contain_text("cde agents trust")
    expect(dialog).to_contain_text("install one first")
    dialog.get_by_role("textbox", name="Agents").fill("codex")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("E905")
    expect(dialog.get_by_role("alert")).to_contain_text("not installed")
    assert serious(page) == []
