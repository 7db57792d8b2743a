"""A command that is watched while it runs, and of which no process is left afterwards."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from cde_orchestrator.infrastructure import process_guard
from cde_orchestrator.infrastructure.process_guard import GRACE_SECONDS, MARK, kill_marked

LINE_LIMIT = 2_000
"""Characters of a line of output; a longer one is passed on in pieces."""

_CHUNK = 65_536
_LINES_WAITING = 1_000

_Event = tuple[Literal["line", "end_of_output", "exit", "stop"], str]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended.

    Attributes:
        exit_code: its exit code; 128 and the signal's number when a signal ended it.
        cause: ``exit`` of its own, ``timeout``, or ``stop`` when it was ended by ``stop``.
    """

    exit_code: int
    cause: Literal["exit", "timeout", "stop"]


class SupervisedProcess:
    """One run of one command, in a process group of its own.

    Args:
        command: its arguments, the program first.
        folder: where it runs.
        environment: all that it sees of the environment.
        stdin: what it reads; nothing when None.
        grace_seconds: how long it may take to end when it is asked to.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        stdin: IO[bytes] | None = None,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._run_id = uuid.uuid4().hex
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._grace_seconds = grace_seconds
        self._exited = threading.Event()
        self._room = threading.Semaphore(_LINES_WAITING)
        held, self._lifeline = os.pipe()
        guard = [sys.executable, "-I", str(Path(process_guard.__file__)), str(held)]
        try:
            self._process = subprocess.Popen(
                [*guard, *command],
                cwd=folder,
                env={**environment, MARK: self._run_id},
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(held,),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(held)
        for work in (self._read, self._wait):
            threading.Thread(target=work, name="cde-supervisor", daemon=True).start()

    def stop(self) -> None:
        """End it, from any thread."""
        self._events.put(("stop", ""))

    def watch(self, on_line: Callable[[str], None], timeout_seconds: float) -> Ending:
        """Pass on its output until it ends; end it when it takes too long.

        Whatever happens here, an exception of ``on_line`` and Ctrl-C too, none of its
        processes is left afterwards.
        """
        deadline = time.monotonic() + timeout_seconds
        try:
            while (left := deadline - time.monotonic()) > 0:
                try:
                    kind, text = self._events.get(timeout=left)
                except queue.Empty:
                    break
                if kind == "line":
                    self._room.release()
                    on_line(text)
                elif kind == "stop":
                    return Ending(self._end(), "stop")
                elif kind == "exit":
                    self._sweep()
                    self._rest(on_line)
                    return Ending(self._end(), "exit")
            return Ending(self._end(), "timeout")
        finally:
            self._end()
            self._room.release(_LINES_WAITING)
            os.close(self._lifeline)

    def _end(self) -> int:
        """Ask it to end, then make it; the exit code."""
        if self._process.returncode is None:
            if not self._exited.is_set():
                self._signal(signal.SIGTERM)
                self._exited.wait(self._grace_seconds)
            self._sweep()
            self._exited.wait()  # whoever reaps it earlier takes it away from the waiting thread
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def _sweep(self) -> None:
        self._signal(signal.SIGKILL)
        kill_marked(self._run_id)

    def _signal(self, number: int) -> None:
        """Signal the group; its leader is not reaped yet, so that the number is still its own."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _rest(self, on_line: Callable[[str], None]) -> None:
        """What was still on its way when it ended."""
        with suppress(queue.Empty):
            while (event := self._events.get(timeout=self._grace_seconds))[0] != "end_of_output":
                if event[0] == "line":
                    self._room.release()
                    on_line(event[1])

    def _wait(self) -> None:
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self._exited.set()
        self._events.put(("exit", ""))

    def _read(self) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101 - for the type checker: it is a pipe
        rest = b""
        with output:
            while chunk := os.read(output.fileno(), _CHUNK):
                *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
                for line in lines:
                    self._pass_on(line)
                if len(rest) > _CHUNK:
                    self._pass_on(rest)
                    rest = b""
        self._pass_on(rest)
        self._events.put(("end_of_output", ""))

    def _pass_on(self, line: bytes) -> None:
        for start in range(0, len(line), LINE_LIMIT):
            text = line[start : start + LINE_LIMIT].decode("utf-8", "replace")
            if text.strip():
                self._room.acquire()
                self._events.put(("line", text))
