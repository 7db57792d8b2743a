"""What keeps the source of a project at moments: the place that names the adapters for it."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.adapters.git.kept_sources import GitKeptSources
from cde_orchestrator.adapters.project_files.source_files import FilesystemSourceFiles
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.ports.checks import VersionControl
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry


def sources_in(
    root: Path,
    git: VersionControl,
    breakers: BreakerRegistry,
    clock: Clock,
    worktree: Path | None = None,
    project: ProjectSources | None = None,
) -> ProjectSources:
    """The source of the project, or of a worktree of it, which is git's as well."""
    trees, files = GitKeptSources(breakers, worktree), FilesystemSourceFiles()
    return ProjectSources(root, worktree or root, trees, files, git, clock, project)
