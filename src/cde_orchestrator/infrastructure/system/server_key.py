"""What a server and the commands of the person who runs it know each other by."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass, field

CHALLENGE = "CDE-Challenge"
"""The header of a request for ``/health`` that is answered with the proof of the challenge."""
PROOF = "CDE-Proof"
TICKET_SECONDS = 600
"""How long an address that signs a browser in may be opened."""
_CHALLENGE_CHARACTERS = 64
_SIGNATURE_CHARACTERS = 20
"""Hexadecimal digits: enough for a word that can only be tried at the server, for minutes."""


@dataclass(frozen=True, slots=True)
class ServerKey:
    """A secret of one server, in a file that only its user can read, and never sent.

    Attributes:
        secret: what everything is derived from.
    """

    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    _used: set[int] = field(default_factory=set, repr=False, compare=False)
    _ended: set[str] = field(default_factory=set, repr=False, compare=False)

    def proof(self, challenge: str) -> str:
        """What only a server with this key can answer to a challenge."""
        return self._signed("proof", challenge[:_CHALLENGE_CHARACTERS])

    def ticket(self, *, person: bool = False) -> str:
        """A word that signs a browser in, once and soon; short, for people copy it.

        ``person`` is whether it was asked for at a terminal: that browser may decide, too.
        """
        until = f"{time.time_ns() + TICKET_SECONDS * 1_000_000_000:x}"
        return f"{until}-{self._ticket_signature(until, person=person)}"

    def is_of_person(self, ticket: str) -> bool:
        """Whether the ticket was asked for at a terminal; it need not be good any more."""
        until, _, signature = ticket.partition("-")
        expected = self._ticket_signature(until, person=True)
        return hmac.compare_digest(signature.encode(), expected.encode())

    def take(self, ticket: str) -> bool:
        """Whether a browser may sign in with the ticket, which is then used up."""
        until, _, signature = ticket.partition("-")
        expected = self._ticket_signature(until, person=False)
        is_good = hmac.compare_digest(signature.encode(), expected.encode())
        if not (self.is_of_person(ticket) or is_good):
            return False
        now = time.time_ns()
        self._used.difference_update([each for each in self._used if each < now])
        is_new = now <= int(until, 16) and int(until, 16) not in self._used
        self._used.add(int(until, 16))
        return is_new

    def session(self) -> str:
        """What a browser is known by that was signed in with a ticket, as long as the key stays."""
        word = secrets.token_hex(16)
        return f"{word}-{self._signed('session', word)}"

    def knows(self, session: str) -> bool:
        """Whether this key gave the session out, and it was not ended."""
        word, _, signature = session.partition("-")
        expected = self._signed("session", word)
        is_own = hmac.compare_digest(signature.encode(), expected.encode())
        return is_own and session not in self._ended

    def end(self, session: str) -> None:
        """Know a session no more."""
        if self.knows(session):
            self._ended.add(session)

    def page_word(self, session: str) -> str:
        """What the pages of a session show that they are this server's own pages by.

        A cookie is sent to every port of a machine, and so to whatever an agent serves there.
        """
        return self._signed("page", session)

    def _ticket_signature(self, until: str, *, person: bool) -> str:
        purpose = "ticket of a person" if person else "ticket"
        return self._signed(purpose, until)[:_SIGNATURE_CHARACTERS]

    def _signed(self, purpose: str, text: str) -> str:
        return hmac.digest(self.secret.encode(), f"{purpose} {text}".encode(), "sha256").hex()
