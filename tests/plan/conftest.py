"""What the plan's snippets take for granted: a project, a repository, an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.domain.project import Project


@pytest.fixture
def repo() -> FilesystemProjectRepository:
    return FilesystemProjectRepository()


@pytest.fixture
def project(repo: FilesystemProjectRepository, tmp_path: Path) -> Project:
    """A project that may not start features yet."""
    return repo.get_or_create(tmp_path)


@pytest.fixture
def active(project: Project) -> Project:
    project.activate()
    return project
