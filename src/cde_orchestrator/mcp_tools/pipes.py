"""Standard input and output for the SDK's transport, without a thread for each line.

The SDK reads and writes files in worker threads: three of them take turns with the event loop
for each call, which takes longer than to list features. A pipe, as ``EndableInput`` makes one of
any input, is read when the system says that there is something; what has room is written at once,
and the rest by a thread, so that a client that does not read keeps nobody from being read.

Both are needed: of a file the system never says so, and a signal ends every input in the same way,
whichever transport reads it.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

import anyio

if TYPE_CHECKING:
    Text = anyio.AsyncFile[str]

_CHUNK_BYTES = 65_536
_ROOM_BYTES = select.PIPE_BUF if hasattr(select, "PIPE_BUF") else 0
"""What a pipe takes without waiting where it takes anything (POSIX)."""


class PipeInput:
    """The lines of a pipe that nobody else reads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def __aiter__(self) -> AsyncIterator[str]:
        """Each line, with its end; bytes that are no UTF-8 are replaced."""
        rest: list[bytes] = []
        while data := await self._read():
            *lines, last = data.split(b"\n")
            for line in lines:
                yield b"".join((*rest, line, b"\n")).decode(errors="replace")
                rest.clear()
            if last:
                rest.append(last)
        if rest:
            yield b"".join(rest).decode(errors="replace")

    async def _read(self) -> bytes:
        await anyio.wait_readable(self._descriptor)
        return os.read(self._descriptor, _CHUNK_BYTES)


class PipeOutput:
    """What is written to a descriptor that others may have as well, and so stays as it is."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)

    async def write(self, text: str) -> None:
        """Write all of it; OSError where nobody reads any more."""
        data = memoryview(text.encode())
        while data and self._room.poll(0):
            data = data[os.write(self._descriptor, data[:_ROOM_BYTES]) :]
        if data:
            await anyio.to_thread.run_sync(self._write, data)

    def _write(self, data: memoryview) -> None:
        while data:
            self._room.poll()  # others who have it may have made it one that does not wait
            data = data[os.write(self._descriptor, data) :]

    async def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def standard_pipes() -> Iterator[tuple[Text | None, Text | None]]:
    """Standard input and output for ``stdio_server``; None for what it is to open by itself.

    Meanwhile children, and whatever prints, have an empty input and standard error, as there.
    """
    if sys.platform == "win32" or not _are_pipes():
        yield None, None
        return
    kept = [os.dup(0), os.dup(1)]
    nothing, end = os.pipe()
    os.close(end)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    try:
        yield cast("Text", PipeInput(kept[0])), cast("Text", PipeOutput(kept[1]))
    finally:
        for place, descriptor in enumerate(kept):
            os.dup2(descriptor, place)
        os.close(kept[0])  # a thread may still write to the other one


def _are_pipes() -> bool:
    """Whether the system says of all of them when something is there, or has room."""
    with suppress(OSError):
        os.fstat(2)
        output = os.fstat(1).st_mode
        return stat.S_ISFIFO(os.fstat(0).st_mode) and (
            stat.S_ISFIFO(output) or stat.S_ISSOCK(output)  # programs made with Node have sockets
        )
    return False
