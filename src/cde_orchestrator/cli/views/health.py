"""Health and alerts, as people see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.monitoring.alert_episodes import episodes
from cde_orchestrator.application.ports import health
from cde_orchestrator.cli.console.layout import done, facts, next_steps, note, spaced, table
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command, moment, took
from cde_orchestrator.domain.errors.formatter import advice_on
from cde_orchestrator.domain.text import counted

SLOWEST_SHOWN = 5
PHASES_SHOWN = 3

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
_ALERT_STYLES = {"inactive": "green", "pending": "yellow", "firing": "bold red", "resolved": "cyan"}
_STATUSES = {"healthy": "bold green", "degraded": "bold yellow", "unhealthy": "bold red"}


def health_page(reply: health.HealthReply, look: RenderTarget) -> RenderableType:
    """Verdicts, figures where they are no longer fine, and what to do."""
    codes = [each["error_code"] for each in reply["details"].values()]
    is_set_up = health.NOT_SET_UP not in codes
    head = Text.assemble(
        ("● ", _STATUSES[reply["status"]]),
        (reply["status"] if is_set_up else "not set up", _STATUSES[reply["status"]]),
        (f"  cde {reply['version']}, {_time(reply, look)}", "dim"),
    )
    return spaced(head, _checks(reply), _figures(reply), _operations(reply), _what_to_do(reply))


def health_line(reply: health.HealthReply, look: RenderTarget) -> RenderableType:
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


def _time(reply: health.HealthReply, look: RenderTarget) -> str:
    """When it was looked: by the clock on the wall for people, in UTC for programs."""
    at = datetime.fromisoformat(reply["checked_at"])
    return f"{at.astimezone():%H:%M:%S}" if look.terminal else f"{at.astimezone(UTC):%FT%TZ}"


def _checks(reply: health.HealthReply) -> RenderableType:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for name, verdict in reply["checks"].items():
        mark, style = _VERDICTS[verdict]
        found = reply["details"][name]
        title = Text.assemble((f"{mark} ", style), (name, "" if verdict == "ok" else "bold"))
        message = clean(found["message"])
        well = verdict == "ok"
        rows.add_row(title, Text(message, "dim") if well else message + _around(found))
    return rows


def _around(found: health.CheckDetail) -> str:
    """The threshold and the code, where there are any."""
    words = []
    if found["threshold"]:
        words.append(f"threshold {found['threshold']:.10g} {found['unit']}")
    if found["error_code"]:
        words.append(found["error_code"])
    return f"  ({', '.join(words)})" if words else ""


def _figures(reply: health.HealthReply) -> RenderableType:
    metrics = reply["metrics"]
    calls = sum(each["calls"] for each in metrics["operations"])
    latencies = ", ".join(f"{name} {took(metrics[key])}" for name, key in _PERCENTILES)
    return facts(
        [
            ("features", f"{metrics['active_features'] or 'none'} open"),
            ("folder", f"{metrics['disk_mb']:.1f} MB in .cde"),
            ("last 5 minutes", _throughput(metrics, calls) if calls else "nothing ran"),
            ("refused at", _phases(metrics)),
            ("took", latencies if calls else None),
        ]
    )


def _phases(metrics: health.HealthMetrics) -> str | None:
    """The phases whose gates refused most, and how often."""
    most = list(metrics["refusals_by_phase"].items())[:PHASES_SHOWN]
    return ", ".join(f"{clean(phase)} {counted(count, 'time')}" for phase, count in most) or None


def _throughput(metrics: health.HealthMetrics, calls: int) -> str:
    shares = [
        f"{count} ({100 * rate:.1f} %) {became}"
        for count, rate, became in (
            (_sum(metrics, "errors"), metrics["error_rate"], "failed"),
            (_sum(metrics, "refusals"), metrics["refusal_rate"], "refused"),
        )
        if count
    ]
    return f"{counted(calls, 'operation')}, {', '.join(shares) or 'all succeeded'}"


def _sum(metrics: health.HealthMetrics, key: Literal["errors", "refusals"]) -> int:
    return sum(each[key] for each in metrics["operations"])


def _operations(reply: health.HealthReply) -> RenderableType | None:
    shown = health.slowest(reply["metrics"]["operations"], SLOWEST_SHOWN)
    if not shown:
        return None
    figures = ("CALLS", "FAILED", "REFUSED", *(name.upper() for name, _ in _PERCENTILES))
    rows = table("SLOWEST", *figures, no_wrap=figures, overflow="ellipsis")
    for column in rows.columns[1:]:
        column.justify = "right"
    for each in shown:
        rows.add_row(*_row(each))
    return rows


def _row(each: health.OperationFigures) -> list[str]:
    latencies = [took(each[key]) for _, key in _PERCENTILES]
    counts = [str(each["calls"]), str(each["errors"]), str(each["refusals"])]
    return [clean(each["operation"]), *counts, *latencies]


def _what_to_do(reply: health.HealthReply) -> RenderableType | None:
    """The catalogue's advice for each code, once, as far as it is about this case."""
    known: dict[str, Mapping[str, Any]] = {}
    for name, verdict in reply["checks"].items():
        found = reply["details"][name]
        if verdict != "ok" and found["error_code"]:
            known.setdefault(found["error_code"], found["context"])
    parts: list[RenderableType] = []
    for code, context in known.items():
        advice = advice_on(code, context)
        parts += [
            Text.assemble((f"{code} ", "yellow"), advice["title"]),
            *(Text(f"  {clean(each)}") for each in advice["suggestions"]),
            next_steps([(f"cde explain {code}", "explain it")]),
        ]
    return Group(*parts) if parts else None


