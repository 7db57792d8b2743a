"""The one way in which checks and agents are run: watched, and no process is left afterwards."""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Literal

from cde_orchestrator.infrastructure.system import process_guard, programs
from cde_orchestrator.infrastructure.system.cancellation import present_cancellation
from cde_orchestrator.infrastructure.system.process_guard import GRACE_SECONDS, MARK, kill_marked
from cde_orchestrator.infrastructure.system.retry import is_transient_on_starting

LINE_LIMIT = 2_000
"""Bytes of a line; a longer one is passed on in pieces."""
STOP_SECONDS = 1.0
"""How long a command may take to end when whoever waited for it does no longer."""

CANCEL_SECONDS = 0.5
"""How long a process may take to end when its call is cancelled."""

_UNENDED_LIMIT = 65_536
_CHUNK_BYTES = 65_536
_CHUNKS_WAITING = 64

_Event = tuple[str, bytes]
"""``output`` or ``errors`` with a piece, ``end`` with which of the two, ``exit``, ``stop``."""


class NotStartedError(OSError):
    """The command could not be started; ``strerror`` says why."""


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
        environment: all that it sees of the environment.
        stdin: what it reads; nothing when None.
        goodbye: asks it to end in its own way, before any signal does; it gets half of the time.
        errors_apart: whether its standard error is passed on apart from its output.
        grace_seconds: how long it may take to end when it is asked to.

    Raises:
        NotStartedError: it cannot be run in that folder, or with these arguments.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        stdin: IO[bytes] | None = None,
        goodbye: Callable[[], None] | None = None,
        errors_apart: bool = False,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._run_id = uuid.uuid4().hex
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._grace_seconds = grace_seconds
        self._goodbye = goodbye
        self._exited = threading.Event()
        self._report = b""
        self._room = threading.Semaphore(_CHUNKS_WAITING)
        # Both ends close by themselves when either process ends, however it does.
        self._lifeline, held = socket.socketpair()
        guard = [sys.executable, *programs.ALONE, process_guard.__file__, str(held.fileno())]
        try:
            self._process = programs.start(
                [*guard, *command],
                folder=folder,
                env={**environment, MARK: self._run_id},
                stdin=stdin or programs.NOTHING,
                stdout=programs.PIPE,
                stderr=programs.PIPE if errors_apart else programs.WITH_OUTPUT,
                pass_fds=(held.fileno(),),
            )
        except (OSError, ValueError) as error:
            self._lifeline.close()
            number, words = getattr(error, "errno", None), getattr(error, "strerror", None)
            raise NotStartedError(number, words or str(error)) from error
        finally:
            held.close()
        streams = {"output": self._process.stdout, "errors": self._process.stderr}
        self._open = {kind: stream for kind, stream in streams.items() if stream is not None}
        reads = [partial(self._read, *each) for each in self._open.items()]
        for work in (*reads, partial(self._wait)):
            threading.Thread(target=work, name="cde-supervisor", daemon=True).start()

    def stop(self) -> None:
        """End it, from any thread."""
        self._events.put(("stop", b""))

    def _cancel(self) -> None:
        """End it within a second, also where it does not end when it is asked to."""
        self._grace_seconds = min(self._grace_seconds, CANCEL_SECONDS)
        self.stop()

    def watch(
        self,
        on_output: Callable[[bytes], None],
        timeout_seconds: float,
        on_errors: Callable[[bytes], None] = lambda _data: None,
    ) -> Ending:
        """Pass on its output until it ends; end it when it takes too long.

        Whatever happens here, an exception of ``on_output`` and Ctrl-C too, none of its
        processes is left afterwards.

        Raises:
            NotStartedError: there is no such program, or it may not be run.
            CallCancelledError: whoever called cancelled the call for which it runs.
        """
        try:
            with present_cancellation().stopping(self._cancel):
                takers = {"output": on_output, "errors": on_errors}
                return self._watched(takers, time.monotonic() + timeout_seconds)
        finally:
            self._end(min(STOP_SECONDS, self._grace_seconds))
            self._room.release(_CHUNKS_WAITING)
            self._lifeline.close()

    def _watched(self, takers: Mapping[str, Callable[[bytes], None]], deadline: float) -> Ending:
        while (left := deadline - time.monotonic()) > 0:
            try:
                kind, data = self._events.get(timeout=left)
            except queue.Empty:
                break
            if take := takers.get(kind):
                self._room.release()
                take(data)
            elif kind == "end":
                del self._open[data.decode()]
            elif kind == "stop":
                return self._ending("stop")
            elif kind == "exit":
                self._sweep()
                self._rest(takers)
                return self._ending("exit")
        return self._ending("timeout")

    def _ending(self, cause: Literal["exit", "timeout", "stop"]) -> Ending:
        at_once = cause == "stop"
        code = self._end(min(STOP_SECONDS, self._grace_seconds) if at_once else self._grace_seconds)
        if self._report:
            number = int(self._report)
            raise NotStartedError(number, os.strerror(number))
        return Ending(code, cause)

    def _end(self, grace_seconds: float) -> int:
        """Ask it to end, then make it; the exit code."""
        if self._process.returncode is None:
            if self._goodbye is not None and not self._exited.is_set():
                grace_seconds /= 2
                self._goodbye()
                self._exited.wait(grace_seconds)
            if not self._exited.is_set():
                self._signal(signal.SIGTERM)
                self._exited.wait(grace_seconds)
            self._sweep()
            self._exited.wait()
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def _sweep(self) -> None:
        self._signal(signal.SIGKILL)
        kill_marked(self._run_id)

    def _signal(self, number: int) -> None:
        """Signal the group; its leader is not reaped yet, so that the number is still its own."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _rest(self, takers: Mapping[str, Callable[[bytes], None]]) -> None:
        """What was still on its way when it ended."""
        with suppress(queue.Empty):
            while self._open:
                kind, data = self._events.get(timeout=self._grace_seconds)
                if take := takers.get(kind):
                    self._room.release()
                    take(data)
                elif kind == "end":
                    del self._open[data.decode()]

    def _wait(self) -> None:
        """Wait for the guard's end of the lifeline to close, which it does as the guard ends.

        Nothing reaps the guard before, so that its number stays its own.
        """
        with suppress(OSError):
            while data := self._lifeline.recv(16):
                self._report += data
        self._exited.set()
        self._events.put(("exit", b""))

    def _read(self, kind: str, stream: IO[bytes]) -> None:
        with stream:
            while data := os.read(stream.fileno(), _CHUNK_BYTES):
                self._room.acquire()
                self._events.put((kind, data))
        self._events.put(("end", kind.encode()))


class OutputLines:
    """Takes pieces of output as they come, and passes on each line but blank ones.

    Args:
        on_line: gets the lines.
        longest: bytes of a line; a longer one is passed on in pieces.
    """

    def __init__(self, on_line: Callable[[str], None], longest: int = LINE_LIMIT) -> None:
        self._on_line = on_line
        self._longest = longest
        self._rest = b""

    def add(self, data: bytes) -> None:
        """Take a piece; what goes back to the beginning of a line begins a new one."""
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._pass_on(line)
        if len(self._rest) > max(_UNENDED_LIMIT, self._longest):
            self.end()

    def end(self) -> None:
        """Pass on what has no end of line."""
        rest, self._rest = self._rest, b""
        self._pass_on(rest)

    def _pass_on(self, line: bytes) -> None:
        for start in range(0, len(line), self._longest):
            text = line[start : start + self._longest].decode("utf-8", "replace")
            if text.strip():
                self._on_line(text)


def may_start_later(error: BaseException) -> bool:
    """Whether the command never began, for a reason that may be gone in a moment."""
    return isinstance(error, NotStartedError) and is_transient_on_starting(error)
