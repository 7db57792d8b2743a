"""Every listener hears of a change at once, and nobody keeps the server from ending."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cde_orchestrator.web.live import LiveChanges, Pulse

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Marks:
    """What is looked at."""

    def __init__(self) -> None:
        self.mark = "0"
        self.lines: dict[str, str] = {}
        self.looks = 0

    def __call__(self) -> Pulse:
        """Look."""
        self.looks += 1
        return {"mark": self.mark, "lines": dict(self.lines)}


async def event(stream: AsyncIterator[bytes]) -> tuple[str, Any]:
    """The next event of a stream: its name, and its mark or the lines' marks."""
    message = (await asyncio.wait_for(anext(stream), 60)).decode()
    assert message.endswith("\n\n")
    name, data = message.split("\n")[:2]
    (told,) = json.loads(data.removeprefix("data: ")).values()
    return name.removeprefix("event: "), told


async def opened(live: LiveChanges, mark: Callable[[], Pulse]) -> AsyncIterator[bytes]:
    """A stream whose greeting was read."""
    stream = live.messages(mark)
    assert (await anext(stream)).startswith(b"retry: ")
    return stream


async def closed(stream: AsyncIterator[bytes]) -> None:
    """What the server does when the client went away."""
    await stream.aclose()  # type: ignore[attr-defined] # it is a generator


async def test_all_listeners_hear_of_a_change_and_one_looks_for_them_all() -> None:
    live, marks = LiveChanges(look_seconds=0.01, beat_seconds=60), Marks()
    streams = [await opened(live, marks) for _ in range(3)]
    assert [await event(each) for each in streams] == [("hello", "0")] * 3, "no message is missed"
    looks = marks.looks

    marks.mark = "1"
    assert await asyncio.gather(*map(event, streams)) == [("change", "1")] * 3

    assert live.clients == 3
    assert marks.looks - looks <= 3
    for each in streams:
        await closed(each)


async def test_lines_of_a_run_are_told_apart_from_changes() -> None:
    live, marks = LiveChanges(look_seconds=0.01, beat_seconds=60), Marks()
    stream = await opened(live, marks)
    assert await event(stream) == ("hello", "0")

    marks.lines = {"one": "1"}
    assert await event(stream) == ("lines", {"one": "1"})
    marks.lines = {"one": "2"}
    assert await event(stream) == ("lines", {"one": "2"})
    marks.mark = "1"
    assert await event(stream) == ("change", "1")
    await closed(stream)


async def test_a_slow_listener_hears_of_a_change_that_lines_followed() -> None:
    live, marks = LiveChanges(look_seconds=0.001, beat_seconds=60), Marks()
    slow, quick = await opened(live, marks), await opened(live, marks)
    assert await event(slow) == await event(quick) == ("hello", "0")

    marks.mark = "1"
    assert await event(quick) == ("change", "1")
    marks.lines = {"one": "1"}
    assert await event(quick) == ("lines", {"one": "1"})

    late = await opened(live, marks)
    for each in (slow, late):
        assert await event(each) == ("change", "1")
        assert await event(each) == ("lines", {"one": "1"})
        await closed(each)
    await closed(quick)


async def test_silence_is_broken_by_a_beat() -> None:
    live = LiveChanges(look_seconds=0.01, beat_seconds=0.05)
    stream = await opened(live, Marks())

    assert [(await event(stream))[0] for _ in range(3)] == ["hello", "beat", "beat"]
    await closed(stream)


async def test_nobody_looks_when_nobody_listens_and_somebody_again_later() -> None:
    live, marks = LiveChanges(look_seconds=0.001, beat_seconds=60), Marks()
    others = asyncio.all_tasks()
    stream = await opened(live, marks)
    await event(stream)
    await closed(stream)
    if looking := asyncio.all_tasks() - others:
        await asyncio.wait(looking)

    assert live.clients == 0
    again = await opened(live, marks)
    assert (await event(again))[0] == "hello"
    await closed(again)


async def test_closing_ends_every_stream_at_once() -> None:
    live = LiveChanges(look_seconds=60, beat_seconds=60)
    streams = [await opened(live, Marks()) for _ in range(2)]
    await event(streams[0])
    waiting = asyncio.create_task(anext(streams[0], b"ended"))
    await asyncio.sleep(0)

    live.close()

    assert await asyncio.wait_for(waiting, 60) == b"ended"
    assert await asyncio.wait_for(anext(streams[1], b"ended"), 60) == b"ended"
    late = await opened(live, Marks())
    assert await asyncio.wait_for(anext(late, b"ended"), 60) == b"ended"
