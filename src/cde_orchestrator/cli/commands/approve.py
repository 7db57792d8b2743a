"""The command by which a person decides on a phase that waits for one."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cde_orchestrator.application.approvals.decide import ApprovePhase, SendBack
from cde_orchestrator.application.approvals.shown import ApprovalReply, ShowApproval
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.cli.console.output import print_to_stderr, printed_once, show
from cde_orchestrator.cli.session import options
from cde_orchestrator.cli.session.boundary import REFUSED
from cde_orchestrator.cli.session.call import Call, Commands, confirmed, prompted
from cde_orchestrator.cli.views import feature as feature_view
from cde_orchestrator.cli.views.approval import to_decide
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.infrastructure.observability.correlation import acting_as
from cde_orchestrator.infrastructure.trust.person import person_name, terminal_problem

top_level = Commands()


@top_level.command(
    "cde approve add-a-login-page",
    "cde approve add-a-login-page --no --reason 'AC2 cannot be tested' --to define",
)
def approve(
    call: Call,
    feature: options.TheOpenFeature = None,
    no: Annotated[
        bool, typer.Option("--no", help="Send the feature back instead; asks for the reason.")
    ] = False,
    reason: options.ReasonOption = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="PHASE",
            help="With --no: where to. Default: the phase whose work it is.",
        ),
    ] = None,
) -> None:
    """Decide on a phase that waits for a person: show what it is, and ask.

    Only a person at a terminal can answer. The answer is for exactly what was shown: if
    anything of it changes before you answer, nothing is recorded.
    """
    if (reason is not None or to is not None) and not no:
        raise typer.BadParameter("give it with --no", param_hint="'--reason' / '--to'")
    with call.application() as application:
        reply = decide(application, call.feature(feature), call, no=no, reason=reason, to=to)
    if reply is None:
        print_to_stderr("Nothing was recorded; with --no the feature goes back.\n")
        raise typer.Exit(REFUSED)
    call.say(reply, feature_view.submitted)


def decide(
    application: Application,
    feature: str,
    call: Call,
    *,
    no: bool = False,
    reason: str | None = None,
    to: str | None = None,
) -> SubmitReply | None:
    """Show a person what waits, and do what they say; None where they did not say yes.

    Raises:
        CDEError: E004, E102, E103 or E136, it cannot be shown; E140, nobody can be asked; E141
            or E145, there is nothing to decide any more, or it changed; and as of
            ``ApprovePhase`` and ``SendBack``: E105 to E107, E110 to E112, E114 to E121, E123,
            E126, E129 to E139, E206, E302, E303, E305, E312, E313 and E315.
    """
    shown = application.handle(ShowApproval(feature_id=feature))
    require_terminal(shown)
    show(
        to_decide(shown, back_to=(to or shown["approval"]["back_to"]) if no else None),
        on_stderr=call.as_json,
    )
    digest, feature_id = shown["approval"]["digest"], shown["feature"]["id"]
    with acting_as(person_name()):
        if no:
            why = reason or prompted("Reason", err=call.as_json)
            if not confirmed("Send it back?", err=call.as_json):
                return None
            return application.handle(
                SendBack(
                    feature_id=feature_id,
                    digest=digest,
                    reason=why,
                    to_phase=to,
                    channel="terminal",
                )
            )
        # Of what is shown with a changed output no yes counts: E132 says so, and what to do.
        if not shown["approval"]["changed"] and not confirmed("Approve?", err=call.as_json):
            return None
        watch = None if call.as_json else print_to_stderr
        approved = ApprovePhase(
            feature_id=feature_id, digest=digest, channel="terminal", watch=watch
        )
        with printed_once(watch):
            return application.handle(approved)


def require_terminal(shown: ApprovalReply) -> None:
    """Refuse to decide where no person can be asked.

    Raises:
        FeatureError: E140.
    """
    reason = terminal_problem([sys.stdin, sys.stdout])
    if reason is not None:
        name, phase = shown["feature"]["name"], shown["approval"]["phase"]
        raise FeatureError.of("E140", feature=name, phase=phase, reason=reason)
