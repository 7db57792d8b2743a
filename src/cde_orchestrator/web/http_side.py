"""Where and to whom a server answers over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from socket import socket

from cde_orchestrator.infrastructure.system.server_key import ServerKey


@dataclass(frozen=True, slots=True)
class HttpSide:
    """Where and to whom something is served over HTTP.

    Attributes:
        host: the name that the listener was bound by.
        listener: a socket that listens already.
        token: what every request must bear; None for no token.
        allowed: further names by which the server may be asked.
        read_only: whether nothing can be changed over the pages.
        key: what commands of the same user know the server by.
    """

    host: str
    listener: socket
    token: str | None
    allowed: Sequence[str] = ()
    read_only: bool = False
    key: ServerKey = field(default_factory=ServerKey)

    @property
    def address(self) -> str:
        """The numeric address that it is bound to."""
        return str(self.listener.getsockname()[0])

    @property
    def port(self) -> int:
        """The port that it is bound to."""
        return int(self.listener.getsockname()[1])
