"""An open page while its server dies, comes back, ends or asks for a token; and empty pages."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import expect

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.clock import utc_now
from tests.browser.stage import ScriptedHealth, Site, Visitor, cde
from tests.command_line import program
from tests.let_in import BEARER, TOKEN
from tests.waiting import until

Visit = Callable[..., Visitor]
Serve = Callable[..., Site]


@contextmanager
def served(root: Path, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The project, served by a process of its own: its address and the process."""
    words = ["serve", "--transport", "http", "--port", str(port), "--project", str(root)]
    environment = {"COLUMNS": "400", "CDE_HTTP_TOKEN": TOKEN}
    process = subprocess.Popen(
        [*program(environment), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert process.stderr is not None
        found = None
        while found is None:
            line = process.stderr.readline()
            assert line, "the server ended"
            found = re.search(r"http://[^/\s]+", line)
        yield found.group(), process
    finally:
        process.kill()
        process.communicate()


def origin(address: str) -> str:
    """The server of an address."""
    return address.partition("/dashboard")[0]


def test_a_page_tells_that_its_server_is_gone_and_goes_on_when_it_is_back(
    project: Path, visit: Visit
) -> None:
    with served(project) as (url, process):
        page = visit(url).open()
        connection = page.locator("#connection")
        expect(connection).to_have_attribute("data-state", "live")
        expect(page.locator("#version")).to_contain_text("CDE Orchestrator")

        process.kill()

        expect(connection).to_have_attribute("data-state", "lost")
        expect(connection).to_contain_text("reconnecting")
        expect(page.locator("#announcer")).to_contain_text("reconnecting")

    with served(project, int(url.rpartition(":")[2])):
        expect(connection).to_have_attribute("data-state", "live")
        expect(page.locator("#announcer")).to_have_text("Connected again")


def test_an_open_stream_does_not_delay_the_end_of_the_server(site: Site) -> None:
    request = urllib.request.Request(site.url + "/dashboard/events", headers=BEARER)
    with urllib.request.urlopen(request) as stream:
        begun = stream.readline()

        site.close()

        assert (begun + stream.read()).endswith(b"\n\n")  # and its messages are whole


def test_a_server_is_ended_though_a_page_is_open(project: Path, visit: Visit) -> None:
    with served(project) as (url, process):
        page = visit(url).open()
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")

        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_nothing_is_looked_for_once_the_page_is_closed(site: Site, visit: Visit) -> None:
    page = visit(site.url).open()
    until(lambda: site.live.clients == 1)

    page.close()

    until(lambda: site.live.clients == 0)


def test_a_browser_signs_in_once(project: Path, serve: Serve, visit: Visit) -> None:
    site = serve(project, ScriptedHealth())
    site.application.handle(StartFeature(prompt="Add login", name="login"))
    visitor = visit(site.url)
    page = visitor.page

    page.goto(site.url + "/dashboard/features/login")
    page.get_by_label("The server's token").fill("another-token-0123")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("The server's token").fill(TOKEN)
    page.keyboard.press("Enter")

    expect(page.locator("#name")).to_have_text("login")
    visitor.open()
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    assert page.evaluate("document.cookie") == ""
    assert visitor.violations() == []


def test_the_address_that_is_opened_signs_one_browser_in(project: Path, visit: Visit) -> None:
    try:
        opened = json.loads(cde(project, "dashboard", "--no-open", "--json"))["sign_in"]
        first, second = visit(origin(opened)), visit(origin(opened))
        page, other = first.page, second.page

        page.goto(opened)
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        assert page.url == opened.partition("#")[0]
        page.goto(json.loads(cde(project, "dashboard", "--no-open", "--json"))["sign_in"])
        # Who is signed in already is only shown the page, which loads itself once more.
        expect(page).to_have_url(re.compile("^[^#]*$"))
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        assert first.violations() == []

        other.goto(opened)
        expect(other.get_by_role("alert")).to_contain_text("opened before")
        expect(other.get_by_label("The server's token")).to_be_visible()
        assert second.violations() == []
    finally:
        cde(project, "dashboard", "--stop")


def test_a_newcomer_is_told_what_to_do(tmp_path: Path, serve: Serve, visit: Visit) -> None:
    site = serve(tmp_path)
    page = visit(site.url).open()

    expect(page.locator("#health-title")).to_have_text("Not set up yet")
    expect(page.locator("#findings")).to_contain_text("cde init")
    expect(page.locator("#board")).to_contain_text("No project here yet")
    expect(page.locator("#board .command")).to_contain_text("cde init")
    page.get_by_role("link", name="Operations").click()
    expect(page.locator("#health-title")).to_have_text("Not set up yet")
    for place in ("alerts", "errors", "slowest", "breakers"):
        expect(page.locator(f"#{place} .empty")).to_be_visible()


def test_charts_tell_their_values_and_leave_gaps(
    site: Site, visit: Visit, health: ScriptedHealth
) -> None:
    began = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=59)
    for minute in range(60):
        ran = minute not in range(20, 30)
        health.points.append(
            {
                "at": (began + timedelta(minutes=minute)).isoformat(),
                "operations": 60 if ran else 0,
                "errors": 3 if ran else 0,
                "refusals": 6 if ran else 0,
                "operations_per_second": 1.0 if ran else 0.0,
                "error_rate": 0.05 if ran else 0.0,
                "refusal_rate": 0.1 if ran else 0.0,
                "p50_ms": 4.0 if ran else None,
                "p95_ms": 40.0 if ran else None,
                "p99_ms": 400.0 if ran else None,
                "memory_mb": 80.0 if ran else None,
                "active_features": 1 if ran else None,
                "disk_mb": 1.0 if ran else None,
            }
        )
    page = visit(site.url).open("/dashboard/operations")

    for line in page.locator(".chart path.line").all():
        assert (line.get_attribute("d") or "").count("M") == 2
    chart = page.get_by_role("slider", name="Latency")
    chart.focus()
    page.keyboard.press("End")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("p50 4 ms, p95 40 ms, p99 400 ms"))
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60)
    expect(page.locator(".tip.shown")).to_contain_text("p99 400 ms")

    page.get_by_role("region", name="Error rate").get_by_role("button", name="Table").click()
    rows = page.get_by_role("group", name="Error rate as a table").locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text("5 %")


def test_a_features_page_shows_what_happened(site: Site, visit: Visit) -> None:
    site.application.handle(StartFeature(prompt="Add login", name="login"))
    visitor = visit(site.url)
    page = visitor.open("/dashboard/features/login")
    expect(page.locator("#changes li").first).to_contain_text("start feature")
    expect(page.locator("#steps li").first).to_have_attribute("data-state", "in_progress")

    cde(site.root, "save", "login", "half of it")

    expect(page.locator("#changes li").first).to_contain_text("save progress")
    expect(page.locator("#changes li").first).to_contain_text("Notes saved in define")
    expect(page.locator("#parts")).to_contain_text("half of it")
    page.get_by_text("The prompt").click()
    expect(page.locator("details[data-name=prompt] pre")).to_contain_text("Add login")
    page = visitor.open("/dashboard/features/nothing")
    expect(page.locator("#parts")).to_contain_text("E102")
