"""Runs whole processes from a small one, so that the most memory that each had is its own.

A process begins with the memory of whoever started it, as the system counts: that has to be
little.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.child import Child

_SCRIPT = Path(__file__).with_name("launched.py")


class Ran(NamedTuple):
    """A process that has ended: its wall time, and the most memory that it had at once."""

    ms: float
    memory_mb: float


class Launcher(Child):
    """The small process, seen from outside."""

    def __init__(self) -> None:
        super().__init__([sys.executable, "-I", "-S", str(_SCRIPT)])

    def run(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> Ran:
        """Run a program in the folder, to its end.

        Raises:
            RuntimeError: it failed.
        """
        known = {**os.environ, **(environment or {})}
        self.send({"words": list(words), "folder": str(folder), "environment": known})
        told = self.receive()
        if told["status"] != 0:
            raise RuntimeError(f"{' '.join(words)} ended with {told['status']}: {told['said']}")
        return Ran(told["ms"], told["memory_mb"])
