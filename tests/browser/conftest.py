"""One real browser for all these tests, in a thread of its own.

Playwright's synchronous interface leaves a running event loop in its thread, in which no other
test could run one: the tests of this folder, and their visitors, run in that thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from tests.browser.stage import FLAGS, ScriptedHealth, Site, Visitor
from tests.programs import program

NAMES = ("chromium", "chromium-browser", "google-chrome")
_thread = ThreadPoolExecutor(1, thread_name_prefix="browser")


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test of this folder drives a browser."""
    item.add_marker(pytest.mark.browser)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Run a test of this folder where the browser is."""
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    _thread.submit(pyfuncitem.obj, **arguments).result()
    return True


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started once."""
    chromium = program(*NAMES, required=bool(os.environ.get("CI")))

    def begin() -> tuple[Playwright, Browser]:
        playwright = sync_playwright().start()
        return playwright, playwright.chromium.launch(executable_path=chromium, args=FLAGS)

    playwright, browser = _thread.submit(begin).result()
    yield browser
    _thread.submit(browser.close).result()
    _thread.submit(playwright.stop).result()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors, which go away when the test has ended."""
    visitors: list[Visitor] = []

    def make(url: str, *, width: int = 1440, dark: bool = False) -> Visitor:
        visitors.append(Visitor(browser, url, width=width, dark=dark))
        return visitors[-1]

    yield make
    for visitor in visitors:
        _thread.submit(visitor.close).result()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An onboarded project."""
    folder = tmp_path / "shop"
    folder.mkdir()
    application = build_application(folder)
    application.handle(OnboardProject(name="shop"))
    application.close()
    return folder


@pytest.fixture
def health() -> ScriptedHealth:
    """Health as the test wants it."""
    return ScriptedHealth()


@pytest.fixture
def serve() -> Iterator[Callable[..., Site]]:
    """Makes sites, which end when the test has."""
    sites: list[Site] = []

    def make(root: Path, health: ScriptedHealth | None = None, **more: Any) -> Site:
        sites.append(Site(root, health, **more))
        return sites[-1]

    yield make
    for site in sites:
        site.close()
    stop_logging()


@pytest.fixture
def site(project: Path, health: ScriptedHealth, serve: Callable[..., Site]) -> Site:
    """The project, served."""
    return serve(project, health)
