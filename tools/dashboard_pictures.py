"""Makes the pictures in docs/images: ``python -m tools.dashboard_pictures [NAME...]``.

A name may have ``*``: ``'page-*'`` are the pictures of every state of a project, on a desk and
on a telephone, light and dark. A project with a past is made, served by a real server and looked
at with a real Chromium.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from fnmatch import fnmatch
from math import pi, sin
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from cde_orchestrator import web
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.adapters.runners.server_file import running
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.runs.run_agent import RecordAgentRun
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.feature import COMMITTED
from cde_orchestrator.domain.proofs import CriterionSeen, ProofEvidence, ProofSeen
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample, Tally
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.trust.person import person_name
from cde_orchestrator.project_ports import ProjectPorts
from cde_orchestrator.storage.format.files import StateFiles
from tests.browser.stage import FLAGS
from tests.integration.deliverables import deliverable
from tests.phase_fakes import evidence_of

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SHOWN_HOME = "/home/me"
SHOWN_PERSON = "me@laptop"
BUSY, EMPTY, WAITING, BROKEN = "webshop", "new-shop", "waiting-shop", "broken-shop"
Picture = tuple[str, str, int, int, str, str]
PICTURES: tuple[Picture, ...] = (
    ("dashboard-light", BUSY, 1440, 900, "light", "/dashboard"),
    ("dashboard-dark", BUSY, 1440, 900, "dark", "/dashboard"),
    ("dashboard-phases", BUSY, 1440, 900, "light", "/dashboard?by=standard"),
    ("dashboard-narrow", BUSY, 390, 844, "light", "/dashboard"),
    ("dashboard-operations", BUSY, 1440, 900, "light", "/dashboard/operations?span=day"),
    ("dashboard-feature", BUSY, 1440, 900, "light", "/dashboard/features/search-filters"),
    ("dashboard-start", BUSY, 1440, 900, "light", "/dashboard#Start a feature"),
    ("dashboard-rollback", BUSY, 390, 844, "dark", "/dashboard/features/search-filters#Roll back"),
    ("dashboard-empty", EMPTY, 1440, 700, "light", "/dashboard"),
    ("dashboard-broken", BROKEN, 1440, 700, "light", "/dashboard"),
    *(
        (f"page-{state}-{width}-{scheme}", project, width, height, scheme, "/dashboard")
        for state, project in (
            ("empty", EMPTY),
            ("busy", BUSY),
            ("waiting", WAITING),
            ("broken", BROKEN),
        )
        for width, height in ((1440, 900), (390, 844))
        for scheme in ("light", "dark")
    ),
)
"""Each picture: the project, the size of the window, the theme and the page, with a button."""
GOAL = "Fix the crash when the basket is empty"
APPROVED = "standard-approved"
FILTERS = """Filter search results by size, colour and price.

