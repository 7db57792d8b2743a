"""Runs one command and ends it, with all that it started, when the parent dies.

A program of its own, run as ``python -I process_guard.py DESCRIPTOR COMMAND...``: it imports
nothing but the standard library, so that it starts in a moment. It leads a process group, in
which the command runs. The parent holds the other end of the socket DESCRIPTOR; the kernel
closes it however the parent ends, kill -9 included, and then the whole group is ended.

It ends with the command's exit code, or with 128 and the number of the signal that ended it.
When the command cannot be started, it writes the number of the error to the socket first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

MARK = "CDE_RUN_ID"
"""Environment variable that all processes of one run have."""

GRACE_SECONDS = 3.0
NOT_STARTED = 127


def marked_processes(run_id: str) -> list[int]:
    """Processes of a run, wherever they are, but for this one; needs ``/proc``."""
    from pathlib import Path  # which takes a while, and is seldom needed by a guard

    mark = f"{MARK}={run_id}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return [process for process in found if process != os.getpid()]


def kill_marked(run_id: str) -> int:
    """Kill the processes of a run that left its group; how many there were."""
    killed = 0
    for _ in range(20):  # a process may start another one while they are counted
        processes = marked_processes(run_id)
        if not processes:
            break
        for process in processes:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
                killed += 1
    return killed


def _end_with_parent(descriptor: int, parent_died: threading.Event, ended: threading.Event) -> None:
    with suppress(OSError):
        os.read(descriptor, 1)
    parent_died.set()
    os.killpg(0, signal.SIGTERM)
    ended.wait(GRACE_SECONDS)
    kill_marked(os.environ.get(MARK, ""))
    os.killpg(0, signal.SIGKILL)


def catch_ignored_signals() -> None:
    """Let what is started from now on begin with no signal ignored, however this process began.

    ``nohup`` and a shell's ``&`` ignore signals, which a child inherits; a handler it does not.
    """
    for number in signal.valid_signals():
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def main() -> int:
    """Run the command; its exit code."""
    catch_ignored_signals()
    # A handler, not SIG_IGN: the command would inherit that.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    parent_died, ended = threading.Event(), threading.Event()
    descriptor = int(sys.argv[1])
    try:
        command = subprocess.Popen(sys.argv[2:])
    except OSError as error:
        os.write(descriptor, str(error.errno or 0).encode())
        return NOT_STARTED
    arguments = (descriptor, parent_died, ended)
    watcher = threading.Thread(target=_end_with_parent, args=arguments, daemon=True)
    watcher.start()
    code = command.wait()
    ended.set()
    if parent_died.is_set():
        watcher.join()  # nobody else ends what left the group
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
