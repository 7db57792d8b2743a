"""Commands around a phase: save, resume, grow, close and take back."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated, Any, TypeVar

import typer

from cde_orchestrator.application.features.check_input import CheckInput
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.edit_feature import EditFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.grow_feature import GrowFeature
from cde_orchestrator.application.features.reopen_feature import ReopenFeature
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.cli.console.input import json_from, text_or_stdin
from cde_orchestrator.cli.console.output import print_to_stderr
from cde_orchestrator.cli.console.wording import clean
from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.session.options import (
    AgentOption,
    FeatureArgument,
    ReasonOption,
    TakeoverOption,
    TheOpenFeature,
)
from cde_orchestrator.cli.views.resume import closed, edited, grown, resumed, rolled_back, saved
from cde_orchestrator.domain.feature import CANCELLED
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.workflow import STANDARD
from cde_orchestrator.infrastructure.trust.person import terminal_problem

top_level = Commands()
Reasoned = TypeVar("Reasoned", CloseFeature, ReopenFeature, RollbackFeature)


@top_level.command(
    "cde save add-a-login-page 'Form done; next: the reset mail'",
    "git diff | cde save add-a-login-page -",
    "cde save add-a-login-page --done T1 --done T2",
)
def save(
    call: Call,
    feature: Annotated[
        str | None,
        typer.Argument(
            help="The feature's name, id or the beginning of its id. Default: the only open one.",
            autocompletion=completion.open_features,
        ),
    ] = None,
    note: Annotated[
        str | None,
        typer.Argument(
            help="What is done, what was found, what is next; - reads standard input. With a "
            "note of several words, the feature may be omitted."
        ),
    ] = None,
    phase: Annotated[
        str | None,
        typer.Option(
            help="Its id, if it is the current phase.", autocompletion=completion.current_phase
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="JSON", help="Data to keep with the note.")
    ] = None,
    done: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="Tick tasks, as T1 or T1,T2. May be repeated."),
    ] = None,
    undone: Annotated[
        list[str] | None, typer.Option(metavar="TASK", help="Untick tasks. May be repeated.")
    ] = None,
    agent: AgentOption = None,
) -> None:
    """Save progress in the current phase, for whoever resumes it.

    With --done or --undone the note may be omitted.
    """
    if note is None and feature is not None and (feature == "-" or len(feature.split()) > 1):
        feature, note = None, feature  # no name of a feature has a space
    feature = call.feature(feature)
    text = text_or_stdin(note or "", "The note")
    value: Any = None if data is None else json_from(data, "--data")
    use_case = SaveProgress(
        feature_id=feature,
        phase_id=phase,
        note=text,
        data=value,
        agent=agent,
        done=done or (),
        undone=undone or (),
    )
    call.answer(use_case, saved)


@top_level.command("cde resume add-a-login-page", "cde resume add-a-login-page --agent ann")
def resume(
    call: Call,
    feature: TheOpenFeature = None,
    agent: AgentOption = None,
    takeover: TakeoverOption = False,
) -> None:
    """Resume a feature: show its goal, progress, prompt and last failure.

    A failed feature goes back to the phase that failed.
    """
    use_case = ResumeFeature(
        feature_id=call.feature(feature), agent=agent, takeover=takeover, to_work=call.is_for_work()
    )
    call.answer(use_case, resumed)


@top_level.command("cde grow add-a-login-page", "cde grow add-a-login-page standard-approved")
def grow(
    call: Call,
    feature: TheOpenFeature = None,
    workflow: Annotated[
        str,
        typer.Argument(help="The workflow to follow.", autocompletion=completion.workflows),
    ] = STANDARD,
    agent: AgentOption = None,
    takeover: TakeoverOption = False,
) -> None:
    """Let a feature continue in another workflow, with what it has.

    Until something is submitted it may be any that asks a person no less often; later only a
    larger one. Phases of texts count as done where what was accepted meets their gates.
    """
    use_case = GrowFeature(
        feature_id=call.feature(feature),
        workflow=workflow,
        agent=agent,
        takeover=takeover,
        to_work=call.is_for_work(),
    )
    call.answer(use_case, grown)


@top_level.command("cde close add-a-login-page --reason 'Not wanted any more'")
def close(
    call: Call,
    feature: TheOpenFeature = None,
    outcome: Annotated[str, typer.Argument(help="failed or cancelled.")] = CANCELLED,
    reason: ReasonOption = None,
    agent: AgentOption = None,
    takeover: TakeoverOption = False,
) -> None:
    """Close a feature without finishing it; its files are kept."""
    use_case = CloseFeature(
        feature_id=_meant(call, feature),
        outcome=outcome,
        reason=reason or "",
        agent=agent,
        takeover=takeover,
    )
    call.answer(_with_reason(call, use_case, reason), closed)


@top_level.command("cde reopen add-a-login-page --reason 'Wanted after all'")
def reopen(
    call: Call,
    feature: FeatureArgument,
    to_phase: Annotated[
        str | None,
        typer.Argument(
            help="The phase to start again. Default: where it was closed; of a completed "
            "feature the last one."
        ),
    ] = None,
    reason: ReasonOption = None,
    agent: AgentOption = None,
) -> None:
    """Reopen a failed, cancelled or completed feature.

    A completed one is rolled back to its last phase, and any to a phase that you name.
    """
    use_case = ReopenFeature(
        feature_id=feature,
        reason=reason or "",
        to_phase=to_phase,
        agent=agent,
        to_work=call.is_for_work(),
    )
    call.answer(_with_reason(call, use_case, reason), rolled_back)


@top_level.command(
    "cde edit add-a-login-page --goal 'Add a login page with passkeys'",
    "cde edit add-a-login-page --name login",
)
def edit(
    call: Call,
    feature: TheOpenFeature = None,
    goal: Annotated[
        str | None,
        typer.Option("--goal", "-g", help="What it should do; - reads standard input."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", "-n", help="A new name, as long as no file has the old one."),
    ] = None,
    agent: AgentOption = None,
    takeover: TakeoverOption = False,
) -> None:
    """Change the goal or the name of an open feature."""
    feature = _meant(call, feature)
    if goal is None and name is None:
        goal = call.asked("--goal", "New goal")
    use_case = EditFeature(
        feature_id=feature,
        goal=None if goal is None else text_or_stdin(goal, "The goal"),
        name=name,
        agent=agent,
        takeover=takeover,
    )
    call.answer(use_case, edited)


@top_level.command(
    "cde rollback add-a-login-page design --reason 'Wrong database' --dry-run",
    "cde rollback add-a-login-page design --reason 'Wrong database' --code",
)
def rollback(
    call: Call,
    feature: TheOpenFeature = None,
    to_phase: Annotated[
        str | None,
        typer.Argument(help="The phase to start again. Default: you are asked."),
    ] = None,
    reason: ReasonOption = None,
    code: Annotated[
        bool,
        typer.Option("--code", help="Also take back what this feature changed in the source."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only show what would happen.")
    ] = False,
    agent: AgentOption = None,
    takeover: TakeoverOption = False,
) -> None:
    """Start an earlier phase again, with the outputs as they were then.

    What is discarded is kept as a copy. Source code is left as it is; with --code, files that
    by all records this feature alone changed since the phase started are restored.
    """
    feature = _meant(call, feature)
    use_case = RollbackFeature(
        feature_id=feature,
        to_phase=to_phase or _target(call, feature, "" if dry_run or reason else "--reason"),
        reason=reason or "",
        code=code,
        dry_run=dry_run,
        agent=agent,
        takeover=takeover,
        to_work=call.is_for_work(),
    )
    call.answer(use_case if dry_run else _with_reason(call, use_case, reason), rolled_back)


def _meant(call: Call, named: str | None) -> str:
    """The feature that is meant; where it was not named and a person is asked on, it is said."""
    feature = call.feature(named)
    if named is None and terminal_problem([sys.stdin, sys.stderr]) is None:
        print_to_stderr(f"Feature {clean(feature)}\n")
    return feature


def _with_reason(call: Call, use_case: Reasoned, given: str | None) -> Reasoned:
    """The same with a reason: the one that was given, or one that a person gives now."""
    if given is not None:
        return use_case
    check = CheckInput(wanted=use_case, missing="reason")
    return replace(use_case, reason=call.asked("--reason", "Reason", check))


def _target(call: Call, feature: str, also: str) -> str:
    """The phase that a person chooses among those that were started; ``also`` is missing, too."""
    phases = call.ask(GetFeatureStatus(feature_id=feature, prompt=False))["phases"]
    begun = [each["id"] for each in phases if each["status"] != PhaseStatus.PENDING]
    question = f"Phase to start again ({', '.join(begun)})"
    return call.asked("to_phase", question, also=also)
