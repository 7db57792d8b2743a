"""What a program is sent while it runs comes in order, and stops nobody."""

from __future__ import annotations

import os

import pytest

from cde_orchestrator.adapters.runners.protocol.message_pipe import MessagePipe

MUCH = b"x" * 1_000_000
"""More than a pipe takes at once."""


def test_what_is_sent_is_read_in_order_up_to_its_end() -> None:
    pipe = MessagePipe()
    for line in (b"one\n", b"two\n"):
        pipe.send(line)
    pipe.end()

    assert pipe.stdin.read() == b"one\ntwo\n"
    pipe.close()


@pytest.mark.timeout(60)
def test_a_reader_that_is_left_and_reads_nothing_is_not_waited_for() -> None:
    pipe = MessagePipe()
    left = os.dup(pipe.stdin.fileno())
    pipe.send(MUCH)

    pipe.close()

    os.close(left)
    assert pipe.stdin.closed
