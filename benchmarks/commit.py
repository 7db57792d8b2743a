"""A change made durable, beside the least that durability can cost.

The yardstick appends 600 bytes to a file in the same folder and makes them durable, in turns with
the changes. The same is measured with 0, 1,000 and 10,000 features in the project. The mean has
in it what falls due now and then; a large project's checkpoint falls due so seldom, though, that
a run of this length hardly meets it.

    python -m benchmarks.commit [--runs N]
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from benchmarks.measure import Figure, interleaved, own_folder, show, timed
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import Application, build_application

SIZES = (0, 1_000, 10_000)
RUNS = 300
_WARM_UP = 10
_LINE = b"x" * 599 + b"\n"
_BATCH = 500
_YARDSTICK = "append 600 B and sync"

# Not everywhere is there a way to leave the file's times alone.
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


@contextmanager
def _yardstick(folder: Path) -> Iterator[Callable[[], float]]:
    """What appends a line to a file in the folder and makes it durable."""
    descriptor = os.open(folder / "yardstick", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append() -> None:
        os.write(descriptor, _LINE)
        _sync(descriptor)

    try:
        yield timed(append)
    finally:
        os.close(descriptor)


def _fill(repository: FilesystemProjectRepository, root: Path, features: int) -> None:
    for first in range(0, features, _BATCH):
        with repository.transaction(root) as project:
            for number in range(first, min(first + _BATCH, features)):
                project.start_feature(f"Change number {number}", name=f"change-{number}")


def _changes(repository: FilesystemProjectRepository, root: Path) -> list[Callable[[], float]]:
    """A small change, and the start of a feature."""
    numbers = itertools.count()

    def change() -> None:
        with repository.transaction(root) as project:
            project.metadata = {**project.metadata, "benchmark": next(numbers)}

    def start() -> None:
        with repository.transaction(root) as project:
            project.start_feature("Add a column to the report", name=f"column-{next(numbers)}")

    return [timed(change), timed(start)]


def _measured(root: Path, features: int, runs: int) -> list[Figure]:
    application = build_application(root)
    application.handle(OnboardProject(name="benchmark"))
    repository = FilesystemProjectRepository()
    _fill(repository, root, features)
    changes, call = _changes(repository, root), _whole_call(application)
    with _yardstick(root) as append:
        interleaved(_WARM_UP, append, *changes)
        appended, changed, started = interleaved(runs, append, *changes)
        interleaved(_WARM_UP, append, call)
        appended_again, called = interleaved(runs, append, call)
    repository.close()
    application.close()
    size = f"{features:,} features"
    return [
        Figure(name=name, samples_ms=taken, yardstick=_YARDSTICK, yardstick_ms=beside)
        for name, taken, beside in (
            (f"a small change, {size}", changed, appended),
            (f"a feature started, {size}", started, appended),
            (f"all of StartFeature, {size}", called, appended_again),
        )
    ]


def _whole_call(application: Application) -> Callable[[], float]:
    """What an agent's call does, but for the protocol: workflow and prompt are read, too."""
    numbers = itertools.count()
    prompt = "Add a line to the report"
    return timed(
        lambda: application.handle(StartFeature(prompt=prompt, name=f"line-{next(numbers)}"))
    )


def measure(runs: int = RUNS) -> list[Figure]:
    """Measure with each number of features in the project."""
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)
    figures = []
    for features in SIZES:
        with own_folder() as root:
            figures += _measured(root, features, runs)
    return figures


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description="Measure what a durable change costs.")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each; default {RUNS}")
    show(measure(parser.parse_args().runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
