"""The file of what was measured: machine, versions, and each figure in numbers."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from benchmarks.measure import Figure, is_quick, p99

RESULTS = Path(__file__).with_name("results.json")
SCHEMA_VERSION = 1
_LIBRARIES = ("mcp", "pydantic", "orjson", "structlog", "typer", "uvicorn")


def numbers_of(figure: Figure) -> dict[str, Any]:
    """A figure as the file has it; samples are told as count, median and p99."""
    told: dict[str, Any] = {
        "key": figure.key,
        "name": figure.name,
        "unit": figure.unit,
        "first": figure.first,
        "compared": figure.compared,
        "reach": figure.reach,
        "at_least": figure.at_least,
        "features": figure.features,
        "yardstick": figure.yardstick,
        "missing": figure.missing,
        "value": _rounded(figure.value),
        "reached": figure.reached,
    }
    for prefix, samples in (("", figure.samples), ("yardstick_", figure.yardstick_samples)):
        told[f"{prefix}runs"] = len(samples)
        told[f"{prefix}median"] = _rounded(statistics.median(samples)) if samples else None
        told[f"{prefix}p99"] = _rounded(p99(samples)) if samples else None
    return told


def about_machine() -> dict[str, Any]:
    """What it was measured on, as far as that can be found out."""
    release = platform.release().partition("-")[0]
    return {
        "processor": _line_of("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_mb": _memory_mb(),
        "system": f"{platform.system()} {release} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def versions(peers: Mapping[str, str]) -> dict[str, str]:
    """Of Python, of the libraries that count, and of the peers."""
    return {
        "Python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        **peers,
    }


def content(
    figures: Sequence[Figure], machine: Mapping[str, Any], peers: Mapping[str, str]
) -> dict[str, Any]:
    """The file's content."""
    return {
        "schema_version": SCHEMA_VERSION,
        "measured_on": datetime.now(UTC).date().isoformat(),
        "revision": _revision(),
        "quick": is_quick(),
        "machine": {**machine, "load_after": round(os.getloadavg()[0], 2)},
        "versions": versions(peers),
        "figures": [numbers_of(figure) for figure in figures],
    }


def write(path: Path, results: Mapping[str, Any]) -> None:
    """Write the file."""
    path.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read(path: Path = RESULTS) -> dict[str, Any]:
    """The file's content.

    Raises:
        ValueError: it is of another schema.
    """
    results: dict[str, Any] = orjson.loads(path.read_bytes())
    if results.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"{path} is not of schema {SCHEMA_VERSION}: measure again")
    return results


def _rounded(number: float | None) -> float | None:
    """With four digits that count: more would be noise."""
    return None if number is None else float(f"{number:.4g}")


def _line_of(path: str, key: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(key))
    return next(found, None)


def _memory_mb() -> int | None:
    said = _line_of("/proc/meminfo", "MemTotal")
    return round(int(said.split()[0]) / 1024) if said else None


def _revision() -> str:
    """The commit that was measured, and whether files differ from it."""
    words = ["git", "describe", "--always", "--dirty", "--abbrev=8", "--exclude=*"]
    here = Path(__file__).parent
    found = subprocess.run(words, cwd=here, capture_output=True, text=True, check=False)
    return found.stdout.strip() or f"unknown, {sys.platform}"