Filters stay in the address, so that a result can be shared, and the number of hits is shown \
beside each of them."""
FEATURES = (
    ("login-page", "Add a login page with password reset by e-mail", 6, "claude", "standard"),
    (
        "checkout-totals",
        "Show taxes and shipping before an order is placed",
        6,
        "codex",
        "standard",
    ),
    ("address-book", "Keep several addresses, and choose one at checkout", 1, "claude", APPROVED),
    ("invoice-pdf", "Invoices as PDF, with the company's letterhead", 3, "codex", "standard"),
    ("stock-alerts", "Tell customers when something is in stock again", 2, "gemini", "standard"),
    ("rate-limits", "Limit how often the API may be called", 5, "codex", "standard"),
    ("gift-cards", "Gift cards that can be bought and redeemed", 0, "gemini", "standard"),
    ("order-history", "Show past orders, and order the same once more", 4, "codex", "standard"),
    ("export-orders", "Export orders as CSV for the accountants", 1, "claude", "standard"),
    ("cart-typo", "The cart says “Your cart are empty”", 1, "gemini", "quick-fix"),
    ("dark-mode", "A dark theme for the whole shop", 3, "claude", "standard"),
    ("wish-list", "A wish list that can be shared", 0, "gemini", "standard"),
    ("search-filters", FILTERS, 4, "claude", "standard"),
    ("refunds", "Refunds in part, with a reason that the customer is sent", 1, "codex", APPROVED),
)
# Calls a day, and milliseconds that most of them take.
OPERATIONS = {
    "get_feature_status": (9_000, 3),
    "submit_work": (1_500, 60),
    "save_progress": (2_500, 9),
    "list_features": (4_000, 4),
    "resume_feature": (700, 14),
    "start_feature": (300, 18),
    "rollback_feature": (60, 45),
}


class Past:
    """A project's past, told by a clock that is moved by hand."""

    def __init__(self, root: Path) -> None:
        self.now = utc_now() - timedelta(hours=31)

        def assembled(folder: Path, settings: Settings, meter: OperationMeter) -> ProjectPorts:
            state = FilesystemProjectRepository(clock=self.clock)
            ports = ProjectPorts(folder, settings, meter)
            return ports.instead(repository=state, recovery=state, clock=self.clock)

        self.application = Application(root, assembled)

    def clock(self) -> datetime:
        """What time it is then."""
        return self.now

    def features(self, wanted: Iterable[tuple[str, str, int, str, str]] = FEATURES) -> None:
        """Features on their way."""
        for name, prompt, phases, agent, workflow in wanted:
            with calling(f"mcp:{agent}"):
                begun = StartFeature(prompt=prompt, name=name, workflow=workflow)
                self.application.handle(begun)
                for _ in range(phases):
                    self._submit(name, agent)
            self.now += timedelta(minutes=17)

    def _submit(self, name: str, agent: str) -> None:
        self.now += timedelta(minutes=random.randint(12, 55))
        phase = self.application.handle(GetFeatureStatus(feature_id=name))["phase"]
        assert phase is not None
        results = {each["id"]: deliverable(each) for each in phase["outputs"]}
        self.application.handle(
            SubmitWork(feature_id=name, phase_id=phase["id"], results=results, agent=agent)
        )

    def _ran(self, name: str, phase: str, agent: str, *, exit_code: int, cost_usd: float) -> None:
        """An agent ran for a phase, and the check after it."""
        report = AgentReport(turns=21, input_tokens=182_000, output_tokens=9_400, cost_usd=cost_usd)
        run = {"feature_id": name, "phase_id": phase, "agent": agent}
        self.application.handle(RecordAgentRun(**run, attempt=1, seconds=760.0, report=report))
        repository, root = FilesystemProjectRepository(clock=self.clock), self.application.root
        with repository.transaction(root) as project:
            check = Check(command=("make", "test"), directory=".", timeout_seconds=60.0)
            ran = evidence_of(check, self.now, exit_code, "")
            project.feature(name).phases[phase].evidence = ran

    def _proven(self, name: str, path: str) -> None:
        """The criteria of a feature were proven by a test of a file, and it was committed."""
        repository, root = FilesystemProjectRepository(clock=self.clock), self.application.root
        (root / path).write_text("# What customers see.\n")
        runs: Any = {"now": "passed", "base": "failed", "control": "passed"}
        proof = ProofSeen(id=f"tests/test_{path}::test_it", **runs, sees=(f"{path}:show",))
        ran: Any = {"tree": "5", "base_commit": "5", "base_tree": "5", "runs": 4, "versions": {}}
        proven = ProofEvidence(
            **{**ran, "at": self.now, "commands": (("pytest",),), "duration_ms": 900.0},
            criteria=(CriterionSeen(id="AC1", text="It is shown", proofs=(proof,)),),
            places=proof.sees,
            covered={path: hashlib.sha256((root / path).read_bytes()).hexdigest()},
        )
        with repository.transaction(root) as project:
            project.feature(name).phases["test"].proof = proven
            kept = {"at": self.now.isoformat(), "commit": "1a2b3c4d", "branch": "main"}
            project.feature(name).note(COMMITTED, by="me", **kept)

    def today(self) -> None:
        """What happened in the last hour; the agents that work now are this process."""
        handle = self.application.handle
        self.now = utc_now() - timedelta(minutes=47)
        self._proven("login-page", "login.py")
        reason = "The PDF library has no fonts for Cyrillic; another one is needed."
        with calling("mcp:codex"):
            handle(FailPhase(feature_id="invoice-pdf", phase_id="implement", reason=reason))
        self.now = utc_now() - timedelta(minutes=12)
        note = "Filters by colour and size work; price is next."
        data = {"done": ["colour", "size"], "next": "price"}
        with calling("mcp:claude"):
            handle(ResumeFeature(feature_id="search-filters", agent="claude"))
            handle(SaveProgress(feature_id="search-filters", note=note, data=data, agent="claude"))
            self._ran("search-filters", "test", "claude", exit_code=0, cost_usd=2.4)
        self.now = utc_now() - timedelta(minutes=3)
        with calling("mcp:gemini"):
            handle(ResumeFeature(feature_id="gift-cards", agent="gemini"))
            note = "The balance of a card is kept in cents."
            handle(SaveProgress(feature_id="gift-cards", note=note, agent="gemini"))
            self._ran("order-history", "test", "codex", exit_code=1, cost_usd=0.85)
            handle(StartFeature(prompt="Recommend what others bought", name="recommendations"))
            gone = CloseFeature(
                feature_id="recommendations", outcome="cancelled", reason="Not before the summer"
            )
            handle(gone)
        self.now = utc_now() - timedelta(minutes=1)
        refusals: tuple[UseCase[Any], ...] = (
            SubmitWork(feature_id="stock-alerts", phase_id="test", results={}),
            StartFeature(prompt="Log in", name="login-page"),
            SubmitWork(feature_id="dark-mode", phase_id="implement", results={}),
        )
        for refused in refusals:
            with calling("mcp:codex"), suppress(CDEError):
                handle(refused)


