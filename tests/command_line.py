"""``cde`` as a program: a process of its own for each command."""

from __future__ import annotations

import atexit
import marshal
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import RLock, Thread
from typing import Any

from tests import forked, powerless
from tests.session_guard import session_folder

CDE = [sys.executable, "-m", "cde_orchestrator"]
TIMEOUT_SECONDS = 100.0
_MEASURED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
"""What lets coverage be measured in other processes; a test may spare its own from it."""
_starting = RLock()


def cde(
    *words: str,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = TIMEOUT_SECONDS,
    kind: str = "commands",
    is_powerless: bool = False,
    memory_bytes: int | None = None,
    umask: int | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end.

    Args:
        words: the command's arguments.
        cwd: the folder it is run in.
        environment: the whole of it; this process's own when None.
        stdin: what it can read.
        timeout: seconds after which it is killed.
        kind: ``installed`` for the command of ``installation``.
        is_powerless: whether it has no rights over what is others', though it is root's.
        memory_bytes: what it may address, if not as much as the system lets it.
        umask: its own, if not this process's.
    """
    variables = dict(os.environ if environment is None else environment)
    if says_how_to_start(variables):
        assert memory_bytes is umask is None, "only a forked command can be held to it"
        command = [*(powerless.START if is_powerless else ()), *CDE, *words]
        return _run(command, cwd=cwd, env=variables, input=stdin, timeout=timeout)
    given, taken = os.pipe()
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    started = Forked(
        *words,
        cwd=cwd,
        environment=variables,
        streams=(given, out_end, err_end),
        kind=kind,
        is_powerless=is_powerless,
        memory_bytes=memory_bytes,
        umask=umask,
    )
    for descriptor in (given, out_end, err_end):
        os.close(descriptor)
    outputs = [_Reader(out), _Reader(err)]
    feeding = Thread(target=_feed, args=(taken, stdin), daemon=True)
    feeding.start()
    code = started.wait(timeout)
    feeding.join()
    printed, said = (reader.whole() for reader in outputs)
    return subprocess.CompletedProcess([*CDE, *words], code, printed, said)


class Forked:
    """A command that runs beside the test, forked from a process that has imported everything.

    Args:
        words: the command's arguments.
        cwd: the folder it is run in.
        environment: the whole of it; it says nothing of how an interpreter starts.
        streams: its standard input, output and error, which stay open here.
        kind: of the server that forks it.
        request: what else it is held to, as ``fork_server.become`` knows it.
    """

    def __init__(
        self,
        *words: str,
        cwd: Path,
        environment: Mapping[str, str],
        streams: Sequence[int],
        kind: str = "commands",
        **request: object,
    ) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(_fork_server(kind))
        request |= {"words": words, "folder": str(cwd), "environment": dict(environment)}
        socket.send_fds(self._connection, [marshal.dumps(request)], list(streams))
        self._process = forked.received(self._connection)
        self._code: int | None = None

    def wait(self, timeout: float = TIMEOUT_SECONDS) -> int:
        """Its exit code, once it has ended; it is killed when it does not in time."""
        if self._code is None:
            self._connection.settimeout(timeout)
            try:
                self._code = forked.received(self._connection)
            except TimeoutError:
                os.kill(self._process, signal.SIGKILL)
                raise
            finally:
                self._connection.close()
        return self._code

    def kill(self) -> None:
        """End it, where it did not end by itself."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            self.wait()


def _run(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, check=False, **options)


def in_words(
    done: subprocess.CompletedProcess[bytes],
) -> subprocess.CompletedProcess[str]:
    """The same with its output as text."""
    out, err = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def says_how_to_start(variables: Mapping[str, str]) -> bool:
    """Whether the environment tells the interpreter something that this one was not told."""
    told = {name for name in {*variables, *os.environ} if name.startswith(("PYTHON", "LC_"))}
    return any(variables.get(name) not in {None, os.environ.get(name)} for name in told)


class _Reader(Thread):
    """Reads a pipe to its end."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = descriptor
        self._content = b""
        self.start()

    def run(self) -> None:
        with os.fdopen(self._descriptor, "rb") as stream:
            self._content = stream.read()

    def whole(self) -> bytes:
        """What was written, once nobody can write any more."""
        self.join(TIMEOUT_SECONDS)
        assert not self.is_alive(), "a process that the command left behind holds its output"
        return self._content


def _feed(descriptor: int, content: bytes) -> None:
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
    except BrokenPipeError:
        return  # the command ended without reading it


def program(
    environment: Mapping[str, str] | None = None, *, is_powerless: bool = False, forks: bool = True
) -> list[str]:
    """The words that start ``cde`` as a program, before its arguments.

    It is forked from a process that has imported a server, where that can be.

    Args:
        environment: what it is given in addition to this process's own.
        is_powerless: whether it has no rights over what is others'.
        forks: whether it may be; what its starter kills is better the process that was started.
    """
    if not forks or says_how_to_start(environment or {}):
        return [*(powerless.START if is_powerless else ()), *CDE]
    rights = "powerless" if is_powerless else "powerful"
    return [sys.executable, "-I", "-S", "-B", forked.__file__, _fork_server("servers"), rights]


def became(words: Sequence[str], process: int) -> int:
    """The process that does what such a program is asked for: itself, or the one it has forked."""
    if forked.__file__ not in words:
        return process
    link = Path(forked.of_program(words[words.index(forked.__file__) + 1], process))
    while not link.is_symlink():
        os.sched_yield()  # it answers already, and did not yet say who does
    return int(link.readlink().name)


@cache
def installation() -> Path:
    """A folder with ``python`` and ``cde``, as an installation has one; the latter is forked."""
    folder = session_folder() / "bin"
    folder.mkdir()
    for name, words in {"python": [sys.executable], "cde": program()}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def _fork_server(kind: str) -> str:
    """The address of this process's forking server for a kind, started with the first command."""
    with _starting:
        return _started(kind)


@cache
def _started(kind: str) -> str:
    """The address of a forking server that was just started."""
    address = str(session_folder() / kind)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    executable = str(installation() / "python") if kind == "installed" else sys.executable
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fork_server", str(listener.fileno()), kind, executable],
        cwd=Path(__file__).parents[1],
        env={**os.environ, **_MEASURED},
        stdin=subprocess.DEVNULL,
        pass_fds=[listener.fileno()],
    )
    listener.close()

    @atexit.register
    def end() -> None:
        server.terminate()
        server.wait()

    return address
