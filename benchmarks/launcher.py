"""Runs whole processes from a small one, so that the most memory that each had is its own.

A process begins with the memory of whoever started it, as the system counts: that has to be
little. The small process is this file, run as a script by Python without its site packages.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self


class Ran(NamedTuple):
    """A process that has ended: its wall time, and the most memory that it had at once."""

    ms: float
    memory_mb: float


class Launcher:
    """The small process; it ends with the block."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        origin: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=60)

    def run(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> Ran:
        """Run a program in the folder, to its end.

        Raises:
            RuntimeError: it failed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        known = {**os.environ, **(environment or {})}
        request = {"words": list(words), "folder": str(folder), "environment": known}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        if told["status"] != 0:
            raise RuntimeError(f"{' '.join(words)} ended with {told['status']}: {told['said']}")
        return Ran(told["ms"], told["memory_mb"])


def _run(request: Mapping[str, Any]) -> dict[str, Any]:
    nothing, said = os.open(os.devnull, os.O_RDWR), os.memfd_create("errors")
    began = time.perf_counter()
    os.chdir(request["folder"])
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
    _, status, used = os.wait4(process, 0)
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
