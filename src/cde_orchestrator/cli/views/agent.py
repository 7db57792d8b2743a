"""Agents and circuit breakers, as people see them."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.monitoring.show_breakers import BreakersReply
from cde_orchestrator.application.ports.agents import AgentTrialReply
from cde_orchestrator.application.ports.breakers import BreakerView
from cde_orchestrator.application.runs.show_agents import AgentsReply
from cde_orchestrator.cli.console.layout import done, mark, next_steps, note, spaced, table
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command
from cde_orchestrator.domain.text import command_words

_STYLES = {"closed": "green", "half_open": "yellow", "open": "red"}


def agent_list(reply: AgentsReply, look: RenderTarget) -> RenderableType:
    """Agents in columns; those that could be used once they are trusted, and how."""
    rows = _table("", "AGENT", "VERSION", "TRUST", "COMMAND")
    for agent in reply["agents"]:
        found, state = agent["found"], agent["breaker"]
        here = Text("trusted" if agent["trusted"] else "not trusted" if found else "-")
        here.stylize("green" if agent["trusted"] else "yellow" if found else "dim")
        if state != "closed":
            here.append(f"  breaker {state}", _STYLES[state])
        rows.add_row(
            mark("completed" if found else "pending"),
            Text(clean(agent["name"]), style="bold" if found else ""),
            clean(agent["version"] or "found") if found else "not on PATH",
            here,
            Text(clean(command_words(agent["command"])), style="dim"),
        )
    pending = [a["name"] for a in reply["agents"] if a["found"] and not a["trusted"]]
    steps = [(command(look, "agents", "trust", *pending), "let cde run start them in this project")]
    return spaced(rows, next_steps(steps) if pending else None)


def agent_tried(reply: AgentTrialReply, look: RenderTarget) -> RenderableType:
    """How a small task went."""
    name = clean(reply["name"])
    seconds = f"  {reply['duration_ms'] / 1_000:.1f} s"
    line = done((name, "bold"), " answered", (seconds, "dim"))
    lines = [Text(f"  {clean(each)}", style="dim") for each in reply["last_lines"]]
    warning = None
    if not reply["wrote_file"]:
        warning = note("The agent answered but wrote no file. Check its write permissions.")
    return spaced(Group(line, *lines), warning)


def breaker_list(reply: BreakersReply, look: RenderTarget) -> RenderableType:
    """Circuit breakers in columns."""
    if not reply["breakers"]:
        return Text("No failures recorded.")
    rows = _table("BREAKER", "STATE", "FAILURES", "RETRY IN", "LAST FAILURE")
    for each in reply["breakers"]:
        wait = f"{each['retry_after_seconds']:.0f} s" if each["state"] == "open" else "-"
        rows.add_row(
            Text(clean(each["name"]), style="bold"),
            Text(each["state"], style=_STYLES[each["state"]]),
            str(each["failures"]),
            wait,
            clean(each["last_failure"] or "-"),
        )
    opened = [each["name"] for each in reply["breakers"] if each["state"] != "closed"]
    steps = [(command(look, "health", "reset-breaker", name), "close it now") for name in opened]
    return spaced(rows, next_steps(steps) if steps else None)


def breaker_closed(reply: BreakerView, look: RenderTarget) -> RenderableType:
    """A circuit breaker that was closed by hand."""
    return done("The breaker ", (clean(reply["name"]), "bold"), " is closed")


def _table(*columns: str) -> Table:
    return table(*columns, no_wrap=columns[:-1], overflow="ellipsis")
