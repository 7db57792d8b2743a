from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.simulation import workload


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of refusals are expected here, and need not be logged."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Checkpoints and sealed segments come every few changes."""
    with workload.small_files():
        yield
