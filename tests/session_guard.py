"""Ends what the tests of a process started when that process ends, SIGKILL included.

``start`` begins it as a program of its own, which waits for the end of its standard input: the
kernel closes the other end with the process. What is to end bears a mark in its environment.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

MARK = "TEST_SESSION"
"""Environment variable of everything that the tests of one process start."""

GRACE_SECONDS = 3.0
FOLDERS: list[Path] = []


def start() -> subprocess.Popen[bytes]:
    """Watch over this process; ``stop`` ends the guard."""
    mark, folder = uuid.uuid4().hex, tempfile.mkdtemp(prefix="cde-tests-")
    FOLDERS.append(Path(folder))
    os.environ[MARK] = mark
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, mark, folder],
        env={},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def stop(guard: subprocess.Popen[bytes]) -> None:
    """End what is left, and the guard."""
    guard.communicate()


def session_folder() -> Path:
    """A folder that is removed when this process ends, however it does."""
    return FOLDERS[-1]


def marked_processes(mark: str) -> list[int]:
    """The processes with the mark, but for those that ended already."""
    words = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if words in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def main(mark: str, folder: str) -> None:
    """Wait, ask what is left to end, and then make it."""
    sys.stdin.buffer.read()
    number, until = signal.SIGTERM, time.monotonic() + GRACE_SECONDS
    asked: set[int] = set()
    while left := marked_processes(mark):
        if time.monotonic() > until:
            number, asked = signal.SIGKILL, set()
        for process in set(left) - asked:
            with suppress(OSError):
                os.kill(process, number)
        asked.update(left)
        time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