def history(root: Path) -> None:
    """Two days of figures, with a quiet night and an afternoon that went wrong."""
    store, now = TelemetryStore(root), utc_now()
    minutes = [*range(2 * 24 * 60, 60, -5), *range(60, -1, -1)]
    for ago in minutes:
        at = now - timedelta(minutes=ago)
        hour = (15.5 - ago / 60) % 24  # as if it were the middle of an afternoon
        if 1 <= hour < 4:
            continue  # nothing ran
        length = 5 if ago > 60 else 1
        busy = max(0.08, sin((hour - 6) / 24 * 2 * pi))
        wrong = 11 <= hour < 12
        operations = {}
        for name, (calls, typical) in OPERATIONS.items():
            tally = Tally()
            for _ in range(
                int(calls * length / 1440 * busy * random.uniform(0.5, 2) + random.random())
            ):
                share = 0.14 if wrong else 0.012
                outcome = "failed" if random.random() < share else "ok"
                tally.count(outcome, typical * random.lognormvariate(0, 0.7) * (1 + wrong))
            operations[name] = tally
        store.add(Sample(operations, 80 + random.random() * 9, at.timestamp(), 8, 1.4), at)


def broken_agent(root: Path) -> None:
    """An agent that kept failing, so that it is left alone for a while."""
    breaker = BreakerRegistry(root).get("agent-codex", timeout=900)
    for _ in range(6):
        with suppress(CDEError, OSError):
            breaker.call(_unavailable)


def _unavailable() -> None:
    raise OSError("codex: 503 Service Unavailable")


