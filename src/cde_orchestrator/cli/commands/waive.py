"""The command by which a person lets a criterion count without a proof."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from typing import Annotated

import typer

from cde_orchestrator.application.approvals.waive import ShowCriterion, WaiveCriterion, WaiverReply
from cde_orchestrator.cli.console.output import show
from cde_orchestrator.cli.session import options
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views.approval import to_waive, waived
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError, besides
from cde_orchestrator.infrastructure.observability.correlation import acting_as
from cde_orchestrator.infrastructure.trust.person import person_name, terminal_problem

top_level = Commands()


@top_level.command(
    "cde waive add-a-login-page AC3 --reason 'Only seen on the real device'",
    "cde waive add-a-login-page AC3 --undo",
)
def waive(
    call: Call,
    feature: options.OpenFeatureArgument,
    criterion: Annotated[str, typer.Argument(help="The criterion's id, such as AC3.")],
    reason: options.ReasonOption = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the waiver back.")] = False,
) -> None:
    """Let a criterion count without a proof, or take that back: show it, and ask.

    Only a person at a terminal can do that. It is for the criterion as it is shown: once its
    text changes, it must be proven again.
    """
    require_reason = partial(_require_reason, reason, undo=undo)
    with call.application() as application:
        asked = ShowCriterion(feature_id=feature, criterion=criterion, undo=undo)
        with besides(require_reason):
            shown = application.handle(asked)
        require_reason()
        problem = terminal_problem([sys.stdin, sys.stdout])
        if problem is not None:
            raise _by_a_person(shown, reason, problem)
        show(to_waive(shown, reason), on_stderr=call.as_json)
        question = "Take the waiver back?" if undo else "Let it count without a proof?"
        call.require_yes(question, "Nothing was recorded.")
        decided = WaiveCriterion(
            feature_id=shown["feature"]["id"],
            criterion=shown["criterion"]["id"],
            text=shown["criterion"]["text"],
            digest=shown["criterion"]["digest"],
            reason=reason,
            undo=undo,
            channel="terminal",
        )
        with acting_as(person_name()):
            reply = application.handle(decided)
    call.say(reply, waived)


def _require_reason(reason: str | None, *, undo: bool) -> None:
    """Refuse a waiver without a reason, and an undo with one (E305)."""
    if (reason is None) is not undo:
        words = "an undo needs none" if undo else "say why no test can show it"
        raise ValidationError.of("E305", argument="--reason", reason=words)


def _by_a_person(shown: WaiverReply, why: str | None, problem: str) -> FeatureError:
    """The error E146, with the command for a person."""
    feature, criterion = shown["feature"]["name"], shown["criterion"]["id"]
    options = ["--undo"] if why is None else ["--reason", why]
    return FeatureError.of(
        "E146",
        feature=feature,
        criterion=criterion,
        options=options,
        command=shlex.join(["cde", "waive", feature, criterion, *options]),
        reason=problem,
    )
