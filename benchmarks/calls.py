"""Calls of tools over stdio, beside a tool of the SDK alone with an answer as large.

What starts a feature has to make it durable: its yardstick appends a line and syncs, too.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, interleaved, own_folder, runs_of, timed
from benchmarks.states import build, name_of
from benchmarks.stdio_server import StdioServer

FEATURES = 10
FIRST = {
    "cde_startFeature": "4.1 (8.8 ms)",
    "cde_getFeatureStatus": "2.8",
    "cde_listFeatures": "1.8",
}
_WARM_UP = 20
_BARE = "a bare tool, as large an answer"

_SCRIPT = """
import os, sys
from mcp.server import MCPServer
server = MCPServer('bare', version='1', log_level='WARNING')
sizes = [int(word) for word in sys.argv[1:]]
line = os.open('yardstick', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
sync = getattr(os, 'fdatasync', os.fsync)
@server.tool(structured_output=False)
def start(prompt: str, name: str) -> str:
    os.write(line, b'x' * 1500)
    sync(line)
    return 'x' * sizes[0]
@server.tool(structured_output=False)
def status(feature_id: str) -> str:
    return 'x' * sizes[1]
@server.tool(structured_output=False)
def features(limit: int) -> str:
    return 'x' * sizes[2]
server.run('stdio')
"""


def environment(folder: Path) -> dict[str, str]:
    """What a client gives to a server, and what keeps it in the folder."""
    passed = ("PATH", "XDG_STATE_HOME", "CDE_TRUSTED_FOLDERS")
    kept = {key: os.environ[key] for key in passed if key in os.environ}
    return {**kept, "HOME": str(folder)}


@contextmanager
def serving(root: Path) -> Iterator[StdioServer]:
    """A server of the product for the project, greeted."""
    words = ("-m", "cde_orchestrator", "serve", "--project", str(root))
    with StdioServer(*words, folder=root, environment=environment(root.parent)) as server:
        server.shake_hands()
        yield server


def questions(numbers: Iterator[int]) -> list[tuple[str, str, Callable[[], Mapping[str, Any]]]]:
    """Each tool, its counterpart in the bare server, and arguments for a call."""

    def start() -> dict[str, Any]:
        return {"prompt": "Add a line to the report", "name": f"line-{next(numbers)}"}

    return [
        ("cde_startFeature", "start", start),
        ("cde_getFeatureStatus", "status", lambda: {"feature_id": name_of(0)}),
        ("cde_listFeatures", "features", lambda: {"limit": 20}),
    ]


def measure() -> list[Figure]:
    """Call each tool and its counterpart in turns."""
    figures: list[Figure] = []
    with own_folder() as folder, ExitStack() as stack:
        own = stack.enter_context(serving(build(folder / "project", FEATURES)))
        asked = questions(itertools.count())
        sizes = [len(json.dumps(own.call(tool, of()))) for tool, _, of in asked]
        script = folder / "bare.py"
        script.write_text(_SCRIPT, encoding="utf-8")
        words = (str(script), *map(str, sizes))
        bare = StdioServer(*words, folder=folder, environment=environment(folder))
        stack.enter_context(bare)
        bare.shake_hands()
        for tool, counterpart, of in asked:
            beside, taken = interleaved(
                runs_of(300, 20),
                _asking(bare, counterpart, of),
                _asking(own, tool, of),
                warm_up=_WARM_UP,
            )
            figures += _figures(tool, taken, beside)
    return figures


def _asking(
    server: StdioServer, tool: str, of: Callable[[], Mapping[str, Any]]
) -> Callable[[], float]:
    def asked() -> float:
        arguments = of()
        return timed(lambda: server.call(tool, arguments))()

    return asked


def _figures(tool: str, taken: list[float], beside: list[float]) -> list[Figure]:
    median = Figure(
        key=f"call-{tool}",
        name=f"{tool} over stdio, p50",
        samples=taken,
        yardstick=_BARE,
        yardstick_samples=beside,
        paired=True,
        reach=1.5,
        first=FIRST[tool],
    )
    if tool == "cde_startFeature":
        name, yardstick = f"{tool} over stdio, {FEATURES} features", f"{_BARE}, fdatasync"
        return [replace(median, name=name, yardstick=yardstick, reach=2.0)]
    p99 = replace(
        median,
        key=f"{median.key}-p99",
        name=f"{tool} over stdio, p99",
        compared="p99 ratio",
        paired=False,
        reach=2.0,
        first="not measured",
    )
    return [median, p99]
