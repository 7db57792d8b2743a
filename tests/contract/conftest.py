"""The repositories that the contract is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.adapters.repositories.postgres.repository import PostgresProjectRepository
from cde_orchestrator.application.ports.core import KeptState
from cde_orchestrator.testing import InMemoryProjectRepository, InMemoryStorage
from tests.postgres_server import postgres_server

Open = Callable[[], KeptState]


@pytest.fixture(
    params=["filesystem", "memory", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def open_repository(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens the same storage once more, as another process would."""
    if request.param == "filesystem":
        yield FilesystemProjectRepository
        return
    if request.param == "memory":
        yield partial(InMemoryProjectRepository, InMemoryStorage())
        return
    url = postgres_server().schema_url()
    with ExitStack() as opened:

        def open_database() -> PostgresProjectRepository:
            repository = PostgresProjectRepository(url)
            opened.callback(repository.close)
            return repository

        yield open_database


@pytest.fixture
def repository(open_repository: Open) -> KeptState:
    return open_repository()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def active(repository: KeptState, root: Path) -> Path:
    repository.get_or_create(root)
    with repository.transaction(root) as project:
        project.activate()
    return root
