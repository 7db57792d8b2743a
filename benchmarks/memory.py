"""The memory that a server has after calls, with ten features and with ten thousand."""

from __future__ import annotations

import itertools

from benchmarks.calls import questions, serving
from benchmarks.measure import Figure, own_folder, runs_of
from benchmarks.states import build

SMALL, LARGE = 10, 10_000
_CALLS = 30


def measure() -> list[Figure]:
    """Call each tool some times, and look at what the process has then."""
    found: dict[int, list[float]] = {SMALL: [], LARGE: []}
    with own_folder() as folder:
        for number in range(runs_of(3, 1)):
            for features in (SMALL, LARGE)[:: (-1) ** number]:
                root = build(folder / f"{features}-{number}", features)
                with serving(root) as server:
                    for tool, _, arguments in questions(itertools.count()):
                        for _ in range(_CALLS):
                            server.call(tool, arguments())
                    found[features].append(server.memory_mb())
    return [
        Figure(
            key=f"memory-{LARGE}",
            name=f"a server's memory, {LARGE:,} features",
            unit="MB",
            samples=found[LARGE],
            yardstick=f"the same with {SMALL}",
            yardstick_samples=found[SMALL],
            compared="difference",
            reach=60.0,
            first="not measured",
            features=LARGE,
        )
    ]
