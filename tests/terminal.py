"""A terminal of its own for a command, on which a person reads and answers."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cde_orchestrator.infrastructure.trust.person import AGENTS
from tests.command_line import CDE, Forked, says_how_to_start

_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def of_a_person(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that agents set."""
    return {name: value for name, value in environment.items() if name not in AGENTS}


class Terminal:
    """The other side of a command's terminal.

    Attributes:
        written: what the command wrote so far, without colours.
        code: the command's exit code, once it has ended.
    """

    def __init__(self, side: int, command: subprocess.Popen[bytes] | Forked) -> None:
        self._side, self._command = side, command
        self._raw = b""
        self.code: int | None = None

    @property
    def written(self) -> str:
        text = self._raw.decode("utf-8", "replace").replace("\r\n", "\n")
        return _STYLE.sub("", text)

    def read_until(self, words: str) -> str:
        """What was written, once it contains these words."""
        while words not in self.written:
            assert self._read(), f"it ended without {words!r}:\n{self.written}"
        return self.written

    def type(self, line: str) -> None:
        """Answer."""
        os.write(self._side, f"{line}\n".encode())

    def end(self) -> str:
        """All that was written, once the command has ended."""
        while self._read():
            pass
        self.code = self._command.wait()
        return self.written

    def _read(self) -> bool:
        part = b""
        with suppress(OSError):  # how a terminal says that its other side is closed
            part = os.read(self._side, 65_536)
        self._raw += part
        return bool(part)


@contextmanager
def terminal(
    *words: str,
    cwd: Path,
    environment: Mapping[str, str],
    within: Sequence[str] = (),
    kind: str = "commands",
) -> Iterator[Terminal]:
    """Start ``cde`` with these words on a terminal that is its own, and by a program ``within``."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 120, 0, 0))

    variables = {**environment, "TERM": "xterm-256color"}
    try:
        command = _started(words, cwd, variables, theirs, within, kind)
    finally:
        os.close(theirs)
    try:
        yield Terminal(ours, command)
    finally:
        command.kill()
        command.wait()
        os.close(ours)


def _started(
    words: Sequence[str],
    cwd: Path,
    variables: Mapping[str, str],
    side: int,
    within: Sequence[str],
    kind: str,
) -> subprocess.Popen[bytes] | Forked:
    """The command on this side of a terminal; forked, where nothing else is to start it."""
    streams = (side, side, side)
    if not within and not says_how_to_start(variables):
        return Forked(
            *words,
            cwd=cwd,
            environment=variables,
            streams=streams,
            kind=kind,
            owns_terminal=True,
        )

    def make_own() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    return subprocess.Popen(
        [*within, *CDE, *words],
        cwd=cwd,
        env=variables,
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
        preexec_fn=make_own,  # noqa: PLW1509 - the child is single-threaded
    )


def at_terminal(words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """What a program wrote that a person starts at a terminal, and what the terminal showed."""
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        words, cwd=cwd, env=environment, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    shown = Terminal(ours, program)
    reader = threading.Thread(target=shown.end)  # a terminal that nobody reads is full soon
    reader.start()
    try:
        assert program.stdout is not None
        with program.stdout as output:
            written = output.read().decode()
        reader.join()
    finally:
        os.close(ours)
    assert shown.code == 0, shown.written
    return written, shown.written
