"""What a client is shown of a check."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest
from mcp.server.mcpserver import Context

from cde_orchestrator.infrastructure.system.cancellation import Cancellation, cancellable
from cde_orchestrator.mcp_tools._progress import ProgressReports

pytestmark = pytest.mark.anyio
LONG = 10_000.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Client:
    """What a client was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.numbers: list[float] = []
        self.changed = anyio.Event()

    async def report_progress(self, number: float, _: None, message: str) -> None:
        self.shown.append(message)
        self.numbers.append(number)
        self.changed.set()
        self.changed = anyio.Event()

    async def until(self, count: int) -> None:
        while len(self.shown) < count:
            await self.changed.wait()

    def reports(self, **seconds: float) -> ProgressReports:
        return ProgressReports(cast("Context[Any, Any]", self), **seconds)


async def in_thread(work: Callable[[], None]) -> None:
    await anyio.to_thread.run_sync(work)


async def test_the_first_line_and_the_last_one_are_shown_and_few_in_between() -> None:
    client = Client()

    def work() -> None:
        with client.reports(tick_seconds=LONG) as reports:
            reports.watch("$ make test\n")
            for number in range(1_000):
                reports.watch(f"line {number}\n\n")

    await in_thread(work)
    assert (client.shown[0], client.shown[-1]) == ("$ make test", "line 999")
    assert len(client.shown) < 100
    assert client.numbers == sorted(set(client.numbers))


async def test_a_line_that_came_too_soon_is_shown_while_nothing_else_is_printed() -> None:
    client = Client()

    def work() -> None:
        with client.reports(tick_seconds=0.01, silent_seconds=LONG) as reports:
            reports.watch("$ make test\n")
            reports.watch("1 failed\n")
            anyio.from_thread.run(client.until, 2)

    await in_thread(work)
    assert client.shown == ["$ make test", "1 failed"]


async def test_that_a_silent_check_still_runs_is_shown_again_and_again() -> None:
    client = Client()

    def work() -> None:
        with client.reports(tick_seconds=0.01, silent_seconds=0.01) as reports:
            reports.watch("$ make test\n")
            anyio.from_thread.run(client.until, 3)

    await in_thread(work)
    assert client.shown[0] == "$ make test"
    assert all(" s, still at: $ make test" in each for each in client.shown[1:])
    count = len(client.shown)
    await anyio.wait_all_tasks_blocked()
    assert len(client.shown) == count


async def test_whoever_cancelled_is_shown_no_more() -> None:
    client = Client()

    def work(cancellation: Cancellation) -> None:
        with client.reports(tick_seconds=0.01, silent_seconds=0.0) as reports:
            reports.watch("$ make test\n")
            cancellation.cancel()
            reports.watch("a line\n")

    with cancellable() as cancellation:
        await anyio.to_thread.run_sync(work, cancellation)
    assert client.shown[0] == "$ make test"
    assert not any("a line" in each for each in client.shown)


async def test_nothing_is_shown_where_nothing_is_run_or_printed() -> None:
    client = Client()

    def work() -> None:
        with client.reports() as reports:
            reports.watch("\n  \n")

    await in_thread(work)
    assert client.shown == []


async def test_a_client_that_went_away_stops_nothing() -> None:
    async def gone(*_: object) -> None:
        raise anyio.ClosedResourceError

    def work() -> None:
        client = SimpleNamespace(report_progress=gone)
        with ProgressReports(cast("Context[Any, Any]", client), tick_seconds=LONG) as reports:
            reports.watch("$ make test\n")

    await in_thread(work)


def test_outside_of_a_tool_s_thread_nothing_is_shown() -> None:
    client = SimpleNamespace()
    with ProgressReports(cast("Context[Any, Any]", client)) as reports:
        reports.watch("$ make test\n")


async def test_what_is_shown_is_one_line_that_can_be_printed() -> None:
    client = Client()

    def work() -> None:
        with client.reports(tick_seconds=LONG) as reports:
            reports.watch("\x1b[2Kevil\u202e" + "x" * 1_000)

    await in_thread(work)
    (shown,) = client.shown
    assert shown.isprintable()
    assert len(shown) <= 300
