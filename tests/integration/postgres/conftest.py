from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.postgres.repository import PostgresProjectRepository
from tests.postgres_server import PostgresServer, postgres_server

Open = Callable[..., PostgresProjectRepository]


@pytest.fixture
def server() -> PostgresServer:
    return postgres_server()


@pytest.fixture
def url(server: PostgresServer) -> str:
    """The URL of a schema where nothing is yet."""
    return server.schema_url()


@pytest.fixture
def open_repository(url: str) -> Iterator[Open]:
    """Opens the state anew, as another process or another machine would."""
    with ExitStack() as opened:

        def opening(**arguments: object) -> PostgresProjectRepository:
            given: dict[str, object] = {"url": url, **arguments}
            repository = PostgresProjectRepository(**given)  # type: ignore[arg-type] # passed on
            opened.callback(repository.close)
            return repository

        yield opening


@pytest.fixture
def repository(open_repository: Open) -> PostgresProjectRepository:
    return open_repository()


@pytest.fixture
def root(tmp_path: Path, repository: PostgresProjectRepository) -> Path:
    """An active project."""
    folder = tmp_path / "project"
    folder.mkdir()
    repository.get_or_create(folder)
    with repository.transaction(folder) as project:
        project.activate()
    return folder
