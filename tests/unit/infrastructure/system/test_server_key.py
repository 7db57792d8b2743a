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


def test_a_ticket_says_whether_a_person_asked_for_it() -> None:
    key, other = ServerKey(), ServerKey()
    persons, plain = key.ticket(person=True), key.ticket()
    assert key.is_of_person(persons)
    assert not key.is_of_person(plain)
    assert not other.is_of_person(persons)
    assert not key.is_of_person("")
    assert [key.take(each) for each in (persons, plain, persons)] == [True, True, False]


def test_a_session_is_known_to_its_key_alone() -> None:
    key = ServerKey()
    session = key.session()
    assert key.knows(session)
    assert key.session() != session
    assert not ServerKey().knows(session)
    assert not key.knows(session[:-1])
    assert not key.knows("")


def test_a_session_that_was_ended_is_known_no_more() -> None:
    key = ServerKey()
    session, other = key.session(), key.session()
    for each in (session, session, "", f"{session}x"):
        key.end(each)
    assert [key.knows(each) for each in (session, other)] == [False, True]
    assert len(key._ended) == 1
