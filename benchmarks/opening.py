"""Opening a project, as each new process has to, beside ``orjson.loads`` of the same bytes."""

from __future__ import annotations

from benchmarks.measure import Figure, own_folder, runs_of
from benchmarks.states import build
from benchmarks.worker import Worker

SIZES = (10, 100, 10_000, 100_000)
FIRST = {10_000: "0.8 s", 100_000: "not measured"}


def measure() -> list[Figure]:
    """Open each size in new processes, a few times."""
    figures = []
    with own_folder() as folder:
        for features in SIZES:
            root = build(folder / f"with-{features}", features)
            opened, loaded = [], []
            for number in range(runs_of(5, 2)):
                with Worker(root) as worker:
                    taken = {}
                    for verb in ("open", "loads")[:: (-1) ** number]:
                        worker.ask(verb)
                        taken[verb] = worker.ask(verb)
                opened.append(taken["open"])
                loaded.append(taken["loads"])
            figures.append(
                Figure(
                    key=f"open-{features}",
                    name=f"opening {features:,} features",
                    samples=opened,
                    yardstick="orjson.loads of state.json",
                    yardstick_samples=loaded,
                    paired=True,
                    reach=3.0 if features >= 10_000 else None,
                    first=FIRST.get(features, ""),
                    features=features,
                )
            )
    return figures
