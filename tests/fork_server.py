"""Runs ``cde`` in processes forked from one that has imported everything already.

Most of a short command's time is importing. Each command still is a process of its own, with
its own arguments, environment, folder and pipes, and goes through ``__main__`` to its exit code;
it only skips the imports. Tests of the start itself, of signals and of servers start a new
interpreter instead.
"""

from __future__ import annotations

import importlib
import io
import os
import pickle
import pkgutil
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from typing import Any, NoReturn

from tests.powerless import give_up_rights

_REQUEST_BYTES = 4 * 1024 * 1024
# Named by nobody at import, but needed by nearly every command.
_PRELOADED = (
    "jinja2.sandbox",
    "orjson",
    "psutil",
    "rich.console",
    "rich.live",
    "rich.markdown",
    "rich.panel",
    "rich.progress",
    "rich.syntax",
    "rich.table",
    "rich.traceback",
    "typer._adapters",
    "typer.rich_utils",
    "yaml",
)
_SERVERS = ("cde_orchestrator.mcp_tools", "cde_orchestrator.server", "cde_orchestrator.web")


def serve(listener: socket.socket) -> None:
    """Answer requests until the listener's other end is closed."""
    preload()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever is done needs no burial
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _attend(connection)
        connection.close()


def preload() -> None:
    """Import what commands import, once for all of them."""
    import cde_orchestrator

    for name in _PRELOADED:
        with suppress(ImportError):  # a part of a library that another version lacks
            importlib.import_module(name)
    for module in pkgutil.walk_packages(cde_orchestrator.__path__, "cde_orchestrator."):
        if not module.name.startswith(_SERVERS) and not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError:  # an extra that is not installed
                continue
    assert threading.active_count() == 1, "a thread does not survive a fork"


def _attend(connection: socket.socket) -> NoReturn:
    """Run one command, and tell its process id and then its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, descriptors, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, 3)
    process = os.fork()
    if process == 0:
        connection.close()
        become(pickle.loads(data), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    connection.sendall(pickle.dumps(process).ljust(32, b"\0"))
    _, status = os.waitpid(process, 0)
    connection.sendall(pickle.dumps(os.waitstatus_to_exitcode(status)).ljust(32, b"\0"))
    os.kill(os.getpid(), signal.SIGKILL)  # leaves without what others do at their exit
    raise AssertionError


def become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Be the command: its streams, folder, environment and arguments, then its code."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if request.get("is_powerless"):
        give_up_rights()
    if request.get("memory_bytes"):
        resource.setrlimit(resource.RLIMIT_AS, (request["memory_bytes"],) * 2)
    time.tzset()
    sys.argv = ["cde", *request["words"]]
    reader = io.BufferedReader(io.FileIO(0, closefd=False))
    sys.stdin = io.TextIOWrapper(reader, "utf-8", "surrogateescape")
    sys.stdout = _writer(1, "surrogateescape")
    sys.stderr = _writer(2, "backslashreplace", line_buffering=True)
    code = _run()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 120  # as the interpreter has it
    os._exit(code)


def _run() -> int:
    from cde_orchestrator.__main__ import main

    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        return 1
    finally:
        _end()
    return 0


def _end() -> None:
    """Do what the interpreter does at its end: threads, then what was registered."""
    import atexit

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()


def _writer(descriptor: int, errors: str, *, line_buffering: bool = False) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, "utf-8", errors, line_buffering=line_buffering)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
