"""The tasks of a feature on its page."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from tests.browser.stage import Site, Visitor
from tests.browser.test_dashboard import HOSTILE
from tests.integration.test_tasks import PLAN


def test_the_page_shows_tasks_and_follows_their_ticks(
    site: Site, visit: Callable[..., Visitor]
) -> None:
    site.application.handle(StartFeature(prompt="Add login", name="login", workflow="lean"))
    visitor = visit(site.url)
    page = visitor.open()
    page.goto(f"{site.url}/dashboard/features/login")
    tasks = page.get_by_role("region", name="Tasks")
    expect(page.locator("#name")).to_have_text("login")
    expect(tasks).to_have_count(0)

    plan = f"{PLAN}- T3: {HOSTILE}\n  - Serves: AC2\n"
    site.application.handle(SubmitWork(feature_id="login", phase_id="plan", results={"plan": plan}))
    expect(tasks).to_contain_text("0 of 3 done")
    expect(tasks).to_contain_text("open T1 the page, in shop/page.py, for AC1")
    expect(tasks.locator("code").first).to_have_text("shop/page.py")
    site.application.handle(SaveProgress(feature_id="login", done=["T1"]))
    expect(tasks).to_contain_text("1 of 3 done")
    expect(tasks).to_contain_text("done T1 the page")
    expect(tasks).to_contain_text(HOSTILE[:10])
    expect(tasks).to_contain_text("AC2")
    assert page.evaluate("window.hurt") is None
    assert visitor.violations() == []
