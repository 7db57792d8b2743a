"""Streams of sessions, which are resumed where a connection was lost.

In the revision with sessions an answer is sent on the stream of its request. Where that breaks, a
client asks for what it missed, by the id of the last event that it got (``Last-Event-ID``).
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import anyio
from mcp.server import Server
from mcp.server.streamable_http import (
    GET_STREAM_KEY,
    EventCallback,
    EventMessage,
    EventStore,
)
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCResponse, jsonrpc_message_adapter

RETRY_MILLISECONDS = 1_000
"""After which a client that lost its stream is to come back."""
WEIGHT = 512
"""Bytes that an event takes beyond its JSON."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept, and for how long; bytes are of JSON, and ``WEIGHT`` for each event.

    Attributes:
        all_bytes: of all sessions.
        session_bytes: of one, so that none takes the room of the others.
        session_streams: of one session, after which one is forgotten with its last event although
            its request was not answered: one that is cancelled never is.
        stream_events: of one stream; of progress, the newest is enough.
        seconds: after which an event is dropped.
    """

    all_bytes: int = 16 * 1024 * 1024
    session_bytes: int = 1024 * 1024
    session_streams: int = 1_000
    stream_events: int = 100
    seconds: float = 600.0


@dataclass(slots=True)
class _Stream:
    """What was sent about one request, or about none, by number; b"" only marks a place.

    Attributes:
        readers: how often it was resumed; the last one alone is sent what comes.
        changed: set with the next event.
    """

    id: str
    count: int = 0
    is_answered: bool = False
    events: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    readers: int = 0
    changed: anyio.Event = field(default_factory=anyio.Event)

    def notify(self) -> None:
        """Wake whoever waits for an event."""
        self.changed.set()
        self.changed = anyio.Event()


_Place = tuple[str, int, int]
"""Of an event: its session, its stream, its number; together they are its id."""


class KeptEvents:
    """What was sent to all sessions lately; where there is too much, the oldest is dropped.

    Args:
        bounds: of what is kept.
        clock: seconds that only grow.

    Attributes:
        size: bytes that are kept.
    """

    def __init__(
        self, bounds: Bounds | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.bounds = bounds or Bounds()
        self.size = 0
        self._clock = clock
        self._sessions: WeakValueDictionary[str, SessionEvents] = WeakValueDictionary()
        self._kept: OrderedDict[_Place, tuple[float, int]] = OrderedDict()

    def of_session(self) -> SessionEvents:
        """The store of one more session."""
        session = SessionEvents(self)
        self._sessions[session.key] = session
        return session

    def add(self, place: _Place, size: int) -> None:
        """Count an event that a session keeps, and drop what is too old or too much."""
        now = self._clock()
        self._kept[place] = now, size
        self.size += size
        while self._kept:
            oldest, (at, _) = next(iter(self._kept.items()))
            if self.size <= self.bounds.all_bytes and now - at <= self.bounds.seconds:
                return
            self.drop(oldest)

    def drop(self, place: _Place) -> None:
        """Keep an event no longer; its session may be gone already."""
        _, size = self._kept.pop(place)
        self.size -= size
        if (session := self._sessions.get(place[0])) is not None:
            session.dropped(place, size)


class SessionEvents(EventStore):
    """The events of one session: no other one is given them, whatever id it names."""

    def __init__(self, kept: KeptEvents) -> None:
        self.key = secrets.token_hex(8)
        self._kept = kept
        self._size = 0
        self._streams: dict[int, _Stream] = {}
        self._numbers: dict[str, int] = {}
        self._begun = 0
        self._order: OrderedDict[_Place, None] = OrderedDict()

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Keep a message, or the place of a stream's beginning; its id."""
        number = self._numbers.get(stream_id)
        if number is None:
            number = self._begun = self._begun + 1
            self._numbers[stream_id], self._streams[number] = number, _Stream(stream_id)
        stream = self._streams[number]
        data = b"" if message is None else _json(message)
        stream.count += 1
        stream.events[stream.count] = data
        stream.is_answered = isinstance(message, JSONRPCResponse | JSONRPCError)
        stream.notify()
        place = self.key, number, stream.count
        self._order[place] = None
        size = len(data) + WEIGHT
        self._size += size
        self._kept.add(place, size)
        if len(stream.events) > self._kept.bounds.stream_events:
            self._kept.drop((self.key, number, next(iter(stream.events))))
        while self._size > self._kept.bounds.session_bytes:
            self._kept.drop(next(iter(self._order)))
        return "-".join(map(str, place))

    async def replay_events_after(
        self, last_event_id: str, send_callback: EventCallback
    ) -> str | None:
        """Send what came after an event, and what comes until the request is answered.

        The SDK would end no stream that it resumes, and lose what comes just before it does.

        Returns:
            The stream that belongs to no request, which goes on as any other; else None.
        """
        key, _, rest = last_event_id.partition("-")
        number, _, last = rest.partition("-")
        if key != self.key or not (_is_number(number) and _is_number(last)):
            return None
        stream = self._streams.get(int(number))
        if stream is None:
            return None
        stream.readers = reader = stream.readers + 1
        stream.notify()
        sent = int(last)
        while stream.readers == reader:
            changed = stream.changed
            for count in [each for each in stream.events if each > sent]:
                sent = count
                if data := stream.events.get(count):
                    message = jsonrpc_message_adapter.validate_json(data, by_name=False)
                    await send_callback(EventMessage(message, f"{key}-{number}-{count}"))
            if stream.id == GET_STREAM_KEY:
                return stream.id
            if stream.is_answered and max(stream.events, default=0) <= sent:
                return None
            with anyio.move_on_after(self._kept.bounds.seconds) as waiting:
                await changed.wait()
            if waiting.cancelled_caught:
                return None
        return None

    def dropped(self, place: _Place, size: int) -> None:
        """Forget an event; where nothing more is to come, or is waited for, the stream too."""
        _, number, count = place
        stream = self._streams[number]
        del stream.events[count]
        del self._order[place]
        self._size -= size
        is_over = stream.is_answered or len(self._streams) > self._kept.bounds.session_streams
        if is_over and not stream.events:
            del self._streams[number], self._numbers[stream.id]


class ResumableSessions(StreamableHTTPSessionManager):
    """Sessions over HTTP, each with a store of its own.

    The SDK would give all of them one, in which requests of different clients have the same name.
    """

    def __init__(self, app: Server[Any], security: TransportSecuritySettings) -> None:
        self._events = KeptEvents()
        super().__init__(app, security_settings=security, retry_interval=RETRY_MILLISECONDS)

    @property
    def event_store(self) -> EventStore | None:
        """One more store: it is asked for once for each session."""
        return self._events.of_session()

    @event_store.setter
    def event_store(self, _: EventStore | None) -> None:
        """None is given."""


def _json(message: JSONRPCMessage) -> bytes:
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 12
