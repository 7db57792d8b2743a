"""A run of agents on a feature's page: started and stopped there, and seen while it works."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from cde_orchestrator.adapters.runners.run_notes import FILE_BYTES, TEXT_LIMIT, notes_folder
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.runs.trust_agents import TrustAgents
from cde_orchestrator.application.state.recover_state import ListChanges
from cde_orchestrator.infrastructure.trust.person import person_name
from tests.background_runs import end_runs
from tests.browser.stage import ScriptedHealth, Site, Visitor, serious
from tests.waiting import until

Visit = Callable[..., Visitor]
Serve = Callable[..., Site]

LOGIN = "/dashboard/features/login"
AGENT = Path(__file__).with_name("working_agent.py")


class Shop:
    """A site whose project has agents, and what the agents leave."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder

    def processes(self) -> list[psutil.Process]:
        """The agent, what it started, and who started it, as far as they live."""
        found = []
        for pid in (self.folder / "processes").read_text().split():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(int(pid))
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def run_process(self) -> int:
        """The process of the run, as its notes name it."""
        (file,) = notes_folder(self.site.root).iterdir()
        pid: int = json.loads(file.read_bytes().split(b"\n")[0])["pid"]
        return pid

    def operations(self) -> list[tuple[str, str]]:
        """The newest changes: what was done, and by whom."""
        changes = self.site.application.handle(ListChanges(limit=3))["changes"]
        return [(each["operation"], each["actor"]) for each in changes]


@pytest.fixture
def shop(project: Path, serve: Serve, tmp_path: Path) -> Iterator[Shop]:
    """A site with the feature ``login``, and agents of which one is not trusted."""
    folder = tmp_path / "left"
    folder.mkdir()
    lines = []
    for name in ("worker", "hostile", "flood", "stranger"):
        command = [sys.executable, str(AGENT), str(folder), name]
        lines += [f"[agents.{name}]", f"command = {json.dumps(command)}"]
    program = folder / "gone-agent"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o700)
    lines += ["[agents.gone]", f"command = {json.dumps([str(program)])}"]
    (project / ".cde" / "config.toml").write_text("\n".join(lines) + "\n")
    site = serve(project, ScriptedHealth())
    site.application.handle(StartFeature(prompt="Add a login page", name="login"))
    site.application.handle(TrustAgents(names=["worker", "hostile", "flood", "gone"]))
    shop = Shop(site, folder)
    yield shop
    end_runs(project)


def wrong(visitor: Visitor) -> list[str]:
    """What the page did wrong; that it asked for the token before it was signed in is not."""
    problems = [each for each in visitor.problems if "401" not in each]
    return [*visitor.violations(), *problems, *visitor.strangers]


def begin(page: Page, agents: str, **budget: str) -> None:
    """Run the feature with agents, by the form."""
    page.get_by_role("button", name="Run with an agent").click()
    dialog = page.get_by_role("dialog", name="Run with an agent")
    dialog.get_by_label("Agents", exact=True).fill(agents)
    for label, value in budget.items():
        dialog.get_by_label(f"At most, in {label}").fill(value)
    dialog.get_by_role("button", name="Run", exact=True).click()


def started(page: Page, name: str, *, agent: str, gone: Path | None = None) -> Locator:
    """The dialog that started a feature with an agent; a program was gone by then."""
    page.get_by_role("button", name="Start a feature").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What it should do").fill("Add a cart")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Agent", exact=True).select_option(agent)
    if gone is not None:
        gone.unlink()
    dialog.get_by_role("button", name="Start", exact=True).click()
    return dialog


