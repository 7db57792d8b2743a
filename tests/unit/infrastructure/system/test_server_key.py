"""A server's key proves who answers, and signs browsers in once."""

from __future__ import annotations

import time

import pytest

from cde_orchestrator.infrastructure.system.server_key import TICKET_SECONDS, ServerKey


def test_the_same_secret_proves_the_same_and_another_something_else() -> None:
    key = ServerKey()
    assert key.proof("x") == ServerKey(key.secret).proof("x")
    assert len({key.proof("x"), key.proof("y"), ServerKey().proof("x")}) == 3
    assert key.secret not in repr(key)


def test_a_ticket_is_taken_once_by_whoever_has_the_secret() -> None:
    key = ServerKey()
    tickets = [ServerKey(key.secret).ticket() for _ in range(3)]
    assert [key.take(each) for each in tickets] == [True] * 3
    assert [key.take(each) for each in tickets] == [False] * 3


def test_a_ticket_is_good_for_a_while_and_what_was_used_is_forgotten_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, began = ServerKey(), time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: began)
    used, late = key.ticket(), ServerKey(key.secret)
    assert key.take(used)
    monkeypatch.setattr(time, "time_ns", lambda: began + TICKET_SECONDS * 1_000_000_000 + 1)
    assert not late.take(used)
    assert not key.take(used)
    assert key.take(key.ticket())
    assert len(key._used) <= 2


def test_no_proof_is_a_ticket() -> None:
    key = ServerKey()
    until = key.ticket().partition("-")[0]
    assert not key.take(f"{until}-{key.proof(until)[:20]}")
    assert not key.take(f"{until}-{key.proof(f'ticket {until}')[:20]}")
