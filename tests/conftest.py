"""What tests of every kind share."""

from __future__ import annotations

import pytest
from hypothesis import settings

from cde_orchestrator.infrastructure.process_guard import catch_ignored_signals
from tests import session_guard
from tests.postgres_server import remove_server
from tests.soak import SOAK

# A slow machine is no failure; what fails is printed as an example that replays it.
settings.register_profile("short", deadline=None, max_examples=50)
settings.register_profile("soak", deadline=None, max_examples=2_000)
settings.load_profile("soak" if SOAK else "short")


def pytest_configure(config: pytest.Config) -> None:
    """Let tests end what they start, however they were started and however they end."""
    catch_ignored_signals()
    guard = session_guard.start()
    config.add_cleanup(lambda: session_guard.stop(guard))


def pytest_sessionfinish() -> None:
    """Leave no server behind."""
    remove_server()
