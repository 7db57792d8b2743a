"""Commands as whole processes, with 50,000 features: time and the most memory they have."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.launcher import Launcher, Ran
from benchmarks.measure import Compared, Figure, interleaved, own_folder, runs_of
from benchmarks.states import build
from benchmarks.worker import Worker

SMALL, LARGE = 100, 50_000
CDE = (sys.executable, "-m", "cde_orchestrator")
OFTEN = {"status": ("status",), "list": ("list",), "start": ("start", "Add a line")}
"""What people and agents run all day; these may not notice how many features there are."""
SELDOM = {
    "doctor": ("doctor",),
    "state compact": ("state", "compact"),
    "state export": ("state", "export"),
}
"""What reads all of the state."""
FIRST = {"status": "3.3 s", "doctor": "36 s", "state compact": "18 s", "state export": "12 s"}
FIRST_MEMORY = {"status": "451 MB", "state compact": "1.1 GB"}


def measure() -> list[Figure]:
    """Run each command in a small and in a large project, in turns."""
    with own_folder() as folder, Launcher() as launcher:
        small = build(folder / "small", SMALL)
        large = build(folder / "large", LARGE)
        figures = []
        for name, words in OFTEN.items():
            figures += _often(launcher, name, words, small, large)
        with Worker(large) as worker:
            for name, words in SELDOM.items():
                figures += _seldom(launcher, worker, name, words, large)
    return figures


def _often(
    launcher: Launcher, name: str, words: tuple[str, ...], small: Path, large: Path
) -> list[Figure]:
    beside, ours = interleaved(
        runs_of(5, 1),
        lambda: launcher.run([*CDE, *words], small),
        lambda: launcher.run([*CDE, *words], large),
        warm_up=1,
    )
    key, label = f"command-{name}-{LARGE}", f"cde {name}, {LARGE:,} features"

    def figure(suffix: str, of: Callable[[Ran], float], compared: Compared, reach: float) -> Figure:
        is_time = compared == "ratio"
        return Figure(
            key=f"{key}{suffix}",
            name=label if is_time else f"{label}, memory",
            unit="ms" if is_time else "MB",
            samples=[of(ran) for ran in ours],
            yardstick=f"the same with {SMALL}",
            yardstick_samples=[of(ran) for ran in beside],
            compared=compared,
            paired=is_time,
            reach=reach,
            first=(FIRST if is_time else FIRST_MEMORY).get(name, ""),
            features=LARGE,
        )

    return [
        figure("", lambda ran: ran.ms, "ratio", 2.0),
        figure("-memory", lambda ran: ran.memory_mb, "difference", 120.0),
    ]


def _seldom(
    launcher: Launcher, worker: Worker, name: str, words: tuple[str, ...], root: Path
) -> list[Figure]:
    key, label = f"command-{name.replace(' ', '-')}-{LARGE}", f"cde {name}, {LARGE:,} features"
    beside, ours = interleaved(
        runs_of(3, 1),
        lambda: Ran(ms=worker.ask("loads"), memory_mb=0.0),
        lambda: launcher.run([*CDE, *words], root),
        warm_up=1,
    )
    return [
        Figure(
            key=key,
            name=label,
            samples=[ran.ms for ran in ours],
            yardstick="orjson.loads of state.json",
            yardstick_samples=[ran.ms for ran in beside],
            paired=True,
            reach=5.0,
            first=FIRST[name],
            features=LARGE,
        ),
        Figure(
            key=f"{key}-memory",
            name=f"{label}, memory",
            unit="MB",
            samples=[ran.memory_mb for ran in ours],
            compared="value",
            first=FIRST_MEMORY.get(name, ""),
            features=LARGE,
        ),
    ]
