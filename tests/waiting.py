"""Waiting for what another process, or a page, does."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60


def until(what: Callable[[], bool]) -> None:
    """Wait for something."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < PATIENCE_SECONDS, "it did not come"
        time.sleep(0.02)