def alert_list(reply: health.AlertsReply, look: RenderTarget) -> RenderableType:
    """Every alert in columns, and beneath what those say that fire."""
    if not reply["alerts"]:
        return note("No alerts are watched here.")
    rows = table("ALERT", "STATE", "VALUE", "FIRED AT", "THRESHOLD", "SINCE")
    for each in reply["alerts"]:
        now, then = (
            "-" if figure is None else f"{figure:g} {each['unit']}".strip()
            for figure in (each["figure"], each["fired_figure"])
        )
        rows.add_row(
            Text(clean(each["name"]), style="bold"),
            Text(each["state"], style=_ALERT_STYLES[each["state"]]),
            clean(now),
            clean(then),
            clean(f"{each['threshold']:g} {each['unit']}".strip()),
            "-" if each["since"] is None else moment(each["since"], look),
        )
    firing = [each for each in reply["alerts"] if each["state"] == "firing"]
    said = Group(*(note(each["message"]) for each in firing)) if firing else None
    codes = dict.fromkeys(each["error_code"] for each in firing if each["error_code"])
    steps = [(f"cde explain {code}", "what to do about it") for code in codes]
    steps.append((command(look, "alerts", "--history"), "what happened before"))
    return spaced(rows, said, next_steps(steps))


def alert_history(reply: health.AlertsReply, look: RenderTarget) -> RenderableType:
    """What happened to the alerts, one line for each from its beginning to its end."""
    if not reply["history"]:
        return note("No alert has fired yet.")
    rows = table("BEGAN", "LAST", "ALERT", "STATE", "WHAT")
    for each in episodes(reply["history"]):
        rows.add_row(
            Text(moment(each["began"], look), style="dim"),
            Text(moment(each["at"], look), style="dim"),
            Text(clean(each["name"]), style="bold"),
            Text(each["state"], style=_ALERT_STYLES[each["state"]]),
            clean(each["message"]),
        )
    return rows


def alert_tried(reply: health.AlertTestReply, look: RenderTarget) -> RenderableType:
    """Who was notified of an alert on trial."""
    names = [notice["notifier"] for notice in reply["notices"]]
    lines: list[RenderableType] = [done("A test alert fired and was resolved")]
    lines += [Text(f"  sent to: {clean(name)}", style="dim") for name in names]
    if names in ([], ["log"]):
        lines.append(
            note(
                "Nothing is sent to the outside: set alert_webhook_url in .cde/config.toml, or "
                "choose how you are notified (docs/alerts.md)."
            )
        )
    return Group(*lines)
