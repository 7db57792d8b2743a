"""What the benchmarks share: a folder, figures beside a yardstick, and a table of them."""

from __future__ import annotations

import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cde_orchestrator.infrastructure.trust.judge import VARIABLE

T = TypeVar("T")
Compared = Literal["ratio", "p99 ratio", "difference", "value", "p99"]
"""What is compared with what is to be reached: the median over the yardstick's, the 99th of 100
over the yardstick's, the median less the yardstick's, the median itself, or the 99th of 100."""
QUICK = "CDE_BENCH_QUICK"
"""The variable of the environment with which everything is measured a few times only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured, and what was measured beside it in the same run.

    Attributes:
        key: its name in `results.json`, which stays the same from release to release.
        name: what it is, for a person.
        unit: of both kinds of samples.
        samples: what each run took.
        yardstick: what the yardstick is, in short; nothing where there is none.
        yardstick_samples: what each run of it took.
        compared: which number is compared with ``reach``.
        reach: what is to be reached; None where nothing is promised.
        at_least: whether that is the least, and not the most.
        paired: whether each run has its own run of the yardstick, a moment before or after it,
            so that the ratio is the median of theirs: what slows the machine slows both.
        first: what was measured when the figure was chosen, in words.
        features: of the project that it was measured in, where it is one of a row of sizes.
        missing: why it could not be measured; then there are no samples.
    """

    key: str
    name: str
    samples: Sequence[float] = ()
    unit: str = "ms"
    yardstick: str = ""
    yardstick_samples: Sequence[float] = ()
    compared: Compared = "ratio"
    reach: float | None = None
    at_least: bool = False
    paired: bool = False
    first: str = ""
    features: int | None = None
    missing: str = ""

    @property
    def value(self) -> float | None:
        """The number that is compared; None where it was not measured."""
        if self.missing or not self.samples:
            return None
        own, beside = list(self.samples), list(self.yardstick_samples)
        if self.compared == "value":
            return statistics.median(own)
        if self.compared == "p99":
            return p99(own)
        if not beside:
            return None
        if self.compared == "difference":
            return statistics.median(own) - statistics.median(beside)
        if self.compared == "p99 ratio":
            return p99(own) / p99(beside)
        if self.paired:
            return statistics.median(a / b for a, b in zip(own, beside, strict=True))
        return statistics.median(own) / statistics.median(beside)

    @property
    def reached(self) -> bool | None:
        """Whether it is as good as it is to be; None where that cannot be said."""
        if self.value is None or self.reach is None:
            return None
        return self.value >= self.reach if self.at_least else self.value <= self.reach


def p99(samples: Sequence[float]) -> float:
    """The 99th of 100 samples by size; of fewer, the one that as many are not above."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(0.99 * len(ordered)) - 1)]


def is_quick() -> bool:
    """Whether a short pass is asked for, which shows that everything runs and proves little."""
    return os.environ.get(QUICK, "") not in {"", "0"}


def runs_of(usual: int, quick: int) -> int:
    """How often something is measured."""
    return quick if is_quick() else usual


@contextmanager
def own_folder() -> Iterator[Path]:
    """A trusted folder to work in; it goes at the end, and so do the backups of its projects."""
    with tempfile.TemporaryDirectory(prefix="cde-benchmark-") as top:
        folder = Path(top).resolve() / "work"
        folder.mkdir()
        # No person trusts a project that lasts for a moment.
        given = {"XDG_STATE_HOME": str(folder.with_name("state")), VARIABLE: str(folder)}
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            yield folder
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """The work, answering with the milliseconds that it took."""

    def measured() -> float:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1000

    return measured


def interleaved(runs: int, *works: Callable[[], T], warm_up: int = 0) -> list[list[T]]:
    """What each work answers, run in turns: what slows the machine slows them all.

    Every other round goes the other way round, so that none of them always comes first.
    The rounds of the warm-up are in addition, and are dropped.
    """
    samples: list[list[T]] = [[] for _ in works]
    for number in range(warm_up + runs):
        pairs = list(zip(works, samples, strict=True))
        for work, taken in pairs[:: (-1) ** number]:
            result = work()
            if number >= warm_up:
                taken.append(result)
    return samples


def show(figures: Sequence[Figure]) -> None:
    """Print the figures as a table."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    table = Table(box=box.SIMPLE if console.is_terminal else None, pad_edge=False)
    table.add_column("Measured")
    for name in ("Runs", "Median", "p99", "Yardstick"):
        table.add_column(name, justify="right")
    table.add_column("of")
    for name in ("Compared", "Reach"):
        table.add_column(name, justify="right")
    for figure in figures:
        if figure.missing:
            why = escape(f"not measured: {figure.missing}")
            table.add_row(figure.name, "", "", "", "", why, "", "")
            continue
        beside = figure.yardstick_samples
        table.add_row(
            figure.name,
            str(len(figure.samples)),
            f"{statistics.median(figure.samples):,.2f} {figure.unit}",
            f"{p99(figure.samples):,.2f}",
            f"{statistics.median(beside):,.2f}" if beside else "",
            figure.yardstick,
            "" if figure.value is None else f"{figure.value:,.2f} ({figure.compared})",
            "" if figure.reach is None else f"{figure.reach:,.2f}",
            style="bold red" if figure.reached is False else None,
        )
    console.print(table)


def verdict(figures: Sequence[Figure]) -> int:
    """Say which figures are not what they are to be; 1 when there is any, else 0."""
    broken = [figure for figure in figures if figure.reached is False]
    for figure in broken:
        sign = "<" if figure.at_least else ">"
        print(f"Not reached: {figure.name}, {figure.value:.2f} {sign} {figure.reach}")
    return 1 if broken else 0
