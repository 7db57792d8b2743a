"""What is done to a project while operations fail and crashes come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.records import Artifact
from cde_orchestrator.domain.workflow import Workflow
from cde_orchestrator.storage import maintenance
from tests.simulation.operations import SimulatedOps
from tests.simulation.oracle import standing

NOON = datetime(2025, 11, 10, 12, 0, tzinfo=UTC)
WORKFLOW = Workflow.canonical("standard")
Step = Callable[[FilesystemProjectRepository, Path], object]


@contextmanager
def small_files() -> Iterator[None]:
    """Let checkpoints and sealed segments come every few changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maintenance, "CHECKPOINT_AFTER_BYTES", 3_000)
        patch.setattr(maintenance, "SEAL_AFTER_BYTES", 9_000)
        yield


def onboard(repository: FilesystemProjectRepository, root: Path) -> None:
    """Make the project and activate it."""
    repository.get_or_create(root)
    with repository.transaction(root) as project:
        project.activate()


def start(name: str) -> Step:
    """Start a feature."""

    def step(repository: FilesystemProjectRepository, root: Path) -> None:
        with repository.transaction(root) as project:
            project.start_feature(f"Whatever {name} needs", name=name, workflow=WORKFLOW)

    return step


def submit(name: str) -> Step:
    """Complete a feature's current phase."""

    def step(repository: FilesystemProjectRepository, root: Path) -> None:
        with repository.transaction(root) as project:
            feature = project.feature(name)
            phase = feature.current_phase or ""
            output = Artifact(id=phase, path=f"specs/{phase}.md", sha256="0" * 64, size=1)
            feature.complete_phase(phase, [output], WORKFLOW, NOON)

    return step


def roll_back(name: str) -> Step:
    """Begin a feature's first phase again."""

    def step(repository: FilesystemProjectRepository, root: Path) -> None:
        with repository.transaction(root) as project:
            feature = project.feature(name)
            feature.roll_back(WORKFLOW.first, "Not what was asked for", "cli", WORKFLOW, NOON)

    return step


def restore(changes: int) -> Step:
    """Bring back the state of some changes before."""

    def step(repository: FilesystemProjectRepository, root: Path) -> None:
        sequence, _ = repository.state_at(root)
        _, document = repository.state_at(root, max(1, sequence - changes))
        repository.restore(root, document, sequence)

    return step


def save(repository: FilesystemProjectRepository, root: Path) -> None:
    """Save a project that was loaded, even in read-only mode."""
    project = repository.get(root)
    project.metadata = {**project.metadata, "saved": int(project.metadata.get("saved", 0)) + 1}
    repository.save(project, force=True)


def compact(repository: FilesystemProjectRepository, root: Path) -> None:
    """Seal the segment."""
    repository.compact(root)


def close(repository: FilesystemProjectRepository, root: Path) -> None:
    """What a server does at its end; it goes on being used here."""
    repository.close()


def steps() -> list[Step]:
    """Onboarding, 10 features, submits, rollbacks, checkpoints, compaction and restores."""
    found: list[Step] = [onboard]
    for number in range(10):
        found += [start(f"feature-{number}"), submit(f"feature-{number // 2}")]
        if number in {3, 7}:
            found += [save, restore(2), close]
        if number in {2, 6}:
            found += [roll_back(f"feature-{number // 2}")]
        if number in {5, 8}:
            found += [compact]
    return [*found, restore(9), submit("feature-0"), close]


def run(repository: FilesystemProjectRepository, ops: SimulatedOps, root: Path) -> list[CDEError]:
    """Do all steps; what each of them was refused with."""
    refusals: list[CDEError] = []
    for step in steps():
        before = standing(root)
        refusal = _refusal(step, repository, root)
        if refusal is None:
            if step is not close:  # which promises nothing
                ops.acknowledge(standing(root))
            continue
        refusals.append(refusal)
        # E216 says that it is not known what was done; onboarding is two changes.
        if refusal.code != "E216" and step is not onboard:
            assert standing(root) == before, f"{refusal.code} said that nothing was changed"
    return refusals


def _refusal(step: Step, repository: FilesystemProjectRepository, root: Path) -> CDEError | None:
    try:
        step(repository, root)
    except CDEError as error:
        return error
    return None
