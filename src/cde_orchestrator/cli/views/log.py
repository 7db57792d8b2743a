"""The log, as people see it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from cde_orchestrator.application.logs.read_logs import LogReply, SlowReply
from cde_orchestrator.application.logs.trace_call import TracedOperation, TraceEvent, TraceReply
from cde_orchestrator.application.ports.core import LogEntry
from cde_orchestrator.cli.console.layout import note, remarked, spaced, table
from cde_orchestrator.cli.console.output import is_terminal, say_json, show
from cde_orchestrator.cli.console.wording import RenderTarget, clean
from cde_orchestrator.domain.text import counted

_STYLES = {"debug": "dim", "info": "green", "warning": "yellow", "error": "red"}
_OUTCOMES = {"ok": "green", "refused": "yellow", "failed": "bold red"}
_SHORT_ID = 8
# What the head of a line says already, or what only programs want to know.
_LEFT_AWAY = frozenset(
    {
        *("timestamp", "level", "logger", "event", "pid", "version", "operation_id"),
        *("project_id", "exception", "feature_id"),
    }
)


def log_lines(reply: LogReply, look: RenderTarget) -> RenderableType:
    """Entries, one a line."""
    if not reply["entries"]:
        return note("No matching lines in the log.")
    lines = [log_line(entry, look) for entry in reply["entries"]]
    before = reply["total"] - len(lines)
    if before:
        lines.insert(0, Text(f"… {before} before: --limit {reply['total']} shows them", "dim"))
    return Group(*lines)


def log_line(entry: LogEntry, look: RenderTarget) -> Text:
    """One entry: its time here on a terminal, in UTC elsewhere."""
    level = str(entry.get("level", ""))
    details = {name: value for name, value in entry.items() if name not in _LEFT_AWAY}
    line = Text.assemble(
        (f"{_time(entry['timestamp'], look)} ", "dim"),
        (f"{clean(level.upper()):<8} ", _STYLES.get(level, "bold red")),
        (clean(str(entry.get("event", ""))), "bold"),
        (_words(details), "dim"),
        no_wrap=not look.terminal,
    )
    for cause in entry.get("exception") or []:
        if isinstance(cause, Mapping):
            line.append(f"\n  {clean(str(cause.get('type')))}: {clean(str(cause.get('message')))}")
    return line


def tell_entry(entry: LogEntry, *, as_json: bool) -> None:
    """Print one entry at once."""
    if as_json:
        say_json(entry, indent=None)
    else:
        show(log_line(entry, RenderTarget(is_terminal(sys.stdout))))


def call_tree(reply: TraceReply, look: RenderTarget) -> RenderableType:
    """A call with its operations; times are milliseconds since it began."""
    head = Text.assemble(
        (f"Call {clean(reply['correlation_id'])}", "bold"),
        (f"  {clean(reply['actor'])}  " if reply["actor"] else "  ", "cyan"),
        (f"{_time(reply['started_at'], look, day=True)}  ", "dim"),
        f"{_milliseconds(reply['duration_ms'])} in all",
    )
    tree = Tree(head, guide_style="dim")
    for operation in reply["operations"]:
        _add_operation(tree, operation)
    for event in reply["events"]:
        tree.add(_event_line(event))
    return tree


def slow_operations(reply: SlowReply, look: RenderTarget) -> RenderableType:
    """The slowest operations, the slowest one first."""
    if not reply["operations"]:
        return note("No finished operations in the log.")
    if look.terminal:
        calls = (
            f"{counted(reply['total'], 'operation')} in all; cde logs trace CALL shows one in full"
        )
        return spaced(_slowest(reply, look), Text(calls, "dim"))
    titles = ("TOOK", "OPERATION", "MOSTLY", "FEATURE", "WHEN", "CALL")
    rows = table(*titles, no_wrap=titles, overflow="ellipsis")
    rows.columns[0].justify = "right"
    for row in reply["operations"]:
        rows.add_row(
            _milliseconds(row["duration_ms"]),
            clean(row["operation"]),
            f"{clean(row['bottleneck'])} {_milliseconds(row['bottleneck_ms'])}",
            clean(row["feature"] or ""),
            _time(row["at"], look, day=True),
            clean(row["correlation_id"]),
        )
    return rows


def _slowest(reply: SlowReply, look: RenderTarget) -> RenderableType:
    rows = []
    for row in reply["operations"]:
        call = clean(row["correlation_id"])[:_SHORT_ID]
        cells = [_milliseconds(row["duration_ms"]), clean(row["operation"]), call]
        mostly = f"mostly {clean(row['bottleneck'])}, {_milliseconds(row['bottleneck_ms'])}"
        of_feature = [f"feature {clean(row['feature'])}"] if row["feature"] else []
        remark = "; ".join([mostly, *of_feature, _time(row["at"], look, day=True)])
        rows.append((cells, remark))
    return remarked(("TOOK", "OPERATION", "CALL"), rows)


def _add_operation(tree: Tree, operation: TracedOperation) -> None:
    outcome = operation["outcome"]
    code = f" {operation['error_code']}" if operation["error_code"] else ""
    took = operation["duration_ms"]
    branch = tree.add(
        Text.assemble(
            (f"+{_milliseconds(operation['offset_ms'])} ", "dim"),
            (clean(operation["operation"]), "bold"),
            f" {_milliseconds(took)} " if took is not None else " ",
            (f"{clean(outcome)}{clean(code)}", _OUTCOMES.get(outcome, "yellow")),
            (f"  feature {clean(operation['feature'])}" if operation["feature"] else "", "cyan"),
            (f"  phase {clean(operation['phase'])}" if operation["phase"] else "", "cyan"),
        )
    )
    for event in operation["events"]:
        branch.add(_event_line(event))
    spans = operation["spans"]
    if spans:
        times = branch.add(Text("time", "dim"))
        for name, value in sorted(spans.items(), key=lambda span: -span[1]):
            times.add(Text(f"{clean(name):<12}{_milliseconds(value):>12}"))
        rest = (took or 0.0) - sum(spans.values())
        if rest > 0:
            times.add(Text(f"{'the rest':<12}{_milliseconds(rest):>12}", "dim"))


def _event_line(event: TraceEvent) -> Text:
    return Text.assemble(
        (f"+{_milliseconds(event['offset_ms'])} ", "dim"),
        (clean(event["event"]), _STYLES.get(event["level"], "bold red")),
        (_words(event["details"]), "dim"),
    )


def _time(timestamp: str, look: RenderTarget, *, day: bool = False) -> str:
    if not look.terminal:
        return clean(timestamp)
    try:
        moment = datetime.fromisoformat(timestamp).astimezone()
    except ValueError:
        return clean(timestamp)
    today = moment.date() == look.now.astimezone().date()
    return moment.strftime("%H:%M:%S" if today and not day else "%Y-%m-%d %H:%M:%S")


def _milliseconds(value: float) -> str:
    return f"{value / 1000:,.2f} s" if value >= 10_000 else f"{value:,.1f} ms"


def _words(details: Mapping[str, Any]) -> str:
    return "".join(f" {clean(name)}={_word(value)}" for name, value in details.items())


def _word(value: Any) -> str:
    if isinstance(value, str):
        text = clean(value)
        return text if text and " " not in text else json.dumps(text, ensure_ascii=False)
    return clean(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))
