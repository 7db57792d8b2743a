"""What tests of every kind share."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.infrastructure.system.process_guard import catch_ignored_signals
from cde_orchestrator.infrastructure.trust import person
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests import disks, session_guard
from tests.postgres_server import remove_server
from tests.soak import SOAK

# A slow machine is no failure; what fails is printed as an example that replays it.
settings.register_profile("short", deadline=None, max_examples=50)
settings.register_profile("soak", deadline=None, max_examples=2_000)
settings.load_profile("soak" if SOAK else "short")


# What a person's shell sets for the product, for git and for terminals is none of the tests'.
FAMILIES = ("CDE_", "GIT_", "OTEL_", "PG", "XDG_")
AGENTS = tuple(person.AGENTS)
NAMES = ("columns", "lines", "no_color", "force_color", "traceparent")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
IN_MEMORY = Path("/dev/shm")
"""Where Linux has a disk in memory. On another one, tests wait for its syncs most of the time."""
ROOM_BYTES = 2**30
"""What tests need there, and much more than they take."""


def pytest_configure(config: pytest.Config) -> None:
    """Let tests end what they start, however they were started and however they end."""
    for name in list(os.environ):
        foreign = name.startswith((*FAMILIES, *AGENTS)) or name.lower() in (*NAMES, *PROXIES)
        if foreign and not name.startswith("CDE_SIMULATION_"):
            del os.environ[name]
    for settings_file in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        os.environ[settings_file] = os.devnull
    _prefer_memory()
    catch_ignored_signals()
    guard = session_guard.start()
    for kind in ("CACHE", "CONFIG", "STATE"):  # what whoever runs them trusts stays their own
        os.environ[f"XDG_{kind}_HOME"] = str(session_guard.session_folder() / kind.lower())
    # What a test puts there is its own; those of trust itself say what is trusted.
    os.environ[VARIABLE] = tempfile.gettempdir()
    config.add_cleanup(lambda: session_guard.stop(guard))


def _prefer_memory() -> None:
    """Put temporary files into memory, where nobody named another place and programs can run."""
    if "TMPDIR" in os.environ or not os.access(IN_MEMORY, os.W_OK | os.X_OK):
        return
    disk = os.statvfs(IN_MEMORY)
    if disk.f_bavail * disk.f_frsize >= ROOM_BYTES and not disk.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run tests that need a disk of their own where one can be mounted; slow ones begin first.

    Of several processes, none is then left with a slow test when the others have ended.
    """
    items[:] = [disks.placed(item) for item in items]
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection() -> None:
    """Search for no garbage while tests are collected: all that is made then stays."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what was made alone later, as often as garbage is searched for."""
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let none of the others have one."""
    disks.note_marker(item)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Let the logs that tests of a file set up end with it; the next may count what is written."""
    if nextitem is None or nextitem.path != item.path:
        stop_logging()


def pytest_sessionfinish() -> None:
    """Leave no server behind."""
    remove_server()
