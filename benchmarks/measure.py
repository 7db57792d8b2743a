"""What the benchmarks share: a folder, figures beside a yardstick, and a table of them."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured, and what was measured beside it in the same run.

    Attributes:
        samples_ms: milliseconds of each run.
        yardstick: what the yardstick is, in short.
        yardstick_ms: milliseconds of each run of it.
        allowed: the ratio at most; None where nothing is promised.
        paired: whether each run has its own run of the yardstick, a moment before or after it,
            so that the ratio is the median of theirs: what slows the machine slows both.
    """

    name: str
    samples_ms: Sequence[float]
    yardstick: str
    yardstick_ms: Sequence[float]
    allowed: float | None = None
    paired: bool = False

    @property
    def median_ms(self) -> float:
        """The median of what was measured."""
        return statistics.median(self.samples_ms)

    @property
    def ratio(self) -> float:
        """The median over the yardstick's median, or the median of the pairs' ratios."""
        if self.paired:
            pairs = zip(self.samples_ms, self.yardstick_ms, strict=True)
            return statistics.median(own / beside for own, beside in pairs)
        return self.median_ms / statistics.median(self.yardstick_ms)

    @property
    def kept(self) -> bool:
        """Whether the ratio is allowed."""
        return self.allowed is None or self.ratio <= self.allowed


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder to work in; it goes at the end, and so do the backups of the projects in it."""
    name = "XDG_STATE_HOME"
    before = os.environ.get(name)
    with tempfile.TemporaryDirectory(prefix="cde-benchmark-") as top:
        folder = Path(top).resolve() / "work"
        folder.mkdir()
        os.environ[name] = str(folder.with_name("state"))
        try:
            yield folder
        finally:
            del os.environ[name]
            if before is not None:
                os.environ[name] = before


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """The work, answering with the milliseconds that it took."""

    def measured() -> float:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1000

    return measured


def interleaved(runs: int, *works: Callable[[], float]) -> list[list[float]]:
    """Milliseconds of each work, run in turns: what slows the machine slows them all."""
    samples: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        for work, taken in zip(works, samples, strict=True):
            taken.append(work())
    return samples


def show(figures: Sequence[Figure]) -> None:
    """Print the figures as a table."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    table = Table(box=box.SIMPLE if console.is_terminal else None, pad_edge=False)
    table.add_column("Measured, medians in ms")
    for name in ("Runs", "Median", "Mean", "Yardstick"):
        table.add_column(name, justify="right")
    table.add_column("of")
    for name in ("Ratio", "Allowed"):
        table.add_column(name, justify="right")
    for figure in figures:
        table.add_row(
            figure.name,
            str(len(figure.samples_ms)),
            f"{figure.median_ms:.2f}",
            f"{statistics.fmean(figure.samples_ms):.2f}",
            f"{statistics.median(figure.yardstick_ms):.2f}",
            figure.yardstick,
            f"{figure.ratio:.2f}",
            "" if figure.allowed is None else f"{figure.allowed:.2f}",
            style=None if figure.kept else "bold red",
        )
    console.print(table)


def verdict(figures: Sequence[Figure]) -> int:
    """Say which figures are above what is allowed; 1 when there is any, else 0."""
    broken = [figure for figure in figures if not figure.kept]
    for figure in broken:
        print(f"Above what is allowed: {figure.name}, {figure.ratio:.2f} > {figure.allowed}")
    return 1 if broken else 0
