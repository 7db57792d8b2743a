"""A call through a closed circuit breaker: what guarding a part costs while it works.

The yardstick is the same function called directly. Each run is a thousand calls, so that a
millisecond of a run is a microsecond of a call.

    python -m benchmarks.breaker [--runs N] [--check]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable

from benchmarks.measure import Figure, interleaved, own_folder, show, timed
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry

RUNS = 300
ALLOWED_MICROSECONDS = 3.0
_CALLS = 1_000


def _nothing() -> None:
    """What is guarded."""


async def _nothing_async() -> None:
    """What is guarded, as a coroutine."""


def _repeated(call: Callable[[], object]) -> Callable[[], float]:
    def run() -> None:
        for _ in range(_CALLS):
            call()

    return timed(run)


def measure(runs: int = RUNS) -> list[Figure]:
    """Measure a breaker of one process, one shared by processes, and one of coroutines."""
    with own_folder() as root:
        (root / ".cde").mkdir()
        alone, shared = BreakerRegistry().get("part"), BreakerRegistry(root).get("part")
        loop = asyncio.new_event_loop()

        async def tasks() -> None:
            for _ in range(_CALLS):
                await alone.acall(_nothing_async)

        bare, own, among, awaited = interleaved(
            runs,
            _repeated(_nothing),
            _repeated(lambda: alone.call(_nothing)),
            _repeated(lambda: shared.call(_nothing)),
            timed(lambda: loop.run_until_complete(tasks())),
        )
        loop.close()
    return [
        Figure(name=f"1,000 calls {how}", samples_ms=taken, yardstick="bare", yardstick_ms=bare)
        for how, taken in (
            ("through a breaker", own),
            ("through a shared breaker", among),
            ("of a coroutine through a breaker", awaited),
        )
    ]


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description="Measure a call through a closed breaker.")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each; default {RUNS}")
    parser.add_argument("--check", action="store_true", help="exit 1 above 3 microseconds a call")
    arguments = parser.parse_args()
    figures = measure(arguments.runs)
    show(figures)
    slow = [figure for figure in figures if figure.median_ms > ALLOWED_MICROSECONDS]
    for figure in slow:
        print(f"Above {ALLOWED_MICROSECONDS} microseconds a call: {figure.name}")
    return 1 if arguments.check and slow else 0


if __name__ == "__main__":
    sys.exit(main())
