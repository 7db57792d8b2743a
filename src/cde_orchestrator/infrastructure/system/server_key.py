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

    def proof(self, challenge: str) -> str:
        """What only a server with this key can answer to a challenge."""
        return self._signed("proof", challenge[:_CHALLENGE_CHARACTERS])

    def ticket(self) -> str:
        """A word that signs a browser in, once and soon; short, for people copy it."""
        until = f"{time.time_ns() + TICKET_SECONDS * 1_000_000_000:x}"
        return f"{until}-{self._signed('ticket', until)[:_SIGNATURE_CHARACTERS]}"

    def take(self, ticket: str) -> bool:
        """Whether a browser may sign in with the ticket, which is then used up."""
        until, _, signature = ticket.partition("-")
        expected = self._signed("ticket", until)[:_SIGNATURE_CHARACTERS]
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return False
        now = time.time_ns()
        self._used.difference_update([each for each in self._used if each < now])
        is_new = now <= int(until, 16) and int(until, 16) not in self._used
        self._used.add(int(until, 16))
        return is_new

    def _signed(self, purpose: str, text: str) -> str:
        return hmac.digest(self.secret.encode(), f"{purpose} {text}".encode(), "sha256").hex()
