"""A question at the terminal that is not waited for forever."""

from __future__ import annotations

import os
import select
import sys
import time

if sys.platform != "win32":
    import termios

_YES = frozenset({"y", "yes"})


def answered_yes(question: str, seconds: float) -> bool:
    """Whether the person at the terminal says yes within the time."""
    source = sys.stdin.fileno()
    if sys.platform != "win32":
        termios.tcflush(source, termios.TCIFLUSH)  # what was typed before is no answer
    sys.stderr.write(f"{question} [y/N, {seconds:g} s]: ")
    sys.stderr.flush()
    deadline, line = time.monotonic() + seconds, b""
    while b"\n" not in line and (left := deadline - time.monotonic()) > 0:
        if not select.select([source], [], [], left)[0]:
            break
        if not (data := os.read(source, 1_024)):
            break
        line += data
    if b"\n" not in line:
        sys.stderr.write("\n")
    return line.decode("utf-8", "replace").strip().lower() in _YES
