"""A restore of the state: what goes is said, and a person is asked where others did it."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from cde_orchestrator.application.state.recover_state import (
    RestoreReply,
    RestoreState,
    taken_back_words,
)
from cde_orchestrator.application.state.taken_back import needs_no_yes, source_options
from cde_orchestrator.cli.session.call import Call
from cde_orchestrator.cli.views import state as view
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.lease import COMMAND_LINE
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.trust.person import (
    agent_at_work,
    person_name,
    terminal_problem,
)


def restore_confirmed(
    call: Call, wanted: RestoreState, *, yes: bool, dry_run: bool, file: Path | None = None
) -> None:
    """Restore, once it was said what goes, and a person at the terminal agreed where need be.

    Args:
        call: of the command.
        wanted: the restore, with its source alone.
        yes: whether the person agreed beforehand, which no agent can do for them.
        dry_run: only show it.
        file: where an export was read from.

    Raises:
        CDEError: E335, nobody can be asked; and as of ``RestoreState``.
        typer.Exit: they did not agree.
    """
    with call.application() as application:
        reply = application.handle(replace(wanted, dry_run=True))
        if not dry_run and application.standing.acts:  # else it is refused, whoever agrees
            rows, of_one = reply["taken_back"], wanted.feature is not None
            is_free = needs_no_yes(reply["difference"], rows, _own_names(), of_one=of_one)
            if not is_free and (not yes or agent_at_work() is not None):
                _require_yes(call, wanted, reply, file)
        if not dry_run:
            agreed = replace(wanted, token=reply["token"], shown=reply["taken_back"])
            reply = application.handle(agreed)
    call.say(reply, view.restored)


def _own_names() -> set[str]:
    """What whoever calls is named in the history; an agent that has no name, nothing."""
    name = call_context().doer
    if agent_at_work() is None:
        return {name, person_name(), person_name("page")}
    return {name} - {COMMAND_LINE}


def _require_yes(
    call: Call, wanted: RestoreState, preview: RestoreReply, file: Path | None
) -> None:
    problem = terminal_problem([sys.stdin, sys.stderr if call.as_json else sys.stdout])
    if problem is not None:
        options = source_options(wanted, file)
        gone = taken_back_words(preview["taken_back"], preview["difference"]["removed"])
        raise ValidationError.of(
            "E335",
            source=preview["source"],
            reason=f"it {gone or 'changes what is there'}, and {problem}",
            options=options,
            command=shlex.join(["cde", "state", "restore", *options]),
            project_path=str(call.root),
        )
    call.remark(partial(view.restored, preview))
    call.require_yes("Restore it?", "Nothing was restored.")
