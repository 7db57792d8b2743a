"""Bytes written for each change, over ten thousand changes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Figure, own_folder, runs_of
from benchmarks.states import build
from benchmarks.worker import Worker


def measure() -> list[Figure]:
    """Start features one after the other, and count what the process writes."""
    changes = runs_of(10_000, 500)
    key, name = "bytes-written", f"bytes written a change, over {changes:,} features started"
    if not Path("/proc/self/io").exists():
        return [Figure(key=key, name=name, missing="this system does not count bytes written")]
    with own_folder() as folder, Worker(build(folder / "project", 10)) as worker:
        found = worker.ask("grow", changes)
    return [
        Figure(
            key=key,
            name=name,
            unit="B",
            samples=[found["written"] / changes],
            yardstick="bytes of the new features in the state",
            yardstick_samples=[found["changed"] / changes],
            reach=4.0,
            first="not measured",
        )
    ]
