"""A project of 10,000 features opened after a crash or with a dead file, beside the 2 s promised.

The journal is ahead of the checkpoint by as much as it can be. What is measured is all of the
first look by a new process: judge the files, put the state together, mend what is damaged.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from benchmarks.measure import Figure, own_folder, runs_of
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.storage.format.files import StateFiles

FEATURES = 10_000
RUNS = 5
_BATCH = 500
_PROMISED_MS = 2_000.0
Harm = Callable[[StateFiles], None]


def _nothing(files: StateFiles) -> None:
    """A clean end, as far as the files go."""


def _no_checkpoint(files: StateFiles) -> None:
    files.state.unlink()


def _no_journal(files: StateFiles) -> None:
    files.journal.unlink()


def _torn_journal(files: StateFiles) -> None:
    with files.journal.open("ab") as file:
        file.write(b'{"sequence":')


def _flipped_bit(files: StateFiles) -> None:
    content = bytearray(files.state.read_bytes())
    content[len(content) // 2] ^= 1
    files.state.write_bytes(content)


HARMS: dict[str, Harm] = {
    "whole files": _nothing,
    "journal cut in a line": _torn_journal,
    "state.json gone": _no_checkpoint,
    "state.json, one bit": _flipped_bit,
    "journal.jsonl gone": _no_journal,
}


def _build(root: Path) -> None:
    """Start the features, then change them until the journal is as long as it gets."""
    repository = FilesystemProjectRepository()
    repository.get_or_create(root, "benchmark")
    with repository.transaction(root) as project:
        project.activate()
    for first in range(0, FEATURES, _BATCH):
        with repository.transaction(root) as project:
            for number in range(first, first + _BATCH):
                project.start_feature(f"Change number {number}", name=f"change-{number}")
    files = StateFiles(root)
    repository.compact(root)
    number, limit = 0, files.state.stat().st_size * 0.9
    while files.journal.stat().st_size < limit:
        with repository.transaction(root) as project:
            for _ in range(_BATCH):
                feature = project.feature(f"change-{number % FEATURES}")
                feature.metadata = {"notes": "What was found out. " * 10, "number": number}
                number += 1


def _opened(root: Path) -> float:
    """Milliseconds until a new process knows the state."""
    began = time.perf_counter()
    project = FilesystemProjectRepository().get(root)
    if len(project.features.summaries()) != FEATURES or project.read_only:
        raise RuntimeError("the state is not as it should be")
    return (time.perf_counter() - began) * 1000


def measure() -> list[Figure]:
    """Measure with whole files and with each kind of damage."""
    runs = runs_of(RUNS, 2)
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    figures = []
    with own_folder() as folder:
        root, saved = folder / "project", folder / "saved"
        # In a repository, all that a project has is in its folder, its backups as well.
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        _build(root)
        shutil.copytree(root, saved)
        for harm, do in HARMS.items():
            taken: list[float] = []
            for _ in range(runs):
                shutil.rmtree(root)
                shutil.copytree(saved, root)
                do(StateFiles(root))
                taken.append(_opened(root))
            figures.append(
                Figure(
                    key=f"other-recovery-{harm}",
                    name=f"open {FEATURES:,} features, {harm}",
                    samples=taken,
                    yardstick="2 s",
                    yardstick_samples=[_PROMISED_MS],
                    reach=1.0,
                )
            )
    return figures
