"""A call of ``cde_startFeature`` with its log, beside the same call without a line of it.

Two servers run over stdio, each with a project of its own; one logs as it does by default, the
other one nothing below CRITICAL. They are called in turns, in short rounds, and each round of
the one is compared with the round of the other that stands beside it: a machine that does other
work, too, slows both. What they use of the processor says the same without the disk.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measure import Figure, own_folder, timed
from benchmarks.stdio_server import StdioServer

ALLOWED = 1.15
ROUNDS = 150
_CALLS = 5
"""Calls of a round: short, that both meet the same weather."""
_WARM_UP = 4
_CPU_ROUNDS = 10
"""Rounds that a figure of the processor's time is made of, for it is told in hundredths."""


class _Caller:
    """Calls one of the servers, and keeps what that took."""

    def __init__(self, server: StdioServer) -> None:
        self._server = server
        self._number = 0
        self._cpu = 0.0
        self.wall_ms: list[float] = []
        self.cpu_ms: list[float] = []
        server.shake_hands()
        server.call("cde_onboardProject", {"path": "."})

    def round(self) -> None:
        """Start some features."""
        self.wall_ms.append(timed(self._start)() / _CALLS)

    def look_at_processor(self) -> None:
        """Keep what the processor did since this was asked the last time."""
        before, self._cpu = self._cpu, self._server.cpu_seconds()
        self.cpu_ms.append((self._cpu - before) * 1000 / _CALLS / _CPU_ROUNDS)

    def forget(self) -> None:
        """Leave away what was so far."""
        self.look_at_processor()
        self.wall_ms.clear()
        self.cpu_ms.clear()

    def _start(self) -> None:
        for _ in range(_CALLS):
            self._number += 1
            arguments = {"prompt": "Add a line to the report", "name": f"line-{self._number}"}
            self._server.call("cde_startFeature", arguments)


def _server(folder: Path, **environment: str) -> StdioServer:
    folder.mkdir()
    words = ("-m", "cde_orchestrator", "serve", "--project", str(folder))
    kept = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)}
    return StdioServer(*words, folder=folder, environment={**kept, **environment})


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Measure what the log of a call costs."""
    with own_folder() as root, ExitStack() as stack:
        logged = _Caller(stack.enter_context(_server(root / "talking")))
        silent = _Caller(stack.enter_context(_server(root / "quiet", CDE_LOG_LEVEL="CRITICAL")))
        for number in range(_WARM_UP + rounds):
            if number == _WARM_UP:
                logged.forget()
                silent.forget()
            # Neither of the two comes first every time.
            for caller in (logged, silent)[:: (-1) ** number]:
                caller.round()
            if (number - _WARM_UP) % _CPU_ROUNDS == _CPU_ROUNDS - 1:
                logged.look_at_processor()
                silent.look_at_processor()
    return [
        Figure(
            key="other-log",
            name="cde_startFeature over stdio, with its log",
            samples=logged.wall_ms,
            yardstick="the same without a log",
            yardstick_samples=silent.wall_ms,
            reach=ALLOWED,
            paired=True,
        ),
        Figure(
            key="other-log-processor",
            name="the same, time of the processor",
            samples=logged.cpu_ms,
            yardstick="the same without a log",
            yardstick_samples=silent.cpu_ms,
            paired=True,
        ),
    ]
