"""Claims: the lease of one agent on the phase that it works on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.text import checked_line
from cde_orchestrator.domain.value import Value

Surface = Literal["mcp", "shell", "run"]

AGENT_LIMIT = 60
"""Characters of an agent's name."""
PERSON = "person:"
"""What the name of a person begins with, where it is said who calls."""
CLIENT = "mcp:"
"""What the name of an MCP client begins with there."""
COMMAND_LINE, LIBRARY, PRODUCT = "cli", "library", "cde"
"""Callers that the product itself names: a command, a program in Python, a repair."""
_OWN_NAMES = frozenset({COMMAND_LINE, LIBRARY, PRODUCT})
LEASE = timedelta(minutes=15)
RENEWAL = timedelta(minutes=5)
"""How much of a lease may pass before a mere question renews it."""


class Process(Value):
    """A process of a machine; ``started`` distinguishes it from another with the same number."""

    pid: int
    started: str
    host: str


class Caller(Value, kw_only=True):
    """Who calls.

    Attributes:
        client: the client's name, as it gave it itself.
        agent: the name that the call gives the agent, if it gives one.
        process: the process that lives as long as the client does; None when it does not.
        place: where the state is; a copy of a project is another place.
        anonymous: a command or a program that names no agent, which takes no lease.
        answers: a program that may answer what waits for a person, in the name of its owner.
        channel: how it is given its work, and what it calls: ``mcp``, tools; ``shell``, commands;
            ``run``, nothing, as an agent that a run started and whose work it submits.
        connection: names the connection to a server that it keeps, or what its commands have in
            common; empty where neither is known.
        program: the agent's program, where only the environment of its commands says it.
        tools: those that it was offered, where it was not all.
    """

    client: str
    agent: str | None = None
    process: Process | None = None
    place: str = ""
    anonymous: bool = False
    answers: bool = False
    channel: Surface = "mcp"
    connection: str = ""
    program: str = ""
    tools: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """Who it is, for records."""
        return self.agent or self.client


def checked_agent(name: str) -> str:
    """The name of an agent, if it is one that no person and no part of the product goes by.

    Raises:
        ValidationError: E302, E303 or E305, the name is not usable.
    """
    line = checked_line("agent", name, AGENT_LIMIT)
    if line != client_name(line):
        reason = f"it must not be {', '.join(sorted(_OWN_NAMES))}, nor begin with "
        reason += f"{PERSON} or {CLIENT}, by which others are known"
        raise ValidationError.of("E305", argument="agent", reason=reason)
    return line


def client_name(name: str) -> str:
    """The name that a client gave itself, without what others are known by."""
    import unicodedata

    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    if plain.partition(" (")[0] in _OWN_NAMES or plain.startswith((PERSON, CLIENT)):
        return f"client {name.replace(':', ' ').strip()}"
    return name


def by_words(by: str) -> str:
    """Who did something, for whoever decides by it: an agent is called one, a person is not."""
    if by.startswith(PERSON):
        return by.removeprefix(PERSON)
    return by if by.partition(" (")[0] in _OWN_NAMES else f"agent {by.removeprefix(CLIENT)}"


def name_commands(agent: str, session: str) -> str:
    """Names what the commands of one agent have in common, in a line of its own length."""
    if not agent and not session:
        return ""
    digest = hashlib.sha256(f"{agent}\n{session}".encode()).hexdigest()
    return f"commands {digest[:16]}"


def is_alive(
    until: datetime,
    place: str,
    process: Process | None,
    caller: Caller,
    now: datetime,
    runs: Callable[[Process], bool],
) -> bool:
    """Whether a lease until then still stands, where the caller is.

    Args:
        until: a lease ends by itself.
        place: where the state was; in a copy of the project, the leases of the original mean
            nothing.
        process: the lease ends with it; None for none.
        caller: who asks.
        now: the present moment.
        runs: whether a process runs; true of one on another machine.
    """
    if now >= until:
        return False
    if place and caller.place and place != caller.place:
        return False
    return process is None or runs(process)


class Claim(Value, kw_only=True):
    """A lease.

    Attributes:
        deliberate: the agent resumed the feature or gave itself a name; otherwise the lease
            came with a start or a submission, by a client that may know nothing of leases.
        taken_from: who held it before, when it was taken over.
    """

    agent: str
    client: str
    process: Process | None
    place: str
    deliberate: bool
    since: datetime
    until: datetime
    taken_from: str | None = None

    @classmethod
    def of(cls, caller: Caller, now: datetime, *, deliberate: bool) -> Claim:
        """A new lease for the caller."""
        return cls(
            agent=caller.name,
            client=caller.client,
            process=caller.process,
            place=caller.place,
            deliberate=deliberate or caller.agent is not None,
            since=now,
            until=now + LEASE,
        )

    def is_alive(self, caller: Caller, now: datetime, runs: Callable[[Process], bool]) -> bool:
        """Whether it still stands, where the caller is; ``runs`` as of ``is_alive``."""
        return is_alive(self.until, self.place, self.process, caller, now, runs)

    def belongs_to(self, caller: Caller) -> bool:
        """Whether the caller is the one who holds it."""
        if caller.agent is not None and caller.agent == self.agent:
            return True
        if caller.agent is not None and self.deliberate:
            return False
        same = self.process is not None and self.process == caller.process
        return same and self.client == caller.client

    def allows(self, caller: Caller, *, resuming: bool) -> bool:
        """Whether the caller may work under it.

        A lease that was not taken deliberately keeps out clients with another name only: a
        client that knows nothing of leases works as if there were none. Resuming is exact.
        """
        if self.belongs_to(caller):
            return True
        if self.deliberate or caller.agent is not None:
            return False
        return caller.anonymous or (caller.client == self.client and not resuming)

    def renewed(self, now: datetime) -> Claim:
        """The lease from now on."""
        return replace(self, until=now + LEASE)

    def is_due(self, now: datetime) -> bool:
        """Whether a question should renew it."""
        return self.until - now < LEASE - RENEWAL
