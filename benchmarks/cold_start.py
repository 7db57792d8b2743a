"""Cold start: from the start of the process to the answers of a session's first two requests.

The yardstick is a server of the SDK alone, with as many tools of the same shape that do nothing.
Both are started in turns, over stdio; the answer to ``initialize`` is what a client waits for,
and the one to ``tools/list`` what an agent waits for. Compiled files go to a folder of the run,
so that both find all of theirs, and nothing is left behind.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, interleaved, own_folder, runs_of, timed
from benchmarks.stdio_server import StdioServer
from cde_orchestrator.infrastructure.trust.judge import VARIABLE

REACH = {"initialize": 1.0, "tools/list": 1.1}
FIRST = {"initialize": "1.23", "tools/list": "1.13"}
RUNS = 15
_TYPES = {"integer": "int", "number": "float", "boolean": "bool", "object": "dict[str, str]"}

Tools = Sequence[Mapping[str, Any]]


class Starter:
    """Starts servers from nothing, asks each for its tools and ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        known = ("PATH", "SYSTEMROOT", "XDG_STATE_HOME", VARIABLE)
        kept = {key: os.environ[key] for key in known if key in os.environ}
        self._environment = {
            **kept,
            "HOME": str(folder),
            "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        }

    def server(self, *words: str) -> StdioServer:
        """Python with these words, a server."""
        return StdioServer(*words, folder=self._folder, environment=self._environment)

    def tools(self, *words: str) -> Tools:
        """The tools of the server that these words start."""
        with self.server(*words) as server:
            server.shake_hands()
            return server.tools()

    def start_ms(self, *words: str) -> float:
        """Milliseconds until the server has listed its tools."""
        return timed(lambda: self.tools(*words))()

    def begin_ms(self, *words: str) -> float:
        """Milliseconds until the server has answered ``initialize``."""
        return timed(lambda: self._begin(*words))()

    def _begin(self, *words: str) -> None:
        with self.server(*words) as server:
            server.shake_hands()


def onboard(starter: Starter, own: Sequence[str]) -> None:
    """Set up the project of the server that these words start.

    Raises:
        RuntimeError: the server refused, as where it does not trust the folder.
    """
    with starter.server(*own) as server:
        server.shake_hands()
        server.call("cde_onboardProject", {"path": "."})


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


def measure() -> list[Figure]:
    """Start both servers in turns."""
    runs = runs_of(RUNS, 2)
    with own_folder() as folder:
        project = folder / "project"
        project.mkdir()
        starter = Starter(folder)
        own = ("-m", "cde_orchestrator", "serve", "--project", str(project))
        onboard(starter, own)
        tools = starter.tools(*own)
        script = folder / "bare.py"
        script.write_text(bare_server(tools), encoding="utf-8")
        assert len(starter.tools(str(script))) == len(tools)
        samples = {
            answer: interleaved(runs, partial(start, str(script)), partial(start, *own), warm_up=1)
            for answer, start in (
                ("initialize", starter.begin_ms),
                ("tools/list", starter.start_ms),
            )
        }
    return [
        Figure(
            key=f"cold-start-{answer.replace('/', '-')}",
            name=f"cde serve: exec to {answer}, {len(tools)} tools",
            samples=own_ms,
            yardstick="the same tools on the SDK alone",
            yardstick_samples=bare_ms,
            paired=True,
            reach=REACH[answer],
            first=FIRST[answer],
        )
        for answer, (bare_ms, own_ms) in samples.items()
    ]