def test_a_run_is_started_watched_and_stopped_on_the_page(shop: Shop, visit: Visit) -> None:
    visitor = visit(shop.site.url)
    page = visitor.act(shop.site, LOGIN)
    page.get_by_role("button", name="Run with an agent").click()
    dialog = page.get_by_role("dialog", name="Run with an agent")
    expect(dialog.get_by_role("list", name="Agents of this machine")).to_contain_text("stranger")
    dialog.get_by_role("button", name="Use worker").click()
    expect(dialog.get_by_label("Agents", exact=True)).to_have_value("worker")
    dialog.get_by_label("At most, in minutes").fill("30")
    assert serious(page) == []
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog).to_be_hidden()
    done = page.get_by_role("region", name="What was done")
    expect(done).to_contain_text("“Stop the run” ends it")
    expect(done.locator("code")).to_have_text("cde rollback login define")

    card = page.get_by_role("region", name="Agent", exact=True)
    expect(card).to_contain_text("at work")
    expect(card).to_contain_text("worker, attempt 1 of")
    lines = card.get_by_role("region", name="Lines of the run")
    expect(lines).to_contain_text("I look at the cart")
    expect(lines).to_contain_text("I work on it now")
    expect(card).to_contain_text(f"process {shop.run_process()}")
    assert len(shop.processes()) == 3
    assert os.getsid(shop.run_process()) != os.getsid(0), "it outlives the server's session"
    assert shop.operations()[0] == ("start_run", person_name("page"))
    assert serious(page) == []

    card.get_by_role("button", name="Stop the run").click()
    page.get_by_role("dialog", name="Stop the run").get_by_role("button", name="Stop it").click()
    expect(card).to_contain_text("Stopped; nothing is lost")
    expect(card.get_by_role("button", name="Stop the run")).to_be_hidden()
    until(lambda: shop.processes() == [])  # the run says so before it ends, and then it ends
    expect(page.locator("#changes")).to_contain_text("Run of agents stopped")
    expect(done).to_contain_text("The run was stopped; nothing is lost")
    expect(done.locator("code")).to_have_text("cde run login --agent worker")
    assert shop.operations()[0] == ("stop_run", person_name("page"))
    assert wrong(visitor) == []


def test_a_feature_is_started_with_an_agent_that_works_on_it(shop: Shop, visit: Visit) -> None:
    visitor = visit(shop.site.url)
    page = visitor.act(shop.site)
    dialog = started(page, "cart", agent="worker")
    expect(dialog).to_contain_text("worker works on it now")
    expect(dialog).to_contain_text("To undo it, stop the run on its page")
    expect(dialog.locator(".command code").last).to_have_text("cde close cart")
    assert serious(page) == []
    assert shop.operations()[:2] == [
        ("start_run", person_name("page")),
        ("start_feature", person_name("page")),
    ]
    dialog.get_by_role("link", name="Open it").click()
    card = page.get_by_role("region", name="Agent", exact=True)
    expect(card).to_contain_text("worker, attempt 1 of")
    expect(card.get_by_role("region", name="Lines of the run")).to_contain_text("I work on it now")
    assert len(shop.processes()) == 3
    assert wrong(visitor) == []


@pytest.mark.parametrize(
    ("agent", "why", "commands"),
    [
        (
            "stranger",
            "'stranger' is not trusted",
            ["cde agents trust stranger", "cde run cart --agent stranger"],
        ),
        ("gone", "the command", ["cde run cart --agent gone"]),
    ],
)
def test_an_agent_that_cannot_work_leaves_a_feature_and_says_how_to_go_on(
    shop: Shop, visit: Visit, agent: str, why: str, commands: list[str]
) -> None:
    page = visit(shop.site.url).act(shop.site)
    dialog = started(page, "cart", agent=agent, gone=shop.folder / "gone-agent")
    expect(dialog).to_contain_text("cart is started.")
    expect(dialog.locator(".problem", has_text=why)).to_contain_text(f"{agent} does not work on it")
    expect(dialog.locator(".command code")).to_have_text([*commands, "cde close cart"])
    assert serious(page) == []
    assert shop.operations()[0] == ("start_feature", person_name("page"))
    assert not (notes_folder(shop.site.root)).exists()


