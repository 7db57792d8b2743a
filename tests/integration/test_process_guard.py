"""The program that ends a command when the parent dies."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from cde_orchestrator.infrastructure.system.process_guard import (
    MARK,
    kill_marked,
    marked_processes,
)

GUARD = [sys.executable, "-m", "cde_orchestrator.infrastructure.system.process_guard"]
STAY = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
IGNORED = ("grep", "SigIgn", "/proc/self/status")
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAY}"


@contextmanager
def guarded(*command: str) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """The guard over a command, and the end of the socket that the parent holds."""
    lifeline, held = socket.socketpair()
    process = subprocess.Popen(
        [*GUARD, str(held.fileno()), *command],
        env={**os.environ, MARK: f"test-{lifeline.fileno()}-{os.getpid()}"},
        pass_fds=(held.fileno(),),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    held.close()
    try:
        yield process, lifeline
    finally:
        lifeline.close()
        process.kill()
        process.communicate()


def first_word(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def is_gone(number: int) -> bool:
    _, alive = psutil.wait_procs(
        [each for each in psutil.process_iter() if each.pid == number], timeout=60
    )
    return not alive


def test_it_ends_as_the_command_ends() -> None:
    for code, expected in (("raise SystemExit(7)", 7), ("import os; os.abort()", 128 + 6)):
        with guarded(sys.executable, "-c", code) as (process, lifeline):
            assert process.wait(60) == expected
            lifeline.close()


def test_a_command_that_cannot_be_started_is_told() -> None:
    with guarded("/no/such/program") as (process, lifeline):
        assert lifeline.recv(16) == str(errno.ENOENT).encode()
        assert process.wait(60) == 127
        lifeline.close()


def test_the_command_ends_when_the_parent_dies() -> None:
    for code in (STAY, DEAF):
        with guarded(sys.executable, "-c", code) as (process, lifeline):
            command = first_word(process)
            lifeline.close()  # what the kernel does for a parent that died
            assert process.wait(60) == -signal.SIGKILL
            assert is_gone(command)


def ignored_signals(line: str) -> set[int]:
    """Of those that a program can set; the C library keeps a few for itself."""
    bits = int(line.split()[1], 16)
    return {number for number in signal.valid_signals() if bits >> (number - 1) & 1}


def test_the_command_begins_with_no_signal_ignored_however_the_parent_began() -> None:
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        before = signal.signal(ignored, signal.SIG_IGN)
        try:
            with guarded(*IGNORED) as (process, lifeline):
                assert process.stdout is not None
                assert ignored_signals(process.stdout.readline()) == set(), ignored
                assert process.wait(60) == 0
                lifeline.close()
        finally:
            signal.signal(ignored, before)


def test_a_request_to_end_reaches_the_command_alone() -> None:
    with guarded(sys.executable, "-c", STAY) as (process, lifeline):
        first_word(process)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
        lifeline.close()


def test_marked_processes_are_found_and_killed() -> None:
    environment = {**os.environ, MARK: "a-run"}
    with subprocess.Popen(
        [sys.executable, "-c", STAY], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert first_word(process) == process.pid
        assert marked_processes("a-run") == [process.pid]
        assert marked_processes("a-ru") == []
        assert kill_marked("a-run") >= 1
        assert process.wait(60) == -signal.SIGKILL
    assert kill_marked("a-run") == 0
