"""Alerts, as people see them."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.ports.health import AlertsReply, AlertTestReply
from cde_orchestrator.cli.console.layout import done, next_steps, note, spaced
from cde_orchestrator.cli.console.target import RenderTarget
from cde_orchestrator.cli.console.wording import clean, command, moment

_STYLES = {"inactive": "green", "pending": "yellow", "firing": "bold red", "resolved": "cyan"}


def alert_list(reply: AlertsReply, look: RenderTarget) -> RenderableType:
    """Every alert in columns, and beneath what those say that fire."""
    if not reply["alerts"]:
        return note("No alerts are watched here.")
    table = _table("ALERT", "STATE", "VALUE", "THRESHOLD", "SINCE")
    for each in reply["alerts"]:
        figure = "-" if each["figure"] is None else f"{each['figure']:g} {each['unit']}".strip()
        table.add_row(
            Text(clean(each["name"]), style="bold"),
            Text(each["state"], style=_STYLES[each["state"]]),
            Text(clean(figure)),
            Text(clean(f"{each['threshold']:g} {each['unit']}".strip())),
            Text("-" if each["since"] is None else moment(each["since"], look)),
        )
    firing = [each for each in reply["alerts"] if each["state"] == "firing"]
    said = Group(*(note(each["message"]) for each in firing)) if firing else None
    codes = dict.fromkeys(each["error_code"] for each in firing if each["error_code"])
    steps = [(f"cde explain {code}", "what to do about it") for code in codes]
    steps.append((command(look, "alerts", "--history"), "what happened before"))
    return spaced(table, said, next_steps(steps))


def alert_history(reply: AlertsReply, look: RenderTarget) -> RenderableType:
    """What happened to the alerts, one event a line."""
    if not reply["history"]:
        return note("No alert has fired yet.")
    table = _table("AT", "ALERT", "STATE", "WHAT")
    for each in reply["history"]:
        table.add_row(
            Text(moment(each["at"], look), style="dim"),
            Text(clean(each["name"]), style="bold"),
            Text(each["state"], style=_STYLES[each["state"]]),
            Text(clean(each["message"])),
        )
    return table


def alert_tried(reply: AlertTestReply, look: RenderTarget) -> RenderableType:
    """Who was told of an alert on trial."""
    names = [notice["notifier"] for notice in reply["notices"]]
    lines: list[RenderableType] = [done("A test alert fired and was resolved")]
    lines += [Text(f"  sent to: {clean(name)}", style="dim") for name in names]
    if names in ([], ["log"]):
        lines.append(
            note("Nothing is sent to the outside: set alert_webhook_url in .cde/config.toml.")
        )
    return Group(*lines)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
