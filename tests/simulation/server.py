"""A server process over stdio, and the client that drives it line by line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.command_line import program


class Server:
    """Sends requests without waiting for replies, so that many can be under way.

    Attributes:
        acknowledged: names of features whose start was acknowledged.
    """

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [*program(), "serve", "--project", str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # A log that is open for writing would keep a disk from being mounted read-only.
            env={**os.environ, "CDE_LOG_LEVEL": "CRITICAL"},
        )
        self.acknowledged: set[str] = set()
        self._asked: dict[int, str] = {}
        self._number = 0

    def __enter__(self) -> Server:
        """Shake hands."""
        client = {"name": "simulation", "version": "1"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        self._send({"id": 0, "method": "initialize", "params": hello})
        assert self.receive()
        self._send({"method": "notifications/initialized"})
        return self

    def __exit__(self, *_: object) -> None:
        """End it, if it was not killed, and let go of the pipes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait(60)
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()

    def start_features(self, names: list[str]) -> None:
        """Ask for features."""
        for name in names:
            number = self._call(
                "cde_startFeature", {"prompt": f"Whatever {name} needs", "name": name}
            )
            self._asked[number] = name

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer to one call, with nothing else under way."""
        self._call(tool, arguments)
        reply = self.receive()
        assert reply is not None
        content: dict[str, Any] = reply["result"]["structuredContent"]
        return content

    def receive(self) -> dict[str, Any] | None:
        """Take one reply; None at the end."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        reply: dict[str, Any] = json.loads(line)
        if reply.get("id") in self._asked:
            result = reply["result"]
            if not result.get("isError"):
                self.acknowledged.add(self._asked[reply["id"]])
            elif result["structuredContent"]["error"]["code"] != "E205":
                # Only a wait that is too long, on a busy machine, is no surprise.
                raise AssertionError(reply)
        return reply

    def kill(self) -> None:
        """End it at once; what it had replied by then is taken."""
        self._process.send_signal(signal.SIGKILL)
        while self.receive() is not None:
            pass
        assert self._process.wait(60) == -signal.SIGKILL

    def _call(self, tool: str, arguments: dict[str, Any]) -> int:
        self._number += 1
        call = {"name": tool, "arguments": arguments}
        self._send({"id": self._number, "method": "tools/call", "params": call})
        return self._number

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._process.stdin.flush()
