"""A call through a closed circuit breaker: what guarding a part costs while it works.

The yardstick is the same function called directly. Each run is a thousand calls, so that a
millisecond of a run is a microsecond of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.measure import Figure, interleaved, own_folder, timed
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
        Figure(
            key=f"other-breaker-{key}",
            name=f"1,000 calls {how}",
            samples=taken,
            compared="value",
            reach=ALLOWED_MICROSECONDS,
            yardstick="bare",
            yardstick_samples=bare,
        )
        for key, how, taken in (
            ("own", "through a breaker", own),
            ("shared", "through a shared breaker", among),
            ("coroutine", "of a coroutine through a breaker", awaited),
        )
    ]
