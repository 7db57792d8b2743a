"""What is said of a database, and of what it refuses, before there is one."""

from __future__ import annotations

import pytest

from cde_orchestrator.adapters.repositories.postgres.session import (
    BREAKER,
    DisconnectedError,
    PostgresSession,
    is_final,
    require_version,
)
from cde_orchestrator.domain.exceptions import (
    BackendUnreachableError,
    UntrustedBackendError,
    ValidationError,
)
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry


def session(url: str) -> PostgresSession:
    return PostgresSession(url, BreakerRegistry())


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://cde:hunter2@db.example:6543/state", "db.example:6543/state"),
        ("postgres://cde@/state?host=/run/postgresql", "/run/postgresql/state"),
        ("postgresql://", "the local server"),
        (
            "postgresql://db.example/x?hostaddr=127.0.0.1&port=5999",
            "db.example at 127.0.0.1:5999/x",
        ),
    ],
)
def test_a_database_is_named_without_its_user(url: str, where: str) -> None:
    assert session(url).where == where


def test_a_url_that_is_none_is_refused_without_its_password() -> None:
    with pytest.raises(ValidationError) as caught:
        session("postgresql://cde:hunter%zz2@db/state")
    assert caught.value.code == "E314"
    assert "hunter" not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "words",
    [
        "failed to resolve host 'nowhere'",
        'FATAL: password authentication failed for user "cde"',
        'FATAL: database "state" does not exist',
    ],
)
def test_what_a_moment_does_not_change_is_not_tried_again(words: str) -> None:
    assert is_final(words)


@pytest.mark.parametrize(
    "words",
    [
        "Connection refused",
        "FATAL: the database system is starting up",
        "FATAL: the database system is shutting down",
        "FATAL: sorry, too many clients already",
    ],
)
def test_a_server_that_restarts_is_waited_for(words: str) -> None:
    assert not is_final(words)


def test_a_server_of_a_release_that_nobody_maintains_is_refused() -> None:
    require_version(130_000)
    with pytest.raises(DisconnectedError) as caught:
        require_version(120_021)
    assert not caught.value.passing
    assert "PostgreSQL 12" in str(caught.value)


def test_what_is_tried_again_is_told_when_that_did_not_help() -> None:
    breakers = BreakerRegistry()
    one = PostgresSession("postgresql://db/state", breakers)

    def fail() -> None:
        raise DisconnectedError("the network is down", passing=False)

    with pytest.raises(BackendUnreachableError) as caught:
        one.guarded(lambda: one.retried(fail, "try"))
    assert caught.value.context["reason"] == "the network is down"
    assert breakers.get(BREAKER).failure_count == 1


def test_a_database_that_nobody_trusts_is_refused_and_no_failure_of_it() -> None:
    breakers = BreakerRegistry()
    one = PostgresSession("postgresql://db.example/state", breakers, trusted=lambda: False)
    with pytest.raises(UntrustedBackendError, match=r"db\.example/state"):
        one.repeatable(lambda connection: connection.execute("SELECT 1"), "follow_state")
    assert breakers.get(BREAKER).failure_count == 0
