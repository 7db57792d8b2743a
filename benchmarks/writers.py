"""Eight processes that change one project at once, beside one process alone."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.measure import Figure, own_folder, runs_of
from benchmarks.states import build
from benchmarks.worker import Worker

PROCESSES = 8


def measure() -> list[Figure]:
    """Write for some seconds alone and together, in turns."""
    seconds, alone, together = runs_of(4, 1), list[float](), list[float]()
    waits: list[float] = []
    refused = 0
    with own_folder() as folder, ExitStack() as stack:
        root = build(folder / "project", 10)
        workers = [stack.enter_context(Worker(root)) for _ in range(PROCESSES)]
        for worker in workers:
            worker.ask("change")
        for _ in range(runs_of(3, 1)):
            alone.append(len(workers[0].ask("write", seconds)["ms"]) / seconds)
            for worker in workers:
                worker.tell("write", seconds)
            found = [worker.receive() for worker in workers]
            together.append(sum(len(each["ms"]) for each in found) / seconds)
            waits += [taken for each in found for taken in each["ms"]]
            refused += sum(len(each["refused"]) for each in found)
    return [
        Figure(
            key="writers-rate",
            name=f"changes a second of {PROCESSES} processes at once",
            unit="1/s",
            samples=together,
            yardstick="one process",
            yardstick_samples=alone,
            paired=True,
            reach=0.8,
            at_least=True,
            first="not measured",
        ),
        Figure(
            key="writers-wait",
            name=f"a change among {PROCESSES} processes, p99",
            samples=waits,
            compared="p99",
            reach=100.0,
            first="not measured",
        ),
        Figure(
            key="writers-refused",
            name=f"changes refused among {PROCESSES} processes",
            unit="",
            samples=[float(refused)],
            compared="value",
            reach=0.0,
            first="not measured",
        ),
    ]
