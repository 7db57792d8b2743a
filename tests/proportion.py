"""That work grows in proportion to what it is given, whatever else the machine does."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time

GROWTH = 4
LIMIT = 8.0
"""Between 4, which is in proportion, and 16, which is its square."""
ENOUGH_SECONDS = 0.005
"""What takes less is measured on a longer text, up to eight times as long."""
ROUNDS = 10


def require_proportion(work: Callable[[str], object], text: Callable[[int], str]) -> None:
    """Work on a text that is four times as long takes about four times as much of the processor.

    Others only add to what is measured: the least of some rounds counts.
    """
    scale = 1
    while scale < 8 and _seconds(work, text(scale)) < ENOUGH_SECONDS:
        scale *= 2
    small, large = text(scale), text(scale * GROWTH)
    least_small = least_large = float("inf")
    for _ in range(ROUNDS):
        least_small = min(least_small, _seconds(work, small))
        least_large = min(least_large, _seconds(work, large))
        if least_large <= LIMIT * max(least_small, ENOUGH_SECONDS / LIMIT):
            return
    raise AssertionError(f"{least_small:.3f} s became {least_large:.3f} s")


def _seconds(work: Callable[[str], object], text: str) -> float:
    began = thread_time()
    work(text)
    return thread_time() - began
