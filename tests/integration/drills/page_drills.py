"""Drills of what a person does over the page, E155, E156, E333, E334, E336 and E337."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.testclient import TestClient

from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.runs.trust_agents import TrustAgents
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_app
from tests.background_runs import end_runs
from tests.integration.drills.stage import Outcome, Stage, drill
from tests.let_in import TOKEN

ADDRESS = "http://127.0.0.1"


class Browser:
    """A browser in front of the project's pages, and the server behind them."""

    def __init__(self, stage: Stage, app: Any, key: ServerKey) -> None:
        self.stage, self.key = stage, key
        self.client = TestClient(app, base_url=ADDRESS, follow_redirects=False)
        self.sign_in(person=False)

    def sign_in(self, *, person: bool = True) -> None:
        """Open an address of ``cde dashboard``."""
        word = self.key.ticket(person=person)
        answer = self.client.post("/dashboard", data={"once": word})
        assert answer.status_code == 303
        self.client.headers["CDE-Page"] = answer.headers["location"].partition("#person=")[2]

    def form(self, action: str) -> dict[str, str]:
        """The form of an action on the feature ``login``."""
        shown = self.client.get(f"/dashboard/actions/{action}/login").json()
        return {"form": shown["form"] or ""}

    async def send(self, action: str, fields: dict[str, str]) -> Outcome:
        """Send it as the page does."""
        answer = self.client.post(
            f"/dashboard/actions/{action}/login", data=fields, headers={"Origin": ADDRESS}
        )
        reply = answer.json()
        return Outcome(reply.get("error"), answer.text, reply)

    async def follow(self, command: str) -> Outcome:
        """Run the command that opens the page, without a browser, and end its server again."""
        words = shlex.split(command)
        assert words[:2] == ["cde", "dashboard"], command
        try:
            return await self.stage.json_command(*words[1:], "--no-open", *self.project)
        finally:
            await self.stage.json_command("dashboard", "--stop", *self.project)

    @property
    def project(self) -> tuple[str, str]:
        """Where the commands are run."""
        return "--project", str(self.stage.root)


@contextmanager
def browsing(stage: Stage, *, read_only: bool = False) -> Iterator[Browser]:
    """A browser that looks, in front of a server; runs that began there end with it."""
    served, key = ServedProject(stage.root, pinned=True), ServerKey()
    here = "127.0.0.1"
    app = build_app(served, host=here, address=here, token=TOKEN, key=key, read_only=read_only)
    try:
        yield Browser(stage, app, key)
    finally:
        end_runs(stage.root)
        served.close()


@drill("E155")
async def a_form_about_a_feature_that_changed_meanwhile(stage: Stage) -> None:
    with browsing(stage) as page:
        page.sign_in()
        form = page.form("close")
        application = build_application(stage.root)
        application.handle(SaveProgress(feature_id="login", note="Half of it is done"))
        application.close()
        close = {"reason": "Not wanted", "outcome": "cancelled"}
        await stage.prove(
            lambda: page.send("close", {**form, **close}),
            names="login",
            corrected=lambda: page.send("close", {**page.form("close"), **close}),
        )


@drill("E156")
async def a_form_that_was_answered_before(stage: Stage) -> None:
    with browsing(stage) as page:
        page.sign_in()
        form = {**page.form("note"), "note": "Half of it is done"}
        assert (await page.send("note", form)).error is None
        await stage.prove(
            lambda: page.send("note", form),
            follow=page.follow,
            corrected=lambda: page.send("note", {**form, **page.form("note")}),
        )


@drill("E333")
async def a_screen_on_the_wall(stage: Stage) -> None:
    note = {"note": "Half of it is done"}
    with browsing(stage, read_only=True) as wall, browsing(stage) as own:
        wall.sign_in()
        await stage.prove(
            lambda: wall.send("note", {**wall.form("note"), **note}),
            follow=wall.follow,
            by_hand=own.sign_in,
            corrected=lambda: own.send("note", {**own.form("note"), **note}),
        )


@drill("E334")
async def a_browser_that_no_person_opened(stage: Stage) -> None:
    with browsing(stage) as page:
        await stage.prove(
            lambda: page.send("note", {**page.form("note"), "note": "Half of it is done"}),
            follow=page.follow,
            by_hand=page.sign_in,
        )


def define_worker(stage: Stage, program: str) -> None:
    """Define the agent ``worker``, which sleeps, and trust it."""
    command = [program, "-c", "import time; time.sleep(600)"]
    settings = f"[agents.worker]\ncommand = {json.dumps(command)}\n"
    (stage.root / ".cde" / "config.toml").write_text(settings)
    application = build_application(stage.root)
    application.handle(TrustAgents(names=["worker"]))
    application.close()


@drill("E336")
async def a_run_whose_agent_is_not_installed(stage: Stage) -> None:
    program = stage.folder / "worker"
    define_worker(stage, str(program))
    run = {"agents": "worker"}
    with browsing(stage) as page:
        page.sign_in()
        await stage.prove(
            lambda: page.send("run", {**page.form("run"), **run}),
            names="worker",
            by_hand=lambda: program.symlink_to(sys.executable),
            corrected=lambda: page.send("run", {**page.form("run"), **run}),
        )


@drill("E337")
async def a_run_that_ended_meanwhile(stage: Stage) -> None:
    define_worker(stage, sys.executable)
    with browsing(stage) as page:
        page.sign_in()
        started = await page.send("run", {**page.form("run"), "agents": "worker"})
        assert started.error is None
        form = page.form("stop")
        assert (await page.send("stop", page.form("stop"))).error is None

        async def again() -> Outcome:
            await page.send("run", {**page.form("run"), "agents": "worker"})
            return await page.send("stop", page.form("stop"))

        await stage.prove(lambda: page.send("stop", form), names="login", corrected=again)
