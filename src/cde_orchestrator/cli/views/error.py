"""Errors, their codes and their reports, as people see them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.logs.error_reports import ErrorReportReply, ErrorReportsReply
from cde_orchestrator.application.logs.explain_error import CatalogReply, ExplainReply
from cde_orchestrator.cli.console.layout import (
    advised,
    facts,
    next_steps,
    remarked,
    spaced,
    table,
    unbroken,
)
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command, moment
from cde_orchestrator.infrastructure.settings.settings import SettingState

SettingsReply: TypeAlias = dict[str, list[dict[str, Any]]]


def explanation(reply: ExplainReply, look: RenderTarget) -> RenderableType:
    """What a code means and how to fix it."""
    known = reply["explanation"]
    outlook = "you can correct it" if known["recoverable"] else "it cannot be retried as is"
    rows = [
        ("Severity", f"{known['severity']}, {outlook}"),
        ("Family", known["family"]),
        ("Since", known["since"]),
    ]
    return advised(known, look, known["description"], facts(rows))


def catalog(reply: CatalogReply, _look: RenderTarget) -> RenderableType:
    """All codes, range by range."""
    parts: list[RenderableType] = []
    for family in reply["families"]:
        codes = Table.grid(padding=(0, 2))
        for row in family["codes"]:
            codes.add_row(Text(row["code"], style="cyan"), Text(row["title"]))
        heading = Text.assemble(
            (family["name"], "bold"), (f"  {family['first']} to {family['last']}", "dim")
        )
        parts.append(Group(heading, codes))
    return spaced(*parts)


def reports(reply: ErrorReportsReply, look: RenderTarget) -> RenderableType:
    """Reports, one a line."""
    rows = reply["reports"]
    if not rows:
        return Text("No error reports.")
    titles: tuple[str, ...] = ("REPORT", "WHEN", "TIMES", "CODE", "OPERATION")
    shown = []
    for row in rows:
        when = moment(row["at"], look) if row["at"] else "?"
        known = (row["id"], when, row["count"], row["code"], row["operation"])
        cells = [clean(str(cell)) for cell in known]
        shown.append((cells, clean(row["message"])))
    whole = command(look, "errors", "show", rows[0]["id"])
    steps = next_steps([(whole, "the newest report in full")])
    if look.terminal:
        return spaced(remarked(titles, shown), steps)
    titles = (*titles, "MESSAGE")
    listed = table(*titles, no_wrap=titles, overflow="ellipsis")
    for cells, message in shown:
        listed.add_row(*cells, message)
    return Group(listed, steps)


def report(reply: ErrorReportReply, _look: RenderTarget) -> RenderableType:
    """One report: what happened first, the rest as it is kept."""
    content = reply["report"]
    operation = content.get("operation")
    name = operation.get("name") if isinstance(operation, Mapping) else None
    head = facts(
        [
            ("Report", clean(content.get("id"))),
            ("At", clean(content.get("at"))),
            ("Times", _times(content)),
            ("Code", Text(clean(content.get("code")), style="bold red")),
            ("Message", clean(content.get("message"))),
            ("Operation", clean(name)),
            ("Correlation id", clean(content.get("correlation_id"))),
        ]
    )
    shown = {"id", "at", "first_at", "count", "code", "message", "correlation_id"}
    rest = {key: value for key, value in content.items() if key not in shown}
    lines = json.dumps(rest, indent=2, ensure_ascii=False).splitlines()
    return spaced(head, Group(*(unbroken(Text(clean(line))) for line in lines)))


def _times(content: Mapping[str, Any]) -> str | None:
    """How often the same refusal came, where it did so again."""
    if content.get("count", 1) == 1:
        return None
    return f"{clean(content.get('count'))}, first at {clean(content.get('first_at'))}"


def settings(reply: SettingsReply, _look: RenderTarget) -> RenderableType:
    """Every setting, where it comes from, and what is wrong with it."""
    rows = table("SETTING", "VALUE", "FROM", "VARIABLE")
    for row in reply["settings"]:
        value = Text("!", "bold red") if row["problem"] else Text(clean(str(row["value"])))
        rows.add_row(
            Text(clean(row["key"]), style="bold"),
            value,
            clean(row["source"]),
            Text(clean(row["variable"]), style="dim"),
        )
    problems = [
        Text(f"! {clean(row['key'])}, {clean(row['source'])}: {clean(row['problem'])}", style="red")
        for row in reply["settings"]
        if row["problem"]
    ]
    return spaced(rows, Group(*problems) if problems else None)


def settings_payload(states: Sequence[SettingState]) -> SettingsReply:
    """The settings as programs see them."""
    return {
        "settings": [
            {
                "key": state.key,
                "value": state.shown,
                "default": state.default,
                "source": state.source,
                "variable": state.variable,
                "about": state.about,
                "problem": state.problem,
            }
            for state in states
        ]
    }
