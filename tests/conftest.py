"""What tests of every kind share."""

from __future__ import annotations

from tests.postgres_server import remove_server


def pytest_sessionfinish() -> None:
    """Leave no server behind."""
    remove_server()
