"""Cold start: from the start of the process to the answer of ``tools/list`` over stdio.

The yardstick is a server of the SDK alone, with as many tools of the same shape that do nothing.
Both are started in turns. Compiled files go to a folder of the run, so that both find all of
theirs, and nothing is left behind.

    python -m benchmarks.cold_start [--runs N] [--check]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, interleaved, show, verdict

ALLOWED = 1.4
RUNS = 15
_SECONDS = 60.0
_TYPES = {"integer": "int", "number": "float", "boolean": "bool", "object": "dict[str, str]"}

Tools = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Start:
    """Milliseconds from the start of a process to its answer, and the answer."""

    milliseconds: float
    result: Any


class Starter:
    """Starts servers from nothing, asks each for its tools and ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._errors = folder / "errors.log"
        kept = {key: os.environ[key] for key in ("PATH", "SYSTEMROOT") if key in os.environ}
        self._environment = {
            **kept,
            "HOME": str(folder),
            "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        }

    def start(self, *words: str, call: tuple[str, dict[str, Any]] | None = None) -> Start:
        """Run Python with these words and ask for the tools, or call one of them.

        Raises:
            RuntimeError: the server did not answer.
        """
        with self._errors.open("wb") as errors:
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        guard = threading.Timer(_SECONDS, process.kill)
        guard.start()
        try:
            result = self._asked(process, call)
            return Start((time.perf_counter() - began) * 1000, result)
        finally:
            process.kill()
            process.communicate()
            guard.cancel()

    def _asked(
        self, process: subprocess.Popen[bytes], call: tuple[str, dict[str, Any]] | None
    ) -> Any:
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "benchmark", "version": "1"},
        }
        _send(process, {"id": 1, "method": "initialize", "params": hello})
        self._answer(process)
        _send(process, {"method": "notifications/initialized"})
        request: dict[str, Any] = {"id": 2, "method": "tools/list"}
        if call is not None:
            params = {"name": call[0], "arguments": call[1]}
            request = {"id": 2, "method": "tools/call", "params": params}
        _send(process, request)
        return self._answer(process)

    def _answer(self, process: subprocess.Popen[bytes]) -> Any:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            words = self._errors.read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"The server ended without an answer:\n{words}")
        answer = json.loads(line)
        if "result" not in answer or answer["result"].get("isError"):
            raise RuntimeError(f"The server answered: {line.decode()}")
        return answer["result"]


def _send(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    process.stdin.flush()


def bare_server(tools: Tools) -> str:
    """A script: a server of the SDK with tools that take the same arguments and do nothing."""
    lines = [
        "from typing import Annotated",
        "from mcp.server import MCPServer",
        "from pydantic import Field",
        "server = MCPServer('bare', version='1', log_level='WARNING')",
    ]
    for tool in tools:
        description = f"description={tool['description']!r}"
        lines += [
            f"@server.tool({description}, structured_output=False)",
            f"def {tool['name']}({', '.join(_parameters(tool['inputSchema']))}) -> str:",
            "    return 'done'",
        ]
    return "\n".join([*lines, "server.run('stdio')", ""])


def _parameters(schema: Mapping[str, Any]) -> list[str]:
    required = schema.get("required", [])
    parameters = []
    for name, member in schema.get("properties", {}).items():
        hint = _TYPES.get(member.get("type"), "str")
        field = f"Field(description={member.get('description', '')!r})"
        if name in required:
            parameters.append(f"{name}: Annotated[{hint}, {field}]")
        else:
            parameters.append(f"{name}: Annotated[{hint} | None, {field}] = None")
    return parameters


def measure(runs: int = RUNS) -> list[Figure]:
    """Start both servers in turns."""
    with tempfile.TemporaryDirectory(prefix="cde-benchmark-") as name:
        folder = Path(name).resolve()
        project = folder / "project"
        project.mkdir()
        starter = Starter(folder)
        own = ("-m", "cde_orchestrator", "serve", "--project", str(project))
        starter.start(*own, call=("cde_onboardProject", {"path": "."}))
        tools: Tools = starter.start(*own).result["tools"]
        script = folder / "bare.py"
        script.write_text(bare_server(tools), encoding="utf-8")
        assert len(starter.start(str(script)).result["tools"]) == len(tools)
        bare_ms, own_ms = interleaved(
            runs,
            lambda: starter.start(str(script)).milliseconds,
            lambda: starter.start(*own).milliseconds,
        )
    return [
        Figure(
            name=f"cold start to tools/list, {len(tools)} tools",
            samples_ms=own_ms,
            yardstick="the same tools on the SDK alone",
            yardstick_ms=bare_ms,
            allowed=ALLOWED,
        )
    ]


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description="Measure the cold start over stdio.")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each server; default {RUNS}")
    parser.add_argument("--check", action="store_true", help="exit 1 above the allowed ratio")
    arguments = parser.parse_args()
    figures = measure(arguments.runs)
    show(figures)
    return verdict(figures) if arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
