"""Errors, their codes and their reports, as people see them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.logs.error_reports import ErrorReportReply, ErrorReportsReply
from cde_orchestrator.application.logs.explain_error import CatalogReply, ExplainReply
from cde_orchestrator.cli.console.layout import (
    facts,
    next_steps,
    remarked,
    section,
    spaced,
    unbroken,
)
from cde_orchestrator.cli.console.target import RenderTarget
from cde_orchestrator.cli.console.wording import clean, command, moment
from cde_orchestrator.infrastructure.settings.settings import SettingState

_STYLES = {"INFO": "blue", "WARNING": "yellow"}


def explanation(reply: ExplainReply, look: RenderTarget) -> RenderableType:
    """What a code means and how to fix it."""
    known = reply["explanation"]
    style = _STYLES.get(known["severity"], "red")
    title = Text.assemble((known["title"], f"bold {style}"), ("  ", ""), (known["code"], "dim"))
    ideas = Table.grid(padding=(0, 1))
    for idea in known["suggestions"]:
        ideas.add_row(Text("•", style=style), Text(idea))
    outlook = "you can correct it" if known["recoverable"] else "it cannot be retried as is"
    rows: list[tuple[str, RenderableType | None]] = [
        ("Severity", Text(f"{known['severity']}, {outlook}")),
        ("Family", Text(known["family"])),
        ("Since", Text(known["since"])),
    ]
    commands = [
        unbroken(Text.assemble(("  $ ", "dim"), (fix["command"], "cyan"))) for fix in known["fixes"]
    ]
    body = spaced(Text(known["description"]), ideas, facts(rows))
    return Group(section(title, body, look, style), Text("To fix it", style="dim"), *commands)


def catalog(reply: CatalogReply, _look: RenderTarget) -> RenderableType:
    """All codes, range by range."""
    parts: list[RenderableType] = []
    for family in reply["families"]:
        table = Table.grid(padding=(0, 2))
        for row in family["codes"]:
            table.add_row(Text(row["code"], style="cyan"), Text(row["title"]))
        heading = Text.assemble(
            (family["name"], "bold"), (f"  {family['first']} to {family['last']}", "dim")
        )
        parts.append(Group(heading, table))
    return spaced(*parts)


def reports(reply: ErrorReportsReply, look: RenderTarget) -> RenderableType:
    """Reports, one a line."""
    rows = reply["reports"]
    if not rows:
        return Text("No error reports.")
    titles = ("REPORT", "WHEN", "CODE", "OPERATION")
    told = []
    for row in rows:
        when = moment(row["at"], look) if row["at"] else "?"
        cells = [clean(str(cell)) for cell in (row["id"], when, row["code"], row["operation"])]
        told.append((cells, clean(row["message"])))
    whole = command(look, "errors", "show", rows[0]["id"])
    steps = next_steps([(whole, "the newest report in full")])
    if look.terminal:
        return spaced(remarked(titles, told), steps)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in (*titles, "MESSAGE"):
        table.add_column(title, no_wrap=True)
    for cells, message in told:
        table.add_row(*map(Text, [*cells, message]))
    return Group(table, steps)


def report(reply: ErrorReportReply, _look: RenderTarget) -> RenderableType:
    """One report: what happened first, the rest as it is kept."""
    content = reply["report"]
    operation = content.get("operation")
    name = operation.get("name") if isinstance(operation, Mapping) else None
    head = facts(
        [
            ("Report", Text(clean(str(content.get("id"))))),
            ("At", Text(clean(str(content.get("at"))))),
            ("Code", Text(clean(str(content.get("code"))), style="bold red")),
            ("Message", Text(clean(str(content.get("message"))))),
            ("Operation", Text(clean(str(name)))),
            ("Correlation id", Text(clean(str(content.get("correlation_id"))))),
        ]
    )
    shown = {"id", "at", "code", "message", "correlation_id"}
    rest = {key: value for key, value in content.items() if key not in shown}
    lines = json.dumps(rest, indent=2, ensure_ascii=False).splitlines()
    return spaced(head, Group(*(unbroken(Text(clean(line))) for line in lines)))


def settings(states: Sequence[SettingState], _look: RenderTarget) -> RenderableType:
    """Every setting, where it comes from, and what is wrong with it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("SETTING", "VALUE", "FROM", "VARIABLE"):
        table.add_column(heading, overflow="fold")
    for state in states:
        value = Text("!", style="bold red") if state.problem else Text(clean(str(state.shown)))
        table.add_row(
            Text(clean(state.key), style="bold"),
            value,
            Text(clean(state.source)),
            Text(clean(state.variable), style="dim"),
        )
    problems = [
        Text(f"! {clean(state.key)}, {clean(state.source)}: {clean(state.problem)}", style="red")
        for state in states
        if state.problem
    ]
    return spaced(table, Group(*problems) if problems else None)


def settings_payload(states: Sequence[SettingState]) -> dict[str, Any]:
    """The same for programs."""
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
