"""A served project and a browser in front of it."""

from __future__ import annotations

import os
import threading
from importlib.resources import files
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, expect

from cde_orchestrator.application.ports.health import (
    AlertEvent,
    AlertsReply,
    AlertState,
    AlertView,
    Health,
    HealthReply,
    HistoryReply,
    Point,
    Span,
    Verdict,
    detail,
    overall,
)
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.cli.commands.serve import listening
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.project_ports import ProjectPorts
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_app
from cde_orchestrator.web.live import EndingServer, LiveChanges
from tests import command_line
from tests.health_fakes import NoHealth
from tests.let_in import TOKEN
from tests.waiting import PATIENCE_SECONDS

expect.set_options(timeout=PATIENCE_SECONDS * 1_000)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RULES = """
(async () => {
  let begun = 0;
  const note = () => { begun += 1; };
  const under_way = () => document.getAnimations().filter((each) => each.playState === "running"
    && each.effect.getComputedTiming().iterations !== Infinity);
  document.addEventListener("animationstart", note);
  try {
    for (;;) {
      await Promise.allSettled(under_way().map((each) => each.finished));
      const before = begun;
      const found = await axe.run(document, {resultTypes: ["violations"]});
      if (begun === before && !under_way().length) return found.violations;
    }
  } finally {
    document.removeEventListener("animationstart", note);
  }
})()
"""
"""What is still fading in, or begins to meanwhile, has not the contrast that it comes to.

An animation of what axe began with may not have started before it ends: no frame came between."""
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const moved = entry.sources.map((each) => [
      each.node?.nodeName, each.node?.className ?? each.node?.parentElement?.className,
      Math.round(each.previousRect.y), Math.round(each.currentRect.y),
      Math.round(each.previousRect.x), Math.round(each.currentRect.x)]);
    shifts.push([entry.value, moved]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


class ScriptedHealth(NoHealth):
    """Health as a test wants it.

    Attributes:
        disk: what the check of the disk says.
        alert: the state of the alert about it.
        points: of the history, oldest first.
    """

    def __init__(self) -> None:
        self.disk: Verdict = "ok"
        self.alert: AlertState = "inactive"
        self.points: list[Point] = []
        self.events: list[AlertEvent] = []

    def get_status(self) -> HealthReply:
        """As the disk is."""
        reply = super().get_status()
        reply["checks"] = {"disk_space": self.disk, "memory": "ok", "state_file_writable": "ok"}
        reply["details"] = {name: detail(f"{name} was looked at") for name in reply["checks"]}
        if self.disk != "ok":
            reply["details"]["disk_space"] = detail("84 MB are free", error_code="E921")
        reply["status"] = overall(reply["checks"])
        reply["version"], reply["checked_at"] = "1.0", utc_now().isoformat()
        return reply

    def history(self, span: Span) -> HistoryReply:
        """The points, and one operation."""
        reply = super().history(span)
        reply["points"] = self.points
        reply["operations"] = [
            {
                "operation": "submit_work",
                "calls": 7,
                "errors": 1,
                "refusals": 2,
                "average_ms": 9.0,
                "p50_ms": 8.0,
                "p95_ms": 40.0,
                "p99_ms": 90.0,
                "max_ms": 99.0,
            }
        ]
        return reply

    def alerts(self, limit: int = 50) -> AlertsReply:
        """The alert about the disk."""
        view: AlertView = {
            "name": "disk_space_low",
            "title": "Disk space low",
            "severity": "critical",
            "state": self.alert,
            "since": utc_now().isoformat(),
            "figure": 84.0,
            "fired_figure": 84.0,
            "threshold": 100.0,
            "unit": "MB",
            "message": "84 MB are free",
            "error_code": "E921",
        }
        return {"alerts": [view], "history": list(reversed(self.events))}

    def become(self, disk: Verdict, alert: AlertState) -> None:
        """Let the disk, and the alert about it, take another state."""
        self.disk, self.alert = disk, alert
        self.events.append(
            {
                "at": utc_now().isoformat(),
                "name": "disk_space_low",
                "title": "Disk space low",
                "severity": "critical",
                "state": alert,
                "figure": 84.0,
                "message": "84 MB are free",
            }
        )


class Site:
    """A project that is served in this process.

    Args:
        root: the project's folder.
        health: in place of the real one.
        read_only: whether nothing can be changed over its pages.
        beat_seconds: after so long without a change its pages are read again.
        port: where it listens; 0 for a free one.
        token: what requests must bear.

    Attributes:
        live: knows how many pages listen.
        key: what signs browsers in.
    """

    def __init__(
        self,
        root: Path,
        health: Health | None = None,
        *,
        read_only: bool = False,
        beat_seconds: float = 0.6,
        port: int = 0,
        token: str = TOKEN,
    ) -> None:
        self.root = root
        self.application = _application(root, health)
        served = ServedProject(root, pinned=True)
        served.application = self.application
        listener = listening("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.live = LiveChanges(look_seconds=0.3, beat_seconds=beat_seconds)
        self.key = ServerKey()
        host = "127.0.0.1"
        app = build_app(
            served,
            host=host,
            address=host,
            token=token,
            key=self.key,
            live=self.live,
            read_only=read_only,
        )
        # It waits for whatever does not end by itself, for as long as that takes.
        config = uvicorn.Config(app, log_config=None, access_log=False)
        self._server = EndingServer(config, self.live)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the server."""
        self._server.should_exit = True
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        self.application.close()


def _application(root: Path, health: Health | None) -> Application:
    if health is None:
        return build_application(root)

    def assembled(folder: Path, settings: Settings, meter: OperationMeter) -> ProjectPorts:
        return ProjectPorts(folder, settings, meter).instead(health=health)

    return Application(root, assembled)


class Visitor:
    """A page in a browser of its own, and everything that it did wrong.

    Attributes:
        problems: what the console and the page's policy complained of.
        strangers: addresses of other hosts that were asked for.
    """

    def __init__(
        self, browser: Browser, url: str, *, width: int = 1440, dark: bool = False
    ) -> None:
        self.url = url
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        self.context.add_init_script(WATCH)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_SECONDS * 1_000)
        self.problems: list[str] = []
        self.strangers: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("request", lambda request: self._meet(request.url))

    def open(self, path: str = "/dashboard") -> Page:
        """Go there, signed in without a look at the page for it, and wait for what it shows."""
        if not self.context.cookies():
            answer = self.context.request.post(
                f"{self.url}/dashboard", form={"token": TOKEN}, max_redirects=0
            )
            assert answer.status == 303, answer.text()
        self.page.goto(self.url + path)
        self.page.wait_for_selector("body.ready")
        return self.page

    def act(self, site: Site, path: str = "/dashboard") -> Page:
        """Go there as the person whom ``cde dashboard`` signs in."""
        self.page.goto(f"{site.url}{path}#once={site.key.ticket(person=True)}")
        self.page.wait_for_selector("body.ready")
        return self.page

    def close(self) -> None:
        """Go away."""
        self.context.close()

    def violations(self) -> list[str]:
        """What the page's policy forbade."""
        found: list[str] = self.page.evaluate("violations")
        return found

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.problems.append(text)

    def _meet(self, url: str) -> None:
        if not url.startswith((self.url, "data:")):
            self.strangers.append(url)


def cde(root: Path, *words: str) -> str:
    """What a command in a process of its own prints; it must succeed."""
    done = command_line.cde(*words, cwd=root, environment={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    return command_line.in_words(done).stdout


def serious(page: Page) -> list[str]:
    """What axe finds serious or critical."""
    page.evaluate(AXE)
    return [
        f"{each['id']}: {node['html'][:120]} {node['any'][:1]}"
        for each in page.evaluate(RULES)
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]
