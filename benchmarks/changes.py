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
REACH = {SMALL: 1.6, 10_000: 1.2, 100_000: 1.3}
FIRST = {SMALL: "2.7", 10_000: "1.06", 100_000: "not measured"}
REACH_START = 5.0
FIRST_START = {SMALL: "14", 10_000: "17"}
"""Of the sizes for which it is to be reached."""
REACH_FLAT = {10_000: 1.2, 100_000: 1.3}
"""Of StartFeature beside itself with the smallest: flat, as a change is."""
_APPEND = "append of the same bytes, fdatasync"
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
                if features in REACH_FLAT:
                    again = build(folder / f"beside-{features}", SMALL)
                    with Worker(again) as beside:
                        figures.append(_flat(beside, large, features))
    return figures


def _of_smallest(small: Worker, append: Callable[[], float]) -> list[Figure]:
    appended, changed, called = interleaved(
        runs_of(300, 20), append, small.doing("change"), small.doing("call"), warm_up=_WARM_UP
    )
    return [
        _change(SMALL, changed, _APPEND, appended),
        _start(SMALL, called, appended),
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
        _change(features, large_ms, f"the same with {SMALL}", small_ms),
        _start(features, called, appended),
    ]


def _flat(small: Worker, large: Worker, features: int) -> Figure:
    """Of a few calls only: each leaves a feature, in the small project as in the large one."""
    small_ms, large_ms = interleaved(
        runs_of(50, 5), small.doing("call"), large.doing("call"), warm_up=_WARM_UP
    )
    return Figure(
        key=f"start-flat-{features}",
        name=f"all of StartFeature, {features:,} features, as to {SMALL}",
        samples=large_ms,
        yardstick=f"the same with {SMALL}",
        yardstick_samples=small_ms,
        paired=True,
        reach=REACH_FLAT[features],
        first="not measured",
        features=features,
    )


def _change(features: int, taken: list[float], yardstick: str, beside: list[float]) -> Figure:
    return Figure(
        key=f"change-{features}",
        name=f"durable change, {features:,} features",
        samples=taken,
        yardstick=yardstick,
        yardstick_samples=beside,
        paired=True,
        reach=REACH.get(features),
        first=FIRST.get(features, ""),
        features=features,
    )


def _start(features: int, taken: list[float], beside: list[float]) -> Figure:
    first = FIRST_START.get(features)
    return Figure(
        key=f"start-{features}",
        name=f"all of StartFeature, {features:,} features",
        samples=taken,
        yardstick=_APPEND,
        yardstick_samples=beside,
        paired=True,
        reach=REACH_START if first else None,
        first=first or "",
        features=features,
    )
