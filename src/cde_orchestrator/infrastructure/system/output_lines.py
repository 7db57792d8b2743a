"""The output of a command, cut into lines of bounded length as it comes."""

from __future__ import annotations

from collections.abc import Callable

LINE_LIMIT = 2_000
"""Bytes of a line; a longer one is passed on in pieces."""

_UNENDED_LIMIT = 65_536


class OutputLines:
    """Takes pieces of output and passes on its lines; blank ones are left away.

    Args:
        on_line: is given each line.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def add(self, data: bytes) -> None:
        """Take a piece; what goes back to the beginning of a line begins a new one."""
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._pass_on(line)
        if len(self._rest) > _UNENDED_LIMIT:
            self.end()

    def end(self) -> None:
        """Pass on what stands there without an end of line."""
        rest, self._rest = self._rest, b""
        self._pass_on(rest)

    def _pass_on(self, line: bytes) -> None:
        for start in range(0, len(line), LINE_LIMIT):
            text = line[start : start + LINE_LIMIT].decode("utf-8", "replace")
            if text.strip():
                self._on_line(text)
