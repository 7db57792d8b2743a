from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation import workload
from tests.simulation.oracle import quiet


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


@pytest.fixture
def small_files() -> Iterator[None]:
    """Checkpoints and sealed segments come every few changes."""
    with workload.small_files():
        yield
