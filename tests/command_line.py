"""``cde`` as a program: a process of its own for each command."""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Thread

from tests import powerless
from tests.session_guard import session_folder

CDE = [sys.executable, "-m", "cde_orchestrator"]
TIMEOUT_SECONDS = 100.0


def cde(
    *words: str,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = TIMEOUT_SECONDS,
    is_powerless: bool = False,
    memory_bytes: int | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end.

    Args:
        words: the command's arguments.
        cwd: the folder it is run in.
        environment: the whole of it; this process's own when None.
        stdin: what it can read.
        timeout: seconds after which it is killed.
        is_powerless: whether it has no rights over what is others', though it is root's.
        memory_bytes: what it may address, if not as much as the system lets it.
    """
    variables = dict(os.environ if environment is None else environment)
    if _says_how_to_start(variables):
        assert memory_bytes is None, "only a forked command can be held to it"
        return subprocess.run(
            [*(powerless.START if is_powerless else ()), *CDE, *words],
            cwd=cwd,
            env=variables,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    given, taken = os.pipe()
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(_fork_server())
        connection.settimeout(timeout)
        request = {
            "words": words,
            "folder": str(cwd),
            "environment": variables,
            "is_powerless": is_powerless,
            "memory_bytes": memory_bytes,
        }
        socket.send_fds(connection, [pickle.dumps(request)], [given, out_end, err_end])
        for descriptor in (given, out_end, err_end):
            os.close(descriptor)
        process = _told(connection)
        outputs = [_Reader(out), _Reader(err)]
        feeding = Thread(target=_feed, args=(taken, stdin), daemon=True)
        feeding.start()
        try:
            code = _told(connection)
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            raise
        feeding.join()
    printed, said = (reader.whole() for reader in outputs)
    return subprocess.CompletedProcess([*CDE, *words], code, printed, said)


def in_words(
    done: subprocess.CompletedProcess[bytes],
) -> subprocess.CompletedProcess[str]:
    """The same with its output as text."""
    out, err = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def _says_how_to_start(variables: Mapping[str, str]) -> bool:
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


def _told(connection: socket.socket) -> int:
    data = b""
    while len(data) < 32:
        part = connection.recv(32 - len(data))
        if not part:
            raise RuntimeError("the server of commands ended")
        data += part
    number: int = pickle.loads(data)
    return number


@cache
def _fork_server() -> str:
    """The address of this process's server of commands, started with the first one."""
    address = str(session_folder() / "commands")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fork_server", str(listener.fileno())],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.DEVNULL,
        pass_fds=[listener.fileno()],
    )
    listener.close()

    @atexit.register
    def end() -> None:
        server.terminate()
        server.wait()

    return address
