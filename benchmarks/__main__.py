"""All benchmarks, with one table: ``python -m benchmarks [--check]``."""

from __future__ import annotations

import argparse
import sys

from benchmarks import (
    breaker,
    cold_start,
    commit,
    health_latency,
    hook,
    logging,
    proofs,
    recovery,
    source_trees,
)
from benchmarks.measure import Figure, show, verdict

BENCHMARKS = (
    *(cold_start, hook, commit, logging, breaker, recovery, health_latency, source_trees, proofs),
)


def main() -> int:
    """Measure everything and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run all benchmarks.")
    parser.add_argument("--check", action="store_true", help="exit 1 above an allowed ratio")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    for benchmark in BENCHMARKS:
        print(f"Measuring: {(benchmark.__doc__ or '').splitlines()[0]}", flush=True)
        figures += benchmark.measure()
    show(figures)
    return verdict(figures) if arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
