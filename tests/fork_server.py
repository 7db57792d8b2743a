"""Runs ``cde`` in processes forked from one that has imported everything already.

Most of a short command's time is importing. Each command still is a process of its own, with
its own arguments, environment, folder and pipes, and goes through ``__main__`` to its exit code;
it only skips the imports. Tests of the start itself and of kills start a new interpreter instead.
"""

from __future__ import annotations

import fcntl
import importlib
import io
import marshal
import os
import pkgutil
import resource
import select
import signal
import socket
import sys
import termios
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from tests.forked import received, sent
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
_PRELOADED_FOR_SERVERS = ("anyio._backends._asyncio", "mcp.server.stdio", "uvicorn")


def serve(listener: socket.socket, *, for_servers: bool) -> None:
    """Answer requests until this process is ended."""
    preload(for_servers=for_servers)
    _save_coverage()
    signal.signal(signal.SIGCHLD, lambda *_: None)
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    asking: dict[socket.socket, int] = {}
    while True:
        ready, _, _ = select.select([listener, woken, *asking], [], [])
        for each in ready:
            if each is listener:
                connection, _ = listener.accept()
                asking[connection] = _begin(connection, [listener, woken, waking, *asking])
            elif each is woken:
                woken.recv(4096)
                _report_ends(asking)
            elif each in asking:
                _pass_on(each, asking)


def preload(*, for_servers: bool = False) -> None:
    """Import what commands import, and compile what they compile, once for all of them.

    Args:
        for_servers: whether it is for servers as well.
    """
    import cde_orchestrator
    from cde_orchestrator.adapters.workflows.prompts import JinjaPromptRenderer
    from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
    from cde_orchestrator.application.projects.show_workflows import prompt_problems
    from cde_orchestrator.domain.secret_makes import holds_known_make

    for name in (*_PRELOADED, *(_PRELOADED_FOR_SERVERS if for_servers else ())):
        with suppress(ImportError):  # a part of a library that another version lacks
            importlib.import_module(name)
    for module in pkgutil.walk_packages(cde_orchestrator.__path__, "cde_orchestrator."):
        is_wanted = for_servers or not module.name.startswith(_SERVERS)
        if is_wanted and not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError:  # an extra that is not installed
                continue
    holds_known_make("")
    workflows = YamlWorkflowRepository().load_packaged()
    assert not list(prompt_problems(workflows, JinjaPromptRenderer(), Path(os.sep)))
    assert threading.active_count() == 1, "a thread does not survive a fork"


def _save_coverage() -> None:
    """Where coverage is measured, let commands have their own alone, which they save faster.

    Its lock is not waited for long: a signal that raises while coverage holds it leaves it so.
    """
    coverage = sys.modules.get("coverage")
    measured = coverage.Coverage.current() if coverage is not None else None
    if measured is not None:
        measured.save()
        measured._collector.data_lock = _ShortLock()


class _ShortLock:
    """A lock that is let through after a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self) -> None:
        self._lock.acquire(timeout=1)

    def release(self) -> None:
        with suppress(RuntimeError):  # whoever was let through released it before
            self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def _begin(connection: socket.socket, others: list[socket.socket]) -> int:
    """Run a command; its process id, which is said."""
    data, descriptors, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, 3)
    process = os.fork()
    if process == 0:
        signal.set_wakeup_fd(-1)
        for each in (connection, *others):
            each.close()
        become(marshal.loads(data), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    with suppress(ConnectionError):
        sent(connection, process)
    return process


def _report_ends(asking: dict[socket.socket, int]) -> None:
    """Say the exit codes of commands that have ended."""
    with suppress(ChildProcessError):  # none is left
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            for connection in [each for each, process in asking.items() if process == ended[0]]:
                del asking[connection]
                with connection, suppress(ConnectionError):  # whoever asked is gone
                    sent(connection, os.waitstatus_to_exitcode(ended[1]))


def _pass_on(connection: socket.socket, asking: dict[socket.socket, int]) -> None:
    """Send a command the signal that came for it; SIGKILL where nobody waits for it any more."""
    try:
        number = received(connection)
    except (ConnectionError, EOFError):
        number = signal.SIGKILL
    with suppress(ProcessLookupError):
        os.kill(asking[connection], number)
    if number == signal.SIGKILL:
        del asking[connection]
        connection.close()


def become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Be the command: its streams, folder, environment and arguments, then its code."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if request.get("owns_terminal"):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if request.get("is_powerless"):
        give_up_rights()
    if request.get("umask") is not None:
        os.umask(request["umask"])
    if request.get("files"):
        resource.setrlimit(resource.RLIMIT_NOFILE, request["files"])
    if request.get("memory_bytes"):
        resource.setrlimit(resource.RLIMIT_AS, (request["memory_bytes"],) * 2)
    time.tzset()
    sys.argv = ["cde", *request["words"]]
    reader = io.BufferedReader(io.FileIO(0, closefd=False))
    sys.stdin = io.TextIOWrapper(reader, "utf-8", "surrogateescape")
    sys.stdout = _writer(1, "surrogateescape", line_buffering=os.isatty(1))
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


def main(descriptor: str, kind: str, executable: str) -> None:
    """Be a server of this kind, and say that this Python is another program."""
    sys.executable = executable
    serve(socket.socket(fileno=int(descriptor)), for_servers=kind == "servers")


if __name__ == "__main__":
    main(*sys.argv[1:])
