"""A failure, shown to people or to programs."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from functools import partial
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.cli.console.layout import advised, to_type
from cde_orchestrator.cli.console.output import say_json, show_aside
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.discovery import find_project_root
from cde_orchestrator.domain.errors.formatter import ErrorFormatter, ErrorPayload, detail_lines
from cde_orchestrator.domain.exceptions import CDEError, is_mistake


def print_error(
    error: CDEError, command: str = "cde", *, as_json: bool, is_elsewhere: bool = False
) -> None:
    """Print a failure: a panel on standard error, or ``{"error": ...}`` on standard output.

    ``command`` is the one that failed, by its whole name; ``is_elsewhere`` is whether whoever
    typed it is in another folder than it works in.
    """
    payload = ErrorFormatter.payload(error, subcommand=command.split()[1:])
    if as_json:
        say_json({"error": payload})
    else:
        shown = payload if is_elsewhere else _said_here(payload)
        show_aside(partial(failure, shown), project=None)


def _said_here(payload: ErrorPayload) -> ErrorPayload:
    """The same, without naming the project that whoever types the commands is in."""
    with suppress(OSError, RuntimeError, ValueError):
        option = f" --project {shlex.quote(str(find_project_root(Path()).resolve()))}"
        here = re.compile(rf"{re.escape(option)}(?!\S)")
        for each in payload["fixes"]:
            each["command"] = here.sub("", each["command"])
        payload["suggestions"] = [here.sub("", each) for each in payload["suggestions"]]
    return payload


def failure(payload: ErrorPayload, look: RenderTarget) -> RenderableType:
    """What happened, what helps, and where to read on; of a mistake in two lines."""
    if is_mistake(payload["code"]):
        what = Text.assemble(("✗ ", "bold red"), payload["message"], "  ", (payload["code"], "dim"))
        return Group(what, *(to_type(each["command"]) for each in payload["fixes"][:1]))
    more = [("Learn more: ", payload["docs"])]
    if payload["report_id"]:
        more.insert(0, ("Report: ", f"cde errors show {payload['report_id']}"))
    return Group(
        advised(payload, look, "\n".join([payload["message"], *detail_lines(payload)]), sign="✗ "),
        *(Text.assemble((name, "dim"), (command, "cyan")) for name, command in more),
    )
