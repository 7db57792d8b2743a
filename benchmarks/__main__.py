"""All benchmarks, with one table: ``python -m benchmarks [FAMILY ...] [--check] [--results FILE]``.

Without families, all that the page of performance has are measured, and `results.json` is
written; with CDE_BENCH_QUICK=1 each is measured a few times only, and nothing is written.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks import results
from benchmarks.measure import Figure, is_quick, show, verdict
from benchmarks.peers import versions_of
from cde_orchestrator.domain.exceptions import CDEError

FAMILIES = (
    *("changes", "calls", "cold_start", "peers", "commands", "opening", "writers", "memory"),
    *("health_latency", "first_view", "hook", "writing", "walk"),
)
"""Those that ``make bench`` runs; their figures are the ones of the page."""
OTHERS = ("logging", "breaker", "recovery", "source_trees", "proofs")
"""Those of single parts, which have bounds of their own."""
_FAILED = "failed-"


def main() -> int:
    """Measure, show, and write what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=" ".join(FAMILIES + OTHERS))
    parser.add_argument("--check", action="store_true", help="exit 1 where a figure is not reached")
    parser.add_argument("--results", type=Path, help="write them to this file in any case")
    arguments = parser.parse_args()
    unknown = set(arguments.families) - {*FAMILIES, *OTHERS}
    if unknown:
        parser.error(f"no such family: {', '.join(sorted(unknown))}")
    is_whole = not arguments.families and not is_quick()
    file = arguments.results or (results.RESULTS if is_whole else None)
    machine = results.about_machine()
    figures: list[Figure] = []
    for name in arguments.families or FAMILIES:
        family = import_module(f"benchmarks.{name}")
        print(f"Measuring {name}: {(family.__doc__ or '').splitlines()[0]}", flush=True)
        figures += measured(name, family.measure)
    show(figures)
    if file is not None:
        results.write(file, results.content(figures, machine, versions_of(figures)))
        print(f"{file} is written; make docs writes the page of benchmarks/results.json")
    failed = any(figure.missing and figure.key.startswith(_FAILED) for figure in figures)
    return 1 if failed else verdict(figures) if arguments.check else 0


def measured(name: str, measure: Callable[[], list[Figure]]) -> list[Figure]:
    """The figures of a family; one that fails takes nothing else with it, and is shown."""
    try:
        return measure()
    except (CDEError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return [Figure(key=f"{_FAILED}{name}", name=name, missing=reason)]


if __name__ == "__main__":
    sys.exit(main())
