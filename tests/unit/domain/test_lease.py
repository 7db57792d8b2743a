"""Who holds a lease, and who may work under it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cde_orchestrator.domain.lease import (
    LEASE,
    RENEWAL,
    Caller,
    Claim,
    Process,
    by_words,
    client_name,
)
from tests.fakes import NOON

HOLDER = Process(pid=1, started="Monday", host="here")
OTHER = Process(pid=2, started="Monday", host="here")

# For each relation of a caller to the holder: whether the lease is its own, and whether it may
# work, in this order: named agent or program; the same, resuming; anonymous; the same, resuming.
ANSWERS = """
deliberate unnamed none  same-client   foreign  ....
deliberate unnamed none  other-client  foreign  ....
deliberate unnamed same  same-client   own      yyyy
deliberate unnamed same  other-client  foreign  ....
deliberate unnamed other same-client   foreign  ....
deliberate unnamed other other-client  foreign  ....
deliberate holder  none  same-client   own      yyyy
deliberate holder  none  other-client  own      yyyy
deliberate holder  same  same-client   own      yyyy
deliberate holder  same  other-client  own      yyyy
deliberate holder  other same-client   own      yyyy
deliberate holder  other other-client  own      yyyy
deliberate rival   none  same-client   foreign  ....
deliberate rival   none  other-client  foreign  ....
deliberate rival   same  same-client   foreign  ....
deliberate rival   same  other-client  foreign  ....
deliberate rival   other same-client   foreign  ....
deliberate rival   other other-client  foreign  ....
implicit   unnamed none  same-client   foreign  y.yy
implicit   unnamed none  other-client  foreign  ..yy
implicit   unnamed same  same-client   own      yyyy
implicit   unnamed same  other-client  foreign  ..yy
implicit   unnamed other same-client   foreign  y.yy
implicit   unnamed other other-client  foreign  ..yy
implicit   holder  none  same-client   own      yyyy
implicit   holder  none  other-client  own      yyyy
implicit   holder  same  same-client   own      yyyy
implicit   holder  same  other-client  own      yyyy
implicit   holder  other same-client   own      yyyy
implicit   holder  other other-client  own      yyyy
implicit   rival   none  same-client   foreign  ....
implicit   rival   none  other-client  foreign  ....
implicit   rival   same  same-client   own      yyyy
implicit   rival   same  other-client  foreign  ....
implicit   rival   other same-client   foreign  ....
implicit   rival   other other-client  foreign  ....
""".strip().splitlines()


def claim(*, deliberate: bool = False, process: Process | None = HOLDER, place: str = "") -> Claim:
    return Claim(
        agent="holder",
        client="client",
        process=process,
        place=place,
        deliberate=deliberate,
        since=NOON,
        until=NOON + LEASE,
    )


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_relation_of_a_caller_to_a_lease_has_its_answer(answer: str) -> None:
    kind, agent, process, client, own, allowed = answer.split()
    # Clients without a process cannot be told apart by it: "none" is none on both sides.
    held = claim(deliberate=kind == "deliberate", process=None if process == "none" else HOLDER)
    told = []
    for anonymous in (False, True):
        caller = Caller(
            client="client" if client == "same-client" else "another",
            agent=None if agent == "unnamed" else agent,
            process={"none": None, "same": HOLDER, "other": OTHER}[process],
            anonymous=anonymous,
        )
        assert held.belongs_to(caller) is (own == "own")
        told += ["y" if held.allows(caller, resuming=each) else "." for each in (False, True)]
    assert "".join(told) == allowed


def test_a_caller_without_a_process_is_not_the_one_that_had_one() -> None:
    assert not claim().belongs_to(Caller(client="client"))


@pytest.mark.parametrize(
    ("agent", "deliberate", "expected"),
    [(None, False, False), (None, True, True), ("ann", False, True)],
)
def test_whoever_gives_itself_a_name_takes_a_lease_deliberately(
    agent: str | None, deliberate: bool, expected: bool
) -> None:
    caller = Caller(client="client", agent=agent, process=HOLDER, place="/here")
    taken = Claim.of(caller, NOON, deliberate=deliberate)

    assert taken == Claim(
        agent=agent or "client",
        client="client",
        process=HOLDER,
        place="/here",
        deliberate=expected,
        since=NOON,
        until=NOON + timedelta(minutes=15),
    )


def test_a_lease_ends_by_itself_fifteen_minutes_after_it_was_renewed() -> None:
    caller, last = Caller(client="client"), NOON + timedelta(minutes=15)

    assert claim().is_alive(caller, last - timedelta(microseconds=1), lambda process: True)
    assert not claim().is_alive(caller, last, lambda process: True)
    assert claim().renewed(NOON + timedelta(minutes=1)).until == last + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("place", "where", "alive"),
    [("/a", "/a", True), ("/a", "/b", False), ("", "/b", True), ("/a", "", True)],
)
def test_a_lease_means_nothing_in_a_copy_of_the_project(
    place: str, where: str, alive: bool
) -> None:
    caller = Caller(client="client", place=where)
    assert claim(place=place).is_alive(caller, NOON, lambda process: True) is alive


def test_a_lease_ends_with_its_process_but_one_without_any_goes_on() -> None:
    caller = Caller(client="client")

    assert not claim().is_alive(caller, NOON, lambda process: process != HOLDER)
    assert claim().is_alive(caller, NOON, lambda process: process == HOLDER)
    assert claim(process=None).is_alive(caller, NOON, lambda process: False)


def test_a_question_renews_a_lease_once_five_minutes_of_it_have_passed() -> None:
    assert timedelta(minutes=5) == RENEWAL
    assert not claim().is_due(NOON + RENEWAL - timedelta(seconds=1))
    assert claim().is_due(NOON + RENEWAL + timedelta(seconds=1))


def test_who_stands_nowhere_stands_in_no_copy() -> None:
    assert claim(place="/a").is_alive(Caller(client="client"), NOON, lambda process: True)
    assert not claim().is_due(NOON + RENEWAL)


def test_a_caller_names_itself_and_lives_nowhere_unless_it_says_so() -> None:
    caller = Caller(client="client")
    told = (caller.name, caller.agent, caller.process, caller.place, caller.anonymous)
    assert told == ("client", None, None, "", False)
    assert Caller(client="client", agent="ann").name == "ann"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("olaf", "olaf"),
        ("person:olaf@pc", "client person olaf@pc"),
        ("PERSON:olaf", "client PERSON olaf"),
        ("mcp:person:olaf", "client mcp person olaf"),
        ("cli", "client cli"),
        ("cli (olaf)", "client cli (olaf)"),
    ],
)
def test_a_client_takes_the_name_of_nobody_else(given: str, name: str) -> None:
    assert client_name(given) == name
    assert by_words(name) == f"agent {name}"


def test_a_person_is_named_alone_and_an_agent_as_one() -> None:
    known = ["person:olaf@pc (page)", "olaf@pc", "mcp:olaf", "cli", "cli (Codex)", "library"]
    said = ["olaf@pc (page)", "agent olaf@pc", "agent olaf", "cli", "cli (Codex)", "library"]
    assert [*map(by_words, known)] == said
