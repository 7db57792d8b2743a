from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.simulation import workload
from tests.simulation.oracle import quiet


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test of this folder tries more in a soak."""
    item.add_marker(pytest.mark.soak)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Checkpoints and sealed segments come every few changes, all below the project's folder."""
    monkeypatch.setenv("XDG_STATE_HOME", os.devnull)
    with workload.small_files():
        yield
