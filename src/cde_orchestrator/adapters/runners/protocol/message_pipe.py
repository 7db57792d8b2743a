"""The standard input of a program that is written to while it runs."""

from __future__ import annotations

import os
import queue
import threading
from contextlib import suppress
from typing import IO

CLOSE_SECONDS = 1.0


class MessagePipe:
    """A pipe that a thread of its own fills, so that nobody waits for a program to read.

    Attributes:
        stdin: the side that the program reads.
    """

    def __init__(self) -> None:
        side, self._sink = os.pipe()
        self.stdin: IO[bytes] = os.fdopen(side, "rb")
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="cde-messages", daemon=True)
        self._thread.start()

    def send(self, line: bytes) -> None:
        """Send it, after all that was sent before."""
        self._waiting.put(line)

    def end(self) -> None:
        """Let the program read the end, after all that was sent before."""
        self._waiting.put(None)

    def close(self) -> None:
        """Close both sides, once the program is gone.

        What still waits to be written has no reader then. Where the program left one that reads
        nothing, nobody waits for it.
        """
        self.end()
        self.stdin.close()
        self._thread.join(CLOSE_SECONDS)

    def _write(self) -> None:
        with suppress(OSError), os.fdopen(self._sink, "wb", buffering=0) as sink:
            while (line := self._waiting.get()) is not None:
                while line:
                    line = line[sink.write(line) or 0 :]
