"""Health as people see it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.logs.explain_error import explain
from cde_orchestrator.application.ports.health import (
    CheckDetail,
    HealthMetrics,
    HealthReply,
    OperationFigures,
    slowest,
)
from cde_orchestrator.cli.console.layout import facts, next_steps, spaced
from cde_orchestrator.cli.console.target import RenderTarget
from cde_orchestrator.cli.console.wording import clean, command, counted, took

SLOWEST_SHOWN = 5

_VERDICTS = {
    "ok": ("✓", "green"),
    "warning": ("!", "bold yellow"),
    "critical": ("✗", "bold red"),
}
_PERCENTILES: tuple[tuple[str, Literal["p50_ms", "p95_ms", "p99_ms"]], ...] = (
    ("p50", "p50_ms"),
    ("p95", "p95_ms"),
    ("p99", "p99_ms"),
)
_STATUSES = {"healthy": "bold green", "degraded": "bold yellow", "unhealthy": "bold red"}


def health_page(reply: HealthReply, look: RenderTarget) -> RenderableType:
    """Verdicts, figures where they are no longer fine, and what to do."""
    head = Text.assemble(
        ("● ", _STATUSES[reply["status"]]),
        (reply["status"], _STATUSES[reply["status"]]),
        (f"  cde {reply['version']}, {_time(reply, look)}", "dim"),
    )
    return spaced(
        head, _checks(reply), _figures(reply), _operations(reply), _what_to_do(reply, look)
    )


def health_line(reply: HealthReply, look: RenderTarget) -> RenderableType:
    """All of it on one line: time, status, what is not well, and the figures."""
    metrics = reply["metrics"]
    wrong = [f"{name}={verdict}" for name, verdict in reply["checks"].items() if verdict != "ok"]
    words = [
        _time(reply, look),
        reply["status"],
        *wrong,
        f"memory={metrics['memory_percent']:.0f}%",
        f"disk_free={metrics['disk_free_mb']:.0f}MB",
        f"features={metrics['active_features']}",
        f"errors={100 * metrics['error_rate']:.1f}%",
        f"refusals={100 * metrics['refusal_rate']:.1f}%",
        f"p95={metrics['p95_ms']:.1f}ms",
    ]
    return Text(" ".join(words))


def _time(reply: HealthReply, look: RenderTarget) -> str:
    """When it was looked: by the clock on the wall for people, in UTC for programs."""
    at = datetime.fromisoformat(reply["checked_at"])
    return f"{at.astimezone():%H:%M:%S}" if look.terminal else f"{at.astimezone(UTC):%FT%TZ}"


def _checks(reply: HealthReply) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, verdict in reply["checks"].items():
        mark, style = _VERDICTS[verdict]
        told = reply["details"][name]
        title = Text.assemble((f"{mark} ", style), (name, "" if verdict == "ok" else "bold"))
        said = clean(told["message"])
        if verdict == "ok":
            table.add_row(title, Text(said, style="dim"))
        else:
            table.add_row(title, Text(said + _beside(told)))
    return table


def _beside(told: CheckDetail) -> str:
    """The threshold and the code, where there are any."""
    words = []
    if told["threshold"]:
        words.append(f"threshold {told['threshold']:.10g} {told['unit']}")
    if told["error_code"]:
        words.append(told["error_code"])
    return f"  ({', '.join(words)})" if words else ""


def _figures(reply: HealthReply) -> RenderableType:
    metrics = reply["metrics"]
    calls = sum(each["calls"] for each in metrics["operations"])
    rows: list[tuple[str, RenderableType | None]] = [
        ("features", Text(f"{metrics['active_features']} open")),
        ("folder", Text(f"{metrics['disk_mb']:.1f} MB in .cde")),
        ("last 5 minutes", Text(_throughput(metrics, calls) if calls else "nothing ran")),
    ]
    if calls:
        shares = (f"{name} {took(metrics[key])}" for name, key in _PERCENTILES)
        rows.append(("took", Text(", ".join(shares))))
    return facts(rows)


def _throughput(metrics: HealthMetrics, calls: int) -> str:
    shares = [
        f"{count} ({100 * rate:.1f} %) {became}"
        for count, rate, became in (
            (_sum(metrics, "errors"), metrics["error_rate"], "failed"),
            (_sum(metrics, "refusals"), metrics["refusal_rate"], "refused"),
        )
        if count
    ]
    return f"{counted(calls, 'operation')}, {', '.join(shares) or 'all succeeded'}"


def _sum(metrics: HealthMetrics, key: Literal["errors", "refusals"]) -> int:
    return sum(each[key] for each in metrics["operations"])


def _operations(reply: HealthReply) -> RenderableType | None:
    shown = slowest(reply["metrics"]["operations"], SLOWEST_SHOWN)
    if not shown:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("SLOWEST")
    for name in ("CALLS", "FAILED", "REFUSED", *(name.upper() for name, _ in _PERCENTILES)):
        table.add_column(name, justify="right", no_wrap=True)
    for each in shown:
        table.add_row(*_row(each))
    return table


def _row(each: OperationFigures) -> list[str]:
    latencies = [took(each[key]) for _, key in _PERCENTILES]
    counts = [str(each["calls"]), str(each["errors"]), str(each["refusals"])]
    return [clean(each["operation"]), *counts, *latencies]


def _what_to_do(reply: HealthReply, look: RenderTarget) -> RenderableType | None:
    """The catalogue's advice for each code, once."""
    codes = [
        reply["details"][name]["error_code"]
        for name, verdict in reply["checks"].items()
        if verdict != "ok"
    ]
    parts: list[RenderableType] = []
    for code in dict.fromkeys(filter(None, codes)):
        explanation = explain(code)["explanation"]
        parts += [
            Text.assemble((f"{code} ", "yellow"), explanation["title"]),
            *(Text(f"  {clean(each)}") for each in explanation["suggestions"]),
            next_steps([(command(look, "explain", code), "explain it")]),
        ]
    return Group(*parts) if parts else None
