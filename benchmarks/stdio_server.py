"""A server over stdio and the least of a client, so that next to nothing but the server counts."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from benchmarks.child import Child

_SECONDS = 300.0


class StdioServer(Child):
    """A server process, ended with the block; it has that long to live.

    Args:
        words: what Python is to run.
        folder: the server's working folder.
        environment: all that it has of one.
    """

    def __init__(self, *words: str, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__([sys.executable, *words], folder=folder, environment=environment)
        self._numbers = count(1)
        self._guard = threading.Timer(_SECONDS, self._process.kill)
        self._guard.start()

    def __exit__(self, *what: object) -> None:
        self._guard.cancel()
        self._process.kill()
        super().__exit__(*what)

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
        answer = self.receive()
        if "result" not in answer or answer["result"].get("isError"):
            raise RuntimeError(f"The server answered: {answer}")
        return answer["result"]

    def cpu_seconds(self) -> float:
        """What the server used of the processor so far, itself and for the system."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """What the server has of the machine's memory at present."""
        return float(psutil.Process(self._process.pid).memory_info().rss / 2**20)

    def _send(self, message: dict[str, Any]) -> None:
        self.send({"jsonrpc": "2.0", **message})
