"""Standard input that a signal can bring to its end."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from threading import Thread

_CHUNK_BYTES = 65_536
_STDIN = 0


class EndableInput:
    """Passes standard input on through a pipe, so that whoever reads it can be sent the end.

    A server's thread that waits in ``read`` cannot be interrupted, and the process would wait
    for it until the client closes its side. Inside the ``with`` block, descriptor 0 is the
    pipe; ``end`` closes it as if the client had, and the server finishes what it is doing.
    """

    def __enter__(self) -> EndableInput:
        self._source = os.dup(_STDIN)
        reader, self._sink = os.pipe()
        os.dup2(reader, _STDIN)
        os.close(reader)
        os.set_blocking(self._sink, False)
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._thread = Thread(target=self._pass_on, name="standard input", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._thread.join()
        os.dup2(self._source, _STDIN)
        for descriptor in (self._source, self._woken, self._waker):
            os.close(descriptor)

    def end(self) -> None:
        """Send the end; safe in a signal handler, and again."""
        with suppress(BlockingIOError):
            os.write(self._waker, b".")

    def _pass_on(self) -> None:
        """Copy until the client ends, the server does, or ``end`` is called."""
        rest = b""
        with suppress(OSError):  # either side may vanish; for the server that is the end too
            while True:
                sources = [self._woken] if rest else [self._woken, self._source]
                ready, _, _ = select.select(sources, [self._sink] if rest else [], [])
                if self._woken in ready:
                    break
                if rest:
                    rest = rest[os.write(self._sink, rest) :]
                elif not (rest := os.read(self._source, _CHUNK_BYTES)):
                    break
        os.close(self._sink)
