"""A call of ``cde_startFeature`` with its log, beside the same call without a line of it.

Two servers run over stdio, each with a project of its own; one logs as it does by default, the
other one nothing below CRITICAL. An agent calls them in turns.

    python -m benchmarks.logging [--runs N] [--check]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from mcp import StdioServerParameters
from mcp.client.client import Client

from benchmarks.measure import Figure, show, verdict

ALLOWED = 1.15
RUNS = 300
_WARM_UP = 20


async def _connected(stack: AsyncExitStack, folder: Path, **environment: str) -> Client:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "cde_orchestrator", "serve", "--project", str(folder)],
        env={"PATH": os.environ.get("PATH", os.defpath), **environment},
    )
    client = await stack.enter_async_context(Client(server))
    await client.call_tool("cde_onboardProject", {"path": "."})
    return client


async def _call_ms(client: Client, number: int) -> float:
    arguments = {"prompt": "Add a line to the report", "name": f"line-{number}"}
    began = time.perf_counter()
    result = await client.call_tool("cde_startFeature", arguments)
    taken = (time.perf_counter() - began) * 1000
    if result.is_error:
        raise RuntimeError("cde_startFeature was refused")
    return taken


async def _measured(root: Path, runs: int) -> tuple[list[float], list[float]]:
    logged: list[float] = []
    silent: list[float] = []
    async with AsyncExitStack() as stack:
        talking = await _connected(stack, root / "talking")
        quiet = await _connected(stack, root / "quiet", CDE_LOG_LEVEL="CRITICAL")
        for number in range(_WARM_UP + runs):
            # Neither of the two comes first every time.
            for client, taken in ((talking, logged), (quiet, silent))[:: (-1) ** number]:
                taken.append(await _call_ms(client, number))
    return logged[_WARM_UP:], silent[_WARM_UP:]


def measure(runs: int = RUNS) -> list[Figure]:
    """Measure what the log of a call costs."""
    with tempfile.TemporaryDirectory(prefix="cde-benchmark-") as name:
        for folder in ("talking", "quiet"):
            (Path(name) / folder).mkdir()
        logged, silent = asyncio.run(_measured(Path(name).resolve(), runs))
    return [
        Figure(
            name="cde_startFeature over stdio, with its log",
            samples_ms=logged,
            yardstick="the same without a log",
            yardstick_ms=silent,
            allowed=ALLOWED,
        )
    ]


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description="Measure what the log of a call costs.")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each; default {RUNS}")
    parser.add_argument("--check", action="store_true", help="exit 1 above the allowed ratio")
    arguments = parser.parse_args()
    figures = measure(arguments.runs)
    show(figures)
    return verdict(figures) if arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
