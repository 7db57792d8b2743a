"""What is kept of the streams of sessions, and to whom it is given again."""

from __future__ import annotations

import anyio
import pytest
from mcp.server.streamable_http import GET_STREAM_KEY, EventMessage
from mcp.types import JSONRPCMessage, JSONRPCNotification, JSONRPCResponse

from cde_orchestrator.mcp_tools.resumable import (
    WEIGHT,
    Bounds,
    KeptEvents,
    SessionEvents,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def progress(word: str) -> JSONRPCMessage:
    return JSONRPCNotification(jsonrpc="2.0", method="progress", params={"message": word})


def answer(number: int = 1) -> JSONRPCMessage:
    return JSONRPCResponse(jsonrpc="2.0", id=number, result={"answer": number})


async def replayed(session: SessionEvents, after: str) -> tuple[list[str], bool]:
    """What came after an event, in short, and whether more is waited for."""
    sent: list[str] = []

    async def send(event: EventMessage) -> None:
        sent.append(word_of(event))

    with anyio.move_on_after(0) as waiting:
        await session.replay_events_after(after, send)
    return sent, waiting.cancelled_caught


def word_of(event: EventMessage) -> str:
    assert event.event_id
    message = event.message
    if isinstance(message, JSONRPCNotification):
        return str((message.params or {})["message"])
    assert isinstance(message, JSONRPCResponse)
    return f"answer {message.id}"


async def test_what_came_after_an_event_is_sent_again_and_more_is_to_come() -> None:
    session = KeptEvents().of_session()
    begun = await session.store_event("7", None)
    first = await session.store_event("7", progress("one"))
    await session.store_event("8", progress("of another request"))
    await session.store_event("7", progress("two"))
    assert await replayed(session, begun) == (["one", "two"], True)
    assert await replayed(session, first) == (["two"], True)


async def test_a_stream_that_is_resumed_ends_with_the_answer_that_comes() -> None:
    session = KeptEvents().of_session()
    begun = await session.store_event("1", None)
    sent: list[str] = []
    got = anyio.Event()

    async def send(event: EventMessage) -> None:
        sent.append(word_of(event))
        got.set()

    async with anyio.create_task_group() as group:
        group.start_soon(session.replay_events_after, begun, send)
        await session.store_event("1", progress("one"))
        await got.wait()
        await session.store_event("1", progress("two"))
        await session.store_event("2", answer(2))
        await session.store_event("1", answer())
    assert sent == ["one", "two", "answer 1"]


async def test_who_resumes_last_is_sent_what_comes() -> None:
    session = KeptEvents().of_session()
    begun = await session.store_event("1", None)
    sent: list[str] = []
    has_ended = anyio.Event()

    async def send(event: EventMessage) -> None:
        sent.append(word_of(event))

    async def first() -> None:
        await session.replay_events_after(begun, send)
        has_ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(first)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(session.replay_events_after, begun, send)
        await has_ended.wait()
        await session.store_event("1", answer())
    assert sent == ["answer 1"]


async def test_a_stream_of_no_request_goes_on_as_any_other() -> None:
    session = KeptEvents().of_session()
    begun = await session.store_event(GET_STREAM_KEY, progress("one"))
    await session.store_event(GET_STREAM_KEY, progress("two"))
    sent: list[str] = []

    async def send(event: EventMessage) -> None:
        sent.append(word_of(event))

    assert await session.replay_events_after(begun, send) == GET_STREAM_KEY
    assert sent == ["two"]


async def test_nobody_waits_for_ever_for_a_request_that_is_not_answered() -> None:
    session = KeptEvents(Bounds(seconds=0), Clock()).of_session()
    begun = await session.store_event("1", None)

    async def send(_: EventMessage) -> None:
        """Nothing comes."""

    assert await session.replay_events_after(begun, send) is None


async def test_a_stream_ends_with_its_answer() -> None:
    session = KeptEvents().of_session()
    begun = await session.store_event("1", None)
    await session.store_event("1", progress("one"))
    last = await session.store_event("1", answer())
    assert await replayed(session, begun) == (["one", "answer 1"], False)
    assert await replayed(session, last) == ([], False)


async def test_no_session_is_given_what_is_another_one_s() -> None:
    kept = KeptEvents()
    mine, other = kept.of_session(), kept.of_session()
    begun = await mine.store_event("1", None)
    await mine.store_event("1", answer())
    assert await other.store_event("1", None) != begun
    assert await replayed(other, begun) == ([], False)
    forged = begun.replace(begun.split("-")[0], other.key)
    assert await replayed(other, forged) == ([], True)  # its own first request, unanswered


@pytest.mark.parametrize(
    "tail", ["", "-", "-1", "-1-", "-x-1", "-1-x", "-9-1", "-\u0661-1", "-1-1-1"]
)
@pytest.mark.parametrize("own", [True, False])
async def test_any_other_id_gets_nothing(tail: str, *, own: bool) -> None:
    session = KeptEvents().of_session()
    await session.store_event("1", answer())
    assert await replayed(session, f"{session.key if own else 'x'}{tail}") == ([], False)


async def test_of_a_stream_the_newest_events_are_kept_and_its_place_is_still_known() -> None:
    session = KeptEvents(Bounds(stream_events=2)).of_session()
    begun = await session.store_event("1", None)
    for word in ("one", "two", "three"):
        await session.store_event("1", progress(word))
    assert await replayed(session, begun) == (["two", "three"], True)


async def test_one_session_takes_no_room_of_another() -> None:
    kept = KeptEvents(Bounds(session_bytes=10_000))
    quiet, loud = kept.of_session(), kept.of_session()
    begun = await quiet.store_event("1", None)
    await quiet.store_event("1", answer())
    for number in range(2, 200):
        await loud.store_event(str(number), answer(number))
    assert await replayed(quiet, begun) == (["answer 1"], False)
    assert kept.size <= 10_000 + 2 * WEIGHT + 100


async def test_what_is_old_is_dropped_but_not_where_a_request_still_runs() -> None:
    clock = Clock()
    kept = KeptEvents(Bounds(seconds=10), clock)
    session = kept.of_session()
    answered = await session.store_event("1", answer())
    begun = await session.store_event("2", None)
    await session.store_event("2", progress("one"))
    clock.now = 11
    await session.store_event("3", None)
    assert kept.size == WEIGHT
    assert await replayed(session, answered) == ([], False)
    assert await replayed(session, begun) == ([], True)
    await session.store_event("2", answer(2))
    assert await replayed(session, begun) == (["answer 2"], False)


async def test_a_message_that_is_larger_than_all_room_is_not_kept() -> None:
    kept = KeptEvents(Bounds(session_bytes=2 * WEIGHT))
    session = kept.of_session()
    begun = await session.store_event("1", None)
    await session.store_event("1", progress("x" * WEIGHT))
    assert kept.size == 0
    assert await replayed(session, begun) == ([], True)


async def test_a_hundred_clients_are_within_the_bound() -> None:
    """Whatever is kept is counted: all of it is sent again here."""
    kept = KeptEvents(Bounds(all_bytes=1_000_000, session_bytes=100_000))
    sessions = [kept.of_session() for _ in range(100)]
    begun = {session: await session.store_event("1", None) for session in sessions}
    for _ in range(30):
        for session in sessions:
            await session.store_event("1", progress("x" * 5_000))
            assert kept.size <= 1_000_000
    again = [len((await replayed(session, id_))[0]) for session, id_ in begun.items()]
    assert 900_000 <= sum(again) * (5_000 + WEIGHT) <= kept.size


async def test_requests_without_an_end_are_within_the_bound() -> None:
    kept = KeptEvents(Bounds(session_bytes=100 * WEIGHT))
    session = kept.of_session()
    for number in range(1_000):
        await session.store_event(str(number), None)
    assert kept.size <= 100 * WEIGHT


async def test_a_session_that_is_gone_leaves_nothing_that_counts_for_ever() -> None:
    clock = Clock()
    kept = KeptEvents(Bounds(seconds=10), clock)
    gone = kept.of_session()
    await gone.store_event("1", answer())
    del gone
    clock.now = 11
    await kept.of_session().store_event("1", None)
    assert kept.size == WEIGHT


async def test_of_requests_that_are_never_answered_not_all_streams_are_kept() -> None:
    bounds = Bounds(session_bytes=2 * WEIGHT, session_streams=3)
    session = KeptEvents(bounds).of_session()
    begun = [await session.store_event(str(number), None) for number in range(5)]
    waits = [(await replayed(session, each))[1] for each in begun]
    assert waits == [True, False, False, True, True]