@contextmanager
def served(root: Path) -> Iterator[str]:
    """A real server; its address."""
    environment = {**os.environ, "CDE_ALERT_EVENT_HOLD_SECONDS": "0", "COLUMNS": "300"}
    process = subprocess.Popen(
        [sys.executable, "-m", "cde_orchestrator", "serve", "--transport", "http", "--port", "0"],
        cwd=root,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        yield next(filter(None, (re.search(r"http://[\d.:]+", each) for each in process.stderr)))[0]
    finally:
        process.terminate()
        process.communicate()


def pretend(page: Page, root: Path) -> None:
    """Show a path and a person that say something to a reader in place of those of this machine."""
    person = person_name().partition(":")[2]
    for pair in ([str(root.parent), SHOWN_HOME], [person, SHOWN_PERSON]):
        page.evaluate(
            """([from, to]) => {
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const node = walker.currentNode;
            if (node.data.includes(from)) node.data = node.data.replaceAll(from, to);
          }
        }""",
            pair,
        )


def icon(browser: Browser) -> None:
    """Draw the dashboard's icon as bundles need it."""
    drawing = (Path(web.__file__).parent / "static" / "icon.svg").read_text(encoding="utf-8")
    page = browser.new_page(viewport={"width": 512, "height": 512})
    page.set_content(f"<style>* {{ margin: 0 }} svg {{ display: block }}</style>{drawing}")
    page.screenshot(path=IMAGES / "icon.png", omit_background=True)
    page.close()


def busy(root: Path) -> None:
    """A project with much in it."""
    past = Past(root)
    past.application.handle(OnboardProject(name=root.name))
    past.features()
    past.today()
    history(root)
    broken_agent(root)


def empty(root: Path) -> None:
    """A project that was set up just now."""
    Past(root).application.handle(OnboardProject(name=root.name))


def waiting(root: Path) -> None:
    """A project in which a person is waited for, and nobody else is at work."""
    past = Past(root)
    past.application.handle(OnboardProject(name=root.name))
    past.features(each for each in FEATURES if each[4] == APPROVED)


def broken(root: Path) -> None:
    """A project whose state, with all that it could be restored from, is damaged."""
    past = Past(root)
    past.application.handle(OnboardProject(name=root.name))
    past.application.handle(StartFeature(prompt="Add a login page", name="login-page"))
    past.application.close()
    for kept in [*StateFiles(root).backups.iterdir(), *(root / ".cde").glob("*.json*")]:
        kept.write_bytes(b"\0 damaged")


PROJECTS = {BUSY: busy, EMPTY: empty, WAITING: waiting, BROKEN: broken}


def picture(browser: Browser, url: str, root: Path, about: Picture) -> None:
    """One picture of a page."""
    name, _, width, height, scheme, path = about
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    while (server := running(root)) is None:
        time.sleep(0.2)
    page.goto(server.sign_in(person=True))
    page.wait_for_selector("body.ready")
    path, _, button = path.partition("#")
    page.goto(url + path)
    page.wait_for_selector("body.ready")
    if button:
        page.get_by_role("button", name=button).click()
    if button == "Start a feature":
        page.get_by_label("What it should do").fill(GOAL)
    elif button == "Roll back":
        page.get_by_label("To the beginning of").select_option(index=0)
    if path.startswith("/dashboard/operations"):
        page.wait_for_selector("#alerts [data-present=firing]", timeout=40_000)
    page.wait_for_timeout(1_000)
    pretend(page, root)
    page.screenshot(path=IMAGES / f"{name}.png", full_page=not button)
    print(f"{name}.png")
    page.close()


def main() -> None:
    """Make the pictures, or those whose names are given."""
    random.seed(11)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    IMAGES.mkdir(exist_ok=True)
    names = sys.argv[1:] or ["*"]
    wanted = [each for each in PICTURES if any(fnmatch(each[0], name) for name in names)]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        icon(browser)
        for project in dict.fromkeys(each[1] for each in wanted):
            root = Path(folder).resolve() / project
            root.mkdir()
            PROJECTS[project](root)
            with served(root) as url:
                for about in wanted:
                    if about[1] == project:
                        picture(browser, url, root, about)
        browser.close()


if __name__ == "__main__":
    main()
