"""Whose the other end of a connection is, as the system says."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing

import pytest

from cde_orchestrator.infrastructure.system import peers
from cde_orchestrator.infrastructure.system.peers import _users, is_of_another_user


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says whose a socket is")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_user_at_the_other_end_is_known(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.create_server((host, 0), family=family)) as listener:
        port = listener.getsockname()[1]
        with closing(socket.create_connection((host, port))) as client:
            ports = client.getsockname()[1], port
            assert {*_users(*ports)} == {os.geteuid()}
            assert not is_of_another_user(*ports)
            monkeypatch.setattr(peers, "_users", lambda *_: iter([os.geteuid(), os.geteuid() + 1]))
            assert is_of_another_user(*ports)


def test_of_a_connection_that_is_not_here_nothing_is_said() -> None:
    assert not is_of_another_user(1, 1)
