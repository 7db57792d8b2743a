"""What the doctor tells of a database, and what it mends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from cde_orchestrator.adapters.doctor.postgres import PostgresDoctor
from cde_orchestrator.adapters.repositories.postgres.repository import PostgresProjectRepository
from cde_orchestrator.domain.clock import utc_now
from tests.fakes import HealthyDoctor
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.postgres


def codes(doctor: PostgresDoctor, root: Path) -> list[str]:
    return [found.code for found in doctor.examine(root)]


def test_a_database_in_order_is_healthy(repository: PostgresProjectRepository, root: Path) -> None:
    doctor = PostgresDoctor(repository, HealthyDoctor())
    assert codes(doctor, root) == []
    assert doctor.plan(root) == doctor.repair(root) == []


def test_a_database_that_does_not_answer_is_found(
    repository: PostgresProjectRepository, root: Path, server: PostgresServer
) -> None:
    doctor = PostgresDoctor(repository, HealthyDoctor())
    with server.stopped():
        assert codes(doctor, root) == ["E217"]
        assert doctor.plan(root) == doctor.repair(root) == []


def test_what_was_altered_is_found_and_written_anew(
    repository: PostgresProjectRepository, root: Path, url: str
) -> None:
    doctor = PostgresDoctor(repository, HealthyDoctor())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE cde_project SET document = '{}'")
    assert codes(doctor, root) == ["E212"]
    assert len(doctor.plan(root)) == len(doctor.repair(root)) == 1
    assert codes(doctor, root) == []
    assert repository.get(root).status == "active"


def test_a_change_from_the_future_is_found(
    repository: PostgresProjectRepository, root: Path
) -> None:
    slow = PostgresDoctor(
        repository, HealthyDoctor(), clock=lambda: utc_now() - timedelta(minutes=6)
    )
    assert codes(slow, root) == ["E920"]
