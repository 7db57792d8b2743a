"""Keeps a server from standing still: what Python does by itself must not delay an answer."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONG_PAUSE_SECONDS = 0.02
"""A full collection that takes longer has looked through a large state to find nothing."""
YOUNG_OBJECTS = 5_000
"""Objects that are made before the youngest are looked through; a list of features has more
than the 700 that Python takes."""
SWITCH_SECONDS = 0.001
"""How long a thread goes on while others wait. With Python's own 5 ms, an answer that is ready
waits for every thread that works on another one."""


def tune_garbage_collector() -> None:
    """Set up this process, which is a server's own, so that no answer waits for the others."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    gc.callbacks.append(_Collections().note)


@contextmanager
def collections_paused() -> Iterator[None]:
    """Import without collections, which take an eighth of the time and find nothing."""
    gc.disable()
    try:
        yield
    finally:
        resume_collections()


@contextmanager
def collections_delayed() -> Iterator[None]:
    """Make many objects that all stay: collections meanwhile would find nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def resume_collections() -> None:
    """Collect again, but nothing of what is there: modules live as long as the process."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


class _Collections:
    """Leaves alone, from then on, what survived a full collection that took long.

    All of it is the state, which is kept for as long as the server runs: with 10,000 features
    each full collection took 140 ms, and there was one a second. What is no cycle is still
    freed as soon as nobody needs it.
    """

    def __init__(self) -> None:
        self._began = 0.0

    def note(self, phase: str, info: dict[str, int]) -> None:
        if info["generation"] < 2:
            return
        if phase == "start":
            self._began = time.perf_counter()
        elif time.perf_counter() - self._began > LONG_PAUSE_SECONDS:
            gc.freeze()
