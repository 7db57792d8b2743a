"""A failure, shown to people or to programs."""

from __future__ import annotations

from functools import partial

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.cli.console.layout import advised
from cde_orchestrator.cli.console.output import say_json, show_aside
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.domain.errors.formatter import ErrorFormatter, ErrorPayload, detail_lines
from cde_orchestrator.domain.exceptions import CDEError


def print_error(error: CDEError, *, as_json: bool) -> None:
    """Print a failure: a panel on standard error, or ``{"error": ...}`` on standard output."""
    payload = ErrorFormatter.payload(error)
    if as_json:
        say_json({"error": payload})
    else:
        show_aside(partial(failure, payload), project=None)


def failure(payload: ErrorPayload, look: RenderTarget) -> RenderableType:
    """What happened, what helps, and where to read on."""
    more = [("Learn more: ", payload["docs"])]
    if payload["report_id"]:
        more.insert(0, ("Report: ", f"cde errors show {payload['report_id']}"))
    return Group(
        advised(payload, look, "\n".join([payload["message"], *detail_lines(payload)]), sign="✗ "),
        *(Text.assemble((name, "dim"), (command, "cyan")) for name, command in more),
    )
