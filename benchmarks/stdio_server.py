"""A server over stdio and the least of a client, so that next to nothing but the server counts."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

import psutil

_SECONDS = 300.0


class StdioServer:
    """A server process, started at once and ended with the block; it has that long to live.

    Args:
        words: what Python is to run.
        folder: the server's working folder.
        environment: all that it has of one.
    """

    def __init__(self, *words: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._numbers = count(1)
        self._errors = TemporaryFile()  # noqa: SIM115 - closed at the end of the block
        self._process = subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._guard = threading.Timer(_SECONDS, self._process.kill)
        self._guard.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        origin: TracebackType | None,
    ) -> None:
        self._guard.cancel()
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def shake_hands(self) -> None:
        """Begin a session, as any client does."""
        client = {"name": "benchmark", "version": "1"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        self.ask("initialize", hello)
        self._send({"method": "notifications/initialized"})

    def tools(self) -> list[dict[str, Any]]:
        """The server's tools."""
        found: list[dict[str, Any]] = self.ask("tools/list")["tools"]
        return found

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        """The result of a tool."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The result of a request.

        Raises:
            RuntimeError: the server refused, or did not answer.
        """
        request = {"id": next(self._numbers), "method": method}
        self._send(request if params is None else {**request, "params": params})
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            words = self._errors.read().decode(errors="replace")
            raise RuntimeError(f"The server ended without an answer:\n{words}")
        answer = json.loads(line)
        if "result" not in answer or answer["result"].get("isError"):
            raise RuntimeError(f"The server answered: {line.decode()}")
        return answer["result"]

    def cpu_seconds(self) -> float:
        """What the server used of the processor so far, itself and for the system."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """What the server has of the machine's memory at present."""
        return float(psutil.Process(self._process.pid).memory_info().rss / 2**20)

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._process.stdin.flush()
