"""Eight processes that change one project at once, beside one process alone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks.measure import Figure, interleaved, own_folder, runs_of
from benchmarks.states import build
from benchmarks.worker import Worker

PROCESSES = 8


class _Written(NamedTuple):
    """What was written in so many seconds: what each change took, and how many were refused."""

    seconds: float
    waits: list[float]
    refused: int

    @property
    def rate(self) -> float:
        return len(self.waits) / self.seconds


def measure() -> list[Figure]:
    """Write for some seconds alone and together, in turns."""
    seconds = runs_of(4, 1)
    with own_folder() as folder, ExitStack() as stack:
        root = build(folder / "project", 10)
        workers = [stack.enter_context(Worker(root)) for _ in range(PROCESSES)]
        alone, together = interleaved(
            runs_of(3, 1),
            lambda: _write(workers[:1], seconds),
            lambda: _write(workers, seconds),
            warm_up=1,
        )
    return [
        Figure(
            key="writers-rate",
            name=f"changes a second of {PROCESSES} processes at once",
            unit="1/s",
            samples=[written.rate for written in together],
            yardstick="one process",
            yardstick_samples=[written.rate for written in alone],
            paired=True,
            reach=0.8,
            at_least=True,
            first="not measured",
        ),
        Figure(
            key="writers-wait",
            name=f"a change among {PROCESSES} processes, p99",
            samples=[taken for written in together for taken in written.waits],
            compared="p99",
            reach=100.0,
            first="not measured",
        ),
        Figure(
            key="writers-refused",
            name=f"changes refused among {PROCESSES} processes",
            unit="",
            samples=[float(sum(written.refused for written in together))],
            compared="value",
            reach=0.0,
            first="not measured",
        ),
    ]


def _write(workers: Sequence[Worker], seconds: float) -> _Written:
    """Have these write at once."""
    for worker in workers:
        worker.tell("write", seconds)
    found = [worker.receive() for worker in workers]
    waits = [taken for each in found for taken in each["ms"]]
    return _Written(seconds, waits, sum(len(each["refused"]) for each in found))
