"""The page of the docs about performance: what `results.json` says, and causes written by hand."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.plots import Points, plot

CAUSES = Path(__file__).with_name("causes.toml")
PAGE = "docs/performance.md"
ABOUT = (
    "Generated from `benchmarks/results.json` and `benchmarks/causes.toml`; do not edit. "
    "`make bench` measures again and writes the results, `make docs` writes this page."
)
HOW = """\
Each figure has a yardstick that is measured in the same run: the least that the same work can
cost, the product itself with little to do, or another program for the same. Both are run in
turns, every other round the other way round, after a warm-up that is dropped; bytes are counted
once. A ratio is the median of the pairs' ratios; what slows the machine slows both. p99 is the
99th of 100 runs by size, of fewer runs the longest. Projects
are made through the storage's own functions; one feature in ten is open. What
grows is measured in a process of its own for each size, so that none pays for the memory of
another. Memory of a command is the most that its process had; of a server, what it has after
calls. A figure that could not be measured says why, and has no number."""
FIRST = "The column *at first* is what was measured when the figures were chosen."
QUIET_LOAD = 0.25
"""Of each core, before the run: with more, the two or more processes that a figure is measured
with wait for others. The run's own load is not in it."""
Series = Mapping[str, tuple[str, str]]
"""Of a picture: the name of each line, its figures' key, and which of their numbers."""
PLOTS: Mapping[str, tuple[str, Series]] = {
    "growth-changes": (
        "A change, by the features of the project (median)",
        {
            "all of StartFeature": ("start", "median"),
            "durable change": ("change", "median"),
        },
    ),
    "growth-opening": (
        "Opening a project, by its features (median)",
        {
            "opening": ("open", "median"),
            "orjson.loads": ("open", "yardstick_median"),
        },
    ),
}


def page(found: Mapping[str, Any] | None = None) -> str:
    """The page of these results; by default, of those in the file."""
    found = found or results.read()
    written = causes()
    parts = ["# Performance", ABOUT, HOW.replace("\n", " "), *_circumstances(found)]
    parts += ["## Figures", FIRST, _table(found["figures"])]
    parts += [
        "## Growth",
        *(f"![{title}](images/{name}.svg)" for name, (title, _) in PLOTS.items()),
    ]
    parts += ["## Missed, and why", *_missed(found["figures"], written["figures"])]
    parts += ["## Where the time goes", written["findings"].strip()]
    return "\n\n".join(parts) + "\n"


def causes() -> dict[str, Any]:
    """What was written by hand: `findings`, and under `figures` a cause by key."""
    return tomllib.loads(CAUSES.read_text(encoding="utf-8"))


def picture(name: str, found: Mapping[str, Any] | None = None) -> str:
    """A picture of growth."""
    figures = (found or results.read())["figures"]
    title, series = PLOTS[name]
    rows = {line: _points(figures, key, number) for line, (key, number) in series.items()}
    return plot(title, {line: row for line, row in rows.items() if row})


PICTURES: Mapping[str, Callable[[], str]] = {
    f"docs/images/{name}.svg": partial(picture, name) for name in PLOTS
}


def _points(figures: Sequence[Mapping[str, Any]], key: str, number: str) -> Points:
    """The figures of the key at each number of features."""
    return sorted(
        (each["features"], each[number])
        for each in figures
        if each["features"] and each["key"] == f"{key}-{each['features']}" and each[number]
    )


def _circumstances(found: Mapping[str, Any]) -> list[str]:
    machine, versions = found["machine"], found["versions"]
    load = f"load {machine['load_before']} before and {machine['load_after']} after the run"
    lines = [
        f"Measured on {found['measured_on']} at {found['revision']}: {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_mb']:,} MB, {machine['system']}; {load}. "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + "."
    ]
    if found["quick"]:
        lines.append("**A short pass: it shows that everything runs, and proves little.**")
    if machine["load_before"] > machine["cores"] * QUIET_LOAD:
        lines.append(
            "**The machine did other work during the run**: times are longer than on a quiet one, "
            "and ratios, above all of p99, are rougher."
        )
    return lines


def _table(figures: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        "| figure | yardstick | at first | now | to reach | |",
        "|---|---|---|---|---|---|",
    ]
    for each in figures:
        words = "reached" if each["reached"] else f"[missed](#{each['key'].lower()})"
        verdict = "" if each["reached"] is None else words
        beside = each["yardstick"]
        if each["yardstick_median"] is not None:
            beside += f": {_number(each['yardstick_median'])} {each['unit']}".rstrip()
        rows.append(
            f"| {each['name']} | {beside} | {each['first']} | {_now(each)} | {_reach(each)} "
            f"| {verdict} |"
        )
    return "\n".join(rows)


def _now(each: Mapping[str, Any]) -> str:
    """What was measured, with the number first that is compared."""
    if each["missing"]:
        why = str(each["missing"]).replace("|", r"\|").replace("<", "&lt;")
        return f"not measured: {why}"
    plain = f"{_number(each['median'])} {each['unit']}".rstrip()
    if each["runs"] > 1:
        plain += f", p99 {_number(each['p99'])}"
    if each["value"] is None or each["compared"] in {"value", "p99"}:
        return plain
    return f"**{_compared(each, each['value'])}** ({plain})"


def _reach(each: Mapping[str, Any]) -> str:
    if each["reach"] is None:
        return ""
    words = _compared(each, each["reach"])
    return f"at least {words}" if each["at_least"] else words


def _compared(each: Mapping[str, Any], value: float) -> str:
    if each["compared"] in {"ratio", "p99 ratio"}:
        return f"{_number(value)} times"
    sign = "+" if each["compared"] == "difference" and value >= 0 else ""
    return f"{sign}{_number(value)} {each['unit']}".rstrip()


def _missed(
    figures: Sequence[Mapping[str, Any]], written: Mapping[str, Mapping[str, str]]
) -> list[str]:
    parts = []
    for each in figures:
        if each["reached"] is not False:
            continue
        known = written.get(each["key"], {})
        words = known.get("cause", "The cause has not been found yet.").strip()
        following = known.get("next", "").strip()
        anchor = f'<a id="{each["key"].lower()}"></a>**{each["name"]}**: '
        parts.append(anchor + words + (f" Next: {following}" if following else ""))
    return parts or ["None."]


def _number(value: float) -> str:
    """With three digits that count."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
