"""A change made durable, and all of StartFeature, in projects of each size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.measure import Figure, interleaved, own_folder, runs_of, timed
from benchmarks.states import build
from benchmarks.worker import Worker

SMALL = 10
SIZES = (100, 10_000, 100_000)
REACH = {10_000: 1.2, 100_000: 1.3}
FIRST = {10_000: "1.06", 100_000: "not measured"}
_WARM_UP = 10

# Not everywhere is there a way to leave the file's times alone.
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


@contextmanager
def appending(folder: Path, size: int) -> Iterator[Callable[[], float]]:
    """What appends so many bytes to a file in the folder and makes them durable."""
    descriptor = os.open(folder / "yardstick", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    line = b"x" * (size - 1) + b"\n"

    def append() -> None:
        os.write(descriptor, line)
        _sync(descriptor)

    try:
        yield timed(append)
    finally:
        os.close(descriptor)


def measure() -> list[Figure]:
    """Measure with each number of features, beside the smallest one."""
    figures: list[Figure] = []
    with own_folder() as folder, ExitStack() as stack:
        small = stack.enter_context(Worker(build(folder / "small", SMALL)))
        append = stack.enter_context(appending(folder, int(small.ask("line"))))
        figures += _of_smallest(small, append)
        for features in SIZES:
            with Worker(build(folder / f"with-{features}", features)) as large:
                figures += _of_size(small, large, features, append)
    return figures


def _of_smallest(small: Worker, append: Callable[[], float]) -> list[Figure]:
    runs = runs_of(300, 20)
    appended, changed, called = interleaved(
        runs, append, small.doing("change"), small.doing("call"), warm_up=_WARM_UP
    )
    beside = "append of the same bytes, fdatasync"
    return [
        Figure(
            key=f"change-{SMALL}",
            name=f"durable change, {SMALL} features",
            samples=changed,
            yardstick=beside,
            yardstick_samples=appended,
            paired=True,
            reach=1.6,
            first="2.7",
            features=SMALL,
        ),
        Figure(
            key=f"start-{SMALL}",
            name=f"all of StartFeature, {SMALL} features",
            samples=called,
            yardstick=beside,
            yardstick_samples=appended,
            paired=True,
            reach=5.0,
            first="14",
            features=SMALL,
        ),
    ]


def _of_size(
    small: Worker, large: Worker, features: int, append: Callable[[], float]
) -> list[Figure]:
    small_ms, large_ms, appended, called = interleaved(
        runs_of(200, 10),
        small.doing("change"),
        large.doing("change"),
        append,
        large.doing("call"),
        warm_up=_WARM_UP,
    )
    return [
        Figure(
            key=f"change-{features}",
            name=f"durable change, {features:,} features",
            samples=large_ms,
            yardstick=f"the same with {SMALL}",
            yardstick_samples=small_ms,
            paired=True,
            reach=REACH.get(features),
            first=FIRST.get(features, ""),
            features=features,
        ),
        Figure(
            key=f"start-{features}",
            name=f"all of StartFeature, {features:,} features",
            samples=called,
            yardstick="append of the same bytes, fdatasync",
            yardstick_samples=appended,
            paired=True,
            reach=5.0 if features == 10_000 else None,
            first="17" if features == 10_000 else "",
            features=features,
        ),
    ]
