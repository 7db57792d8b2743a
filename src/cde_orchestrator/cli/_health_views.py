"""Health as people see it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.explain_error import explain
from cde_orchestrator.application.health import (
    CheckDetail,
    HealthReply,
    OperationFigures,
    slowest,
)
from cde_orchestrator.cli._layout import facts, next_steps, spaced
from cde_orchestrator.cli._output import Look
from cde_orchestrator.cli._wording import clean, command, moment

SLOWEST_SHOWN = 5

_VERDICTS = {
    "ok": ("✓", "green"),
    "warning": ("!", "bold yellow"),
    "critical": ("✗", "bold red"),
}
_STATUSES = {"healthy": "bold green", "degraded": "bold yellow", "unhealthy": "bold red"}


def health_page(reply: HealthReply, look: Look) -> RenderableType:
    """Verdicts, figures beside their thresholds, and what to do."""
    head = Text.assemble(
        ("● ", _STATUSES[reply["status"]]),
        (reply["status"], _STATUSES[reply["status"]]),
        (f"  cde {reply['version']}, {moment(reply['checked_at'], look)}", "dim"),
    )
    return spaced(
        head, _checks(reply), _figures(reply), _operations(reply), _what_to_do(reply, look)
    )


def health_line(reply: HealthReply, _: Look) -> RenderableType:
    """All of it on one line: time, status, what is not well, and the figures."""
    metrics = reply["metrics"]
    wrong = [f"{name}={verdict}" for name, verdict in reply["checks"].items() if verdict != "ok"]
    words = [
        reply["checked_at"],
        reply["status"],
        *wrong,
        f"memory={metrics['memory_percent']:.0f}%",
        f"disk_free={metrics['disk_free_mb']:.0f}MB",
        f"features={metrics['active_features']}",
        f"errors={100 * metrics['error_rate']:.1f}%",
        f"p95={metrics['p95_ms']:.1f}ms",
    ]
    return Text(" ".join(words))


def _checks(reply: HealthReply) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, verdict in reply["checks"].items():
        mark, style = _VERDICTS[verdict]
        told = reply["details"][name]
        title = Text.assemble((f"{mark} ", style), (name, "" if verdict == "ok" else "bold"))
        table.add_row(title, Text(clean(told["message"]) + _beside(told), style=_dimmed(verdict)))
    return table


def _beside(told: CheckDetail) -> str:
    """The threshold and the code, where there are any."""
    words = []
    if told["threshold"]:
        words.append(f"threshold {told['threshold']:.10g} {told['unit']}")
    if told["error_code"]:
        words.append(told["error_code"])
    return f"  ({', '.join(words)})" if words else ""


def _dimmed(verdict: str) -> str:
    return "dim" if verdict == "ok" else ""


def _figures(reply: HealthReply) -> RenderableType:
    metrics = reply["metrics"]
    return facts(
        [
            ("memory", Text(f"{metrics['memory_mb']:.1f} MB by this process")),
            ("project", Text(f"{metrics['disk_mb']:.1f} MB in .cde")),
            ("features", Text(f"{metrics['active_features']} open")),
            ("operations", _throughput(reply)),
        ]
    )


def _throughput(reply: HealthReply) -> RenderableType | None:
    metrics = reply["metrics"]
    calls = sum(each["calls"] for each in metrics["operations"])
    if not calls:
        return None
    return Text(
        f"{metrics['operations_per_second']:.2f} a second, {100 * metrics['error_rate']:.1f} % "
        f"not done; p50 {metrics['p50_ms']:.1f} ms, p95 {metrics['p95_ms']:.1f} ms, "
        f"p99 {metrics['p99_ms']:.1f} ms"
    )


def _operations(reply: HealthReply) -> RenderableType | None:
    shown = slowest(reply["metrics"]["operations"], SLOWEST_SHOWN)
    if not shown:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("SLOWEST")
    for name in ("CALLS", "ERRORS", "P50 MS", "P95 MS", "P99 MS"):
        table.add_column(name, justify="right")
    for each in shown:
        table.add_row(*_row(each))
    return table


def _row(each: OperationFigures) -> list[str]:
    latencies = [f"{figure:.1f}" for figure in (each["p50_ms"], each["p95_ms"], each["p99_ms"])]
    return [each["operation"], str(each["calls"]), str(each["errors"]), *latencies]


def _what_to_do(reply: HealthReply, look: Look) -> RenderableType | None:
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
            next_steps([(command(look, "explain", code), "all about it")]),
        ]
    return Group(*parts) if parts else None
