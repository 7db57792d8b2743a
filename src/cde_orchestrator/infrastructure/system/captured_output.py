"""What a command prints: passed on line by line without secrets, and its end kept."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable

from cde_orchestrator.domain.secrets import SecretLines, without_secrets

TAIL_BYTES = 8 * 1024
BEFORE_TAIL_BYTES = 16 * 1024
"""What is looked at before the tail: a private key that begins there goes on in it."""
_UNENDED_CHARACTERS = 16 * 1024


class CapturedOutput:
    """What a command printed: digest and size of all of it, and its end."""

    def __init__(self, watch: Callable[[str], None] | None) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._tail = b""
        self._watch = watch
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines = SecretLines()
        self._line = ""

    def add(self, data: bytes) -> None:
        """Take a piece, and pass on the lines that it ends, without secrets."""
        self.digest.update(data)
        self.size += len(data)
        self._tail = (self._tail + data)[-BEFORE_TAIL_BYTES - TAIL_BYTES :]
        if self._watch is not None:
            *whole, self._line = (self._line + self._decoder.decode(data)).split("\n")
            for line in whole:
                self._watch(self._lines.clean(line) + "\n")
            if len(self._line) > _UNENDED_CHARACTERS:
                self.end()

    def end(self) -> None:
        """Pass on a line that has no end; a secret across this place is not recognised."""
        if self._watch is not None and self._line:
            self._watch(self._lines.clean(self._line))
        self._line = ""

    @property
    def text(self) -> str:
        """The end without secrets, as text that JSON and any encoding can hold."""
        text = self._tail.decode("utf-8", "replace").replace("\x00", "\ufffd")
        return without_secrets(text).encode()[-TAIL_BYTES:].decode("utf-8", "ignore")
