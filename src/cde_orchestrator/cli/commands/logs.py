"""Commands that answer from the log: what happened, in which order, and what was slow."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from cde_orchestrator.application.logs.log_query import LogQuery
from cde_orchestrator.application.logs.read_logs import FollowLogs, ListSlowOperations, ReadLogs
from cde_orchestrator.application.logs.trace_call import TraceCall
from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views.log import call_tree, log_lines, slow_operations, tell_entry

group = Commands("logs", help="Show what happened and what was slow.")

SinceOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only from then on: an age such as 30m, 2h or 7d, or a date such as 2026-11-01.",
    ),
]


@group.callback(
    "cde logs --feature add-a-login-page",
    "cde logs --follow --level warning",
    "cde logs slow --since 2h",
    "cde logs trace 4bf92f3577b34da6",
)
def logs(
    call: Call,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Follow new lines until Ctrl-C.")
    ] = False,
    level: Annotated[
        str | None,
        typer.Option(help="The lowest level to show: debug, info, warning, error or critical."),
    ] = None,
    feature: Annotated[
        str | None,
        typer.Option(
            help="Only this feature: its name, id or the beginning of its id.",
            autocompletion=completion.features,
        ),
    ] = None,
    correlation: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only this call: its id or the beginning of its id."),
    ] = None,
    operation: Annotated[
        str | None, typer.Option(help="Only this operation, such as start_feature or submit_work.")
    ] = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(help="The maximum number of lines.")] = 200,
) -> None:
    """Show the newest lines of the project's log, including rotated files.

    With --json and --follow, each line is a JSON value on its own.
    """
    query = LogQuery(
        level=level, feature=feature, correlation_id=correlation, operation=operation, since=since
    )
    if not follow:
        call.answer(ReadLogs(query=query, limit=limit), log_lines)
        return
    show = partial(tell_entry, as_json=call.as_json)
    call.ask(FollowLogs(query=query, limit=limit, show=show))


@group.command("cde logs trace 4bf92f3577b34da6 --json")
def trace(
    call: Call,
    correlation_id: Annotated[
        str, typer.Argument(metavar="ID", help="The call's correlation id or the beginning of it.")
    ],
) -> None:
    """Show one call as a tree: its operations, what they did and where the time went."""
    call.answer(TraceCall(correlation_id=correlation_id), call_tree)


@group.command("cde logs slow", "cde logs slow --since 1d --limit 3")
def slow(
    call: Call,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(help="The maximum number of operations.")] = 10,
) -> None:
    """Show the slowest operations and what took most of their time."""
    use_case = ListSlowOperations(limit=limit, since=since)
    call.answer(use_case, slow_operations)
