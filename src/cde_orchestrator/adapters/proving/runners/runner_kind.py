"""What the table of runners has of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.application.ports.proving import TestRunner


@dataclass(frozen=True, slots=True)
class RunnerKind:
    """A runner that the product knows by name.

    Attributes:
        name: as in ``runner:`` of a workflow file.
        detect: whether the project's files speak of it, and it can run here; runs nothing of the
            project, as no person may trust it yet.
        make: the runner for a project.
    """

    name: str
    detect: Callable[[Path], bool]
    make: Callable[[Path], TestRunner]
