"""A database that a file of the project names is sent nothing before it is trusted and proven."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cde_orchestrator.adapters.repositories.postgres.session import PostgresSession
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from tests.integration.test_hostile_repository import Clone

NO_TLS = b"N"


def parameters(url: str, *, of_file: bool = True) -> dict[str, Any]:
    """What libpq would be given."""
    return PostgresSession(url, BreakerRegistry(), of_file=of_file)._parameters


@pytest.mark.parametrize(
    "query",
    [
        *("passfile=/etc/passwd", "service=own", "sslcert=x", "sslkey=x", "options=-c%20x%3D1"),
        *("sslmode=disable", "sslmode=prefer", "sslmode=verify-ca", "password=x", "krbsrvname=x"),
    ],
)
def test_a_url_of_a_file_may_not_say_more_than_where(query: str) -> None:
    with pytest.raises(ValidationError) as raised:
        parameters(f"postgresql://me@db.example/x?{query}")

    assert raised.value.code == "E314"
    assert query.partition("=")[0] in raised.value.context["reason"]
    assert parameters(f"postgresql://me@db.example/x?{query}", of_file=False)


@pytest.mark.parametrize(
    "place",
    [
        *(
            "db.example",
            "10.0.0.1",
            "localhost.example",
            "127.0.0.1.example",
            "localhost,db.example",
        ),
        *("localhost/x?hostaddr=10.0.0.1", "/x?host=%2Frun,db.example"),
    ],
)
def test_off_this_machine_the_server_has_to_prove_its_name(
    place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = parameters(f"postgresql://{place}")

    assert given["sslmode"] == "verify-full"
    assert (given.get("sslrootcert") == "system") == (psycopg.pq.version() >= 160_000)
    monkeypatch.setenv("PGSSLROOTCERT", "/own")
    assert "sslrootcert" not in parameters(f"postgresql://{place}")
    assert "sslmode" not in parameters(f"postgresql://{place}", of_file=False)


@pytest.mark.parametrize(
    "place", ["localhost", "127.0.0.1", "[::1]", "/x?host=/run/postgresql", "", "db/x?hostaddr=::1"]
)
def test_on_this_machine_it_need_not(place: str) -> None:
    assert "sslmode" not in parameters(f"postgresql://{place}")


class Thief:
    """A server that speaks no TLS and asks for a password in clear text."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.heard = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(65_536):
                    self.heard += data
                    is_question = data[4:8] == (80877103).to_bytes(4, "big")
                    connection.sendall(
                        NO_TLS
                        if is_question
                        else b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big")
                    )


def test_a_trusted_server_without_tls_is_sent_no_password(tmp_path: Path) -> None:
    """By a name that is not of this machine; its address is, for the test."""
    thief, clone = Thief(), Clone(tmp_path)
    port = thief.socket.getsockname()[1]
    (clone.top / ".cde").mkdir()
    url = f"postgresql://me@127.0.0.2.example:{port}/x"
    (clone.top / ".cde" / "config.toml").write_text(f'state_url = "{url}"\nstate_project = "x"\n')
    (clone.home / ".pg_service.conf").write_text("")
    assert clone.cde(clone.top, "trust", "--yes")[0] == 0
    code, said = clone.cde(clone.top, "status", PGPASSWORD="hunter2", PGHOSTADDR="127.0.0.1")

    thief.socket.close()
    assert (code, "E217" in said) == (1, True), said
    assert thief.heard
    assert b"hunter2" not in thief.heard
