"""The small process of ``Launcher``: runs each program that a line of JSON names, to its end.

It is run as a script by Python without its site packages, so it imports the standard library alone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

SECONDS = 600
"""A program that takes longer is killed."""
NOT_STARTED = 127
"""What a shell says of a program that it cannot start."""


def _run(request: Mapping[str, Any]) -> dict[str, Any]:
    nothing, said = os.open(os.devnull, os.O_RDWR), os.memfd_create("errors")
    began = time.perf_counter()
    os.chdir(request["folder"])
    try:
        process = os.posix_spawnp(
            request["words"][0],
            request["words"],
            request["environment"],
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nothing, 0),
                (os.POSIX_SPAWN_DUP2, nothing, 1),
                (os.POSIX_SPAWN_DUP2, said, 2),
            ],
        )
    except OSError as error:
        return {"ms": 0.0, "memory_mb": 0.0, "status": NOT_STARTED, "said": str(error)}
    signal.signal(signal.SIGALRM, lambda *_: os.kill(process, signal.SIGKILL))
    signal.alarm(SECONDS)
    _, status, used = os.wait4(process, 0)
    signal.alarm(0)
    ms = (time.perf_counter() - began) * 1000
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    words = os.pread(said, 2_000, 0).decode(errors="replace")
    os.close(nothing)
    os.close(said)
    return {
        "ms": ms,
        "memory_mb": used.ru_maxrss / unit,
        "status": os.waitstatus_to_exitcode(status),
        "said": words,
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)
