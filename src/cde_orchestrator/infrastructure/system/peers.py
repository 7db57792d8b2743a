"""Which user is at the other end of a connection within this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def is_of_another_user(client_port: int, server_port: int) -> bool:
    """Whether neither this process's user nor root has the client's end, where Linux says so.

    Of a client on another machine there is nothing to be known.
    """
    return not {os.geteuid(), 0}.issuperset(_users(client_port, server_port))


def _users(client_port: int, server_port: int) -> Iterator[int]:
    """The ids of the users who have a socket between these ports, the client's end."""
    for table in _TABLES:
        with suppress(OSError):
            for line in table.read_text("ascii").splitlines()[1:]:
                _, own, other, *_, user = line.split()[:8]
                ports = (int(own.rpartition(":")[2], 16), int(other.rpartition(":")[2], 16))
                if ports == (client_port, server_port):
                    yield int(user)
