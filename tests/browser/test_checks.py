"""How checks ended before the work, and who is waited for, on a feature's page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from cde_orchestrator.application.checks.show_baseline import TryChecks
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.trust_commands import ShowChecks, TrustChecks
from tests.browser.stage import Site, Visitor

WORKFLOW = """\
version: 1
workflows:
  short:
    phases:
      - {id: plan, prompt: docs/write.md, outputs: [{id: plan, path: "specs/{feature}/plan.md"}]}
      - {id: verify, prompt: docs/write.md, check: ["sh", "check.sh"]}
"""


def test_the_page_says_which_check_waits_for_a_person_and_how_it_ended(
    project: Path, site: Site, visit: Callable[..., Visitor]
) -> None:
    (project / "check.sh").write_text("echo 'FAILED a.py::test_a - no'; exit 1\n")
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW)
    site.application.handle(StartFeature(prompt="Add login", name="login"))
    visitor = visit(site.url)
    page = visitor.open()
    page.goto(f"{site.url}/dashboard/features/login")
    checks = page.get_by_role("region", name="Checks")

    expect(checks.get_by_role("heading")).to_have_text("Checks: waits for a person")
    expect(checks.get_by_role("listitem")).to_contain_text(
        "The check sh check.sh waits for a person: nobody has trusted it yet (cde trust)."
    )
    expect(checks.locator("li code").first).to_have_text("sh check.sh")

    shown = site.application.handle(ShowChecks())["checks"]
    digests = frozenset(row["digest"] for row in shown)
    site.application.handle(TrustChecks(digests=digests))
    site.application.handle(TryChecks())
    page.reload()
    expect(checks.get_by_role("heading")).to_have_text("Checks")
    expect(checks.get_by_role("listitem")).to_contain_text("failed when it was tried last")
    expect(checks.get_by_role("listitem")).to_contain_text("exit code 1")
    assert visitor.violations() == []