def test_hostile_lines_are_text_and_bounded(shop: Shop, visit: Visit) -> None:
    visitor = visit(shop.site.url, width=360)
    page = visitor.act(shop.site, LOGIN)
    begin(page, "hostile")
    card = page.get_by_role("region", name="Agent", exact=True)
    lines = card.get_by_role("region", name="Lines of the run")
    expect(lines).to_contain_text("I work on it now")
    expect(lines).to_contain_text("<script>window.hurt=1</script>")
    expect(lines).to_contain_text('"text": "forged"')
    text = lines.inner_text()
    assert "ghp_" not in text
    assert "[redacted]" in text
    unseen = (
        "/[\\u0000-\\u0008\\u001b\\u202a-\\u202e\\u2066-\\u2069\\ufeff]/.test(each.textContent)"
    )
    assert not lines.evaluate(f"(each) => {unseen}")
    assert max(map(len, lines.locator(".words").all_text_contents())) <= TEXT_LIMIT
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("window.hurt") is None
    assert serious(page) == []
    expect(card).to_contain_text("at work")
    assert wrong(visitor) == []


def test_very_many_lines_are_bounded_everywhere(shop: Shop, visit: Visit) -> None:
    visitor = visit(shop.site.url)
    page = visitor.act(shop.site, LOGIN)
    begin(page, "flood")
    card = page.get_by_role("region", name="Agent", exact=True)
    lines = card.get_by_role("region", name="Lines of the run")
    expect(lines).to_contain_text("I work on it now")
    expect(lines.get_by_text("Earlier lines are in the log: cde logs")).to_be_visible()
    assert lines.get_by_role("listitem").count() <= 500
    (file,) = notes_folder(shop.site.root).iterdir()
    assert file.stat().st_size <= FILE_BYTES
    lines.evaluate("(each) => { each.scrollTop = 0; }")
    (shop.folder / "end").touch()
    expect(card.get_by_role("button", name="Newest lines")).to_be_visible()
    card.get_by_role("button", name="Newest lines").click()
    expect(card.get_by_role("button", name="Newest lines")).to_be_hidden()
    assert wrong(visitor) == []


def test_a_run_survives_the_server_and_one_that_was_killed_says_so(
    shop: Shop, visit: Visit, serve: Serve
) -> None:
    page = visit(shop.site.url).act(shop.site, LOGIN)
    begin(page, "worker")
    expect(page.get_by_role("region", name="Agent", exact=True)).to_contain_text("I work on it")
    shop.site.close()

    later = serve(shop.site.root, ScriptedHealth())
    page = visit(later.url).open(LOGIN)
    card = page.get_by_role("region", name="Agent", exact=True)
    expect(card).to_contain_text("at work")
    expect(card).to_contain_text("I work on it now")
    assert card.get_by_role("button", name="Stop the run").count() == 0, "nobody acts here"

    os.kill(shop.run_process(), signal.SIGKILL)
    expect(card).to_contain_text("ended without a word")
    expect(card).to_contain_text("was killed")
    until(lambda: shop.processes() == [])


@pytest.mark.parametrize(
    ("agents", "budget", "words"),
    [
        ("stranger", {}, "'stranger' is not trusted"),
        ("nobody", {}, "no agent 'nobody'"),
        ("", {}, "name at least one"),
        ("<b>x</b>", {}, "no agent '<b>x</b>'"),
        ("worker", {"minutes": "soon"}, "'soon' is not a number"),
        ("worker", {"minutes": "-1"}, "not between"),
        ("worker", {"USD": "5"}, "does not report its cost"),
    ],
)
def test_what_cannot_be_run_is_refused_in_the_form(
    shop: Shop, visit: Visit, agents: str, budget: dict[str, str], words: str
) -> None:
    page = visit(shop.site.url).act(shop.site, LOGIN)
    begin(page, agents, **budget)
    dialog = page.get_by_role("dialog", name="Run with an agent")
    expect(dialog.get_by_role("alert")).to_contain_text(words)
    expect(dialog.get_by_label("Agents", exact=True)).to_have_value(agents)
    assert not notes_folder(shop.site.root).exists()
