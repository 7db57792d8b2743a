"""Commands that take features through their phases."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, TypeVar

import typer

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.feature_filter import AWAITED, OPEN, PERSON
from cde_orchestrator.application.features.find_feature import FindFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import DEFAULT_LIMIT, ListFeatures
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.ports.health import NOT_SET_UP
from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.views import FeatureReply, FeatureStatusReply
from cde_orchestrator.cli.console.input import results_given, text_or_stdin
from cde_orchestrator.cli.console.output import (
    Render,
    print_to_stderr,
    printed_once,
    say_raw,
)
from cde_orchestrator.cli.session import completion, options
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views import feature as view
from cde_orchestrator.cli.views.project import glance, welcome
from cde_orchestrator.cli.views.resume import gave_up
from cde_orchestrator.cli.views.status import feature_status
from cde_orchestrator.discovery import is_set_up
from cde_orchestrator.domain.exceptions import CDEError, FeatureError

top_level = Commands()
Answer = TypeVar("Answer", bound=FeatureReply)

_MYSELF = {"me", "you"}
"""What people also call the person that a feature waits for."""
GLANCE_LIMIT = 20
"""Open features that ``cde status`` shows."""

CurrentPhase = Annotated[
    str | None,
    typer.Argument(
        help="The phase's id, which must be the current one. Default: the current one; "
        "with it, a repeated command submits nothing twice.",
        autocompletion=completion.current_phase,
    ),
]
ResultsFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="The same from a file; - reads standard input.")
]
OutputOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ID=PATH", help="The text of one output, from a file. May be repeated."),
]
RestoreOption = Annotated[
    bool, typer.Option("--restore", help="First restore changed outputs of earlier phases.")
]
PromptOption = Annotated[
    bool, typer.Option("--prompt", help="Print only the prompt of the phase to work on.")
]
OfWorkflow = Annotated[
    str | None,
    typer.Option(
        "--workflow",
        "-w",
        help="Only features that follow this workflow.",
        autocompletion=completion.workflows,
    ),
]
WaitingFor = Annotated[
    str | None,
    typer.Option(
        metavar="WHOM",
        help="Only features that wait for a person, or for an agent.",
        autocompletion=lambda: list(AWAITED),
    ),
]
OfAgent = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only features that this agent has now.")
]
OnceOption = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="With --failed: repeats with the same key count once."),
]


@top_level.command(
    "cde start 'Add a login page with password reset'",
    "cde start - --workflow quick-fix < report.txt",
    "cde start 'Add a login page' --name login --prompt | claude -p",
)
def start(
    call: Call,
    prompt: Annotated[
        str, typer.Argument(help="What the feature should do; - reads standard input.")
    ],
    workflow: Annotated[
        str | None,
        typer.Option(
            "--workflow",
            "-w",
            help="The workflow to follow. Default: the project's default.",
            autocompletion=completion.workflows,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", "-n", help="A short name. Default: derived from the prompt."),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Repeats with the same key start nothing new.")
    ] = None,
    baseline: Annotated[
        bool,
        typer.Option(
            "--baseline/--no-baseline", help="Try the checks first, for baseline_seconds at most."
        ),
    ] = True,
    agent: options.AgentOption = None,
    show_prompt: PromptOption = False,
) -> None:
    """Start a feature and show what its first phase asks for.

    Where an agent or a program reads, the phase's prompt is printed; so it is by cde submit.
    """
    wanted = text_or_stdin(prompt, "The prompt")
    use_case = StartFeature(
        prompt=wanted,
        workflow=workflow,
        name=name,
        idempotency_key=idempotency_key,
        baseline=baseline,
        agent=agent,
        to_work=show_prompt or call.is_for_work(),
    )
    _require_for_people(call, show_prompt)
    _answer(call, call.ask(use_case), partial(view.started, agent=agent), show_prompt)


@top_level.command(
    "cde submit",
    "cde submit add-a-login-page define --output spec=draft.md",
    "cde submit add-a-login-page define --results-file results.json",
)
def submit(
    call: Call,
    feature: options.TheOpenFeature = None,
    phase: CurrentPhase = None,
    results: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Texts of outputs, as an object by output id."),
    ] = None,
    results_file: ResultsFile = None,
    output: OutputOption = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Give up this attempt instead; needs --reason.")
    ] = False,
    reason: options.ReasonOption = None,
    idempotency_key: OnceOption = None,
    agent: options.AgentOption = None,
    takeover: options.TakeoverOption = False,
    restore: RestoreOption = False,
    prompt: PromptOption = False,
) -> None:
    """Submit the current phase's outputs and continue with the next phase.

    Outputs that are not given here must already exist at their paths in the project.
    """
    _require_for_people(call, prompt)
    if feature is None or phase is None:
        found = call.ask(FindFeature(feature_id=feature))
        feature, phase = found["name"], found["phase"] or ""
    if failed:
        given_up = FailPhase(
            feature_id=feature,
            phase_id=phase,
            reason=reason,
            agent=agent,
            takeover=takeover,
            idempotency_key=idempotency_key,
            results=results_given(results, results_file, output),
            to_work=prompt or call.is_for_work(),
        )
        _answer(call, call.ask(given_up), gave_up, prompt)
        return
    use_case = SubmitWork(
        feature_id=feature,
        phase_id=phase,
        results=results_given(results, results_file, output),
        agent=agent,
        takeover=takeover,
        restore=restore,
        watch=None if call.as_json else print_to_stderr,
        to_work=prompt or call.is_for_work(),
    )
    with printed_once(use_case.watch):
        reply = call.ask(use_case)
    _answer(call, reply, view.submitted, prompt)


@top_level.command(
    "cde status",
    "cde status add-a-login-page --full",
    "cde status add-a-login-page --prompt | claude -p",
)
def status(
    call: Call,
    feature: Annotated[
        str | None,
        typer.Argument(
            help="The feature's name, id or the beginning of its id. Default: the whole project.",
            autocompletion=completion.features,
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also show the full goal and the times.")
    ] = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Print only the current phase's prompt.")
    ] = False,
) -> None:
    """Show a feature's status; without a feature, the project and its open features.

    With --json and no feature, the answer is that of cde project info.
    """
    if feature is None and (full or prompt):
        raise typer.BadParameter(
            "it needs a feature", param_hint="--prompt" if prompt else "--full"
        )
    if prompt and (full or call.as_json):
        raise typer.BadParameter("it allows neither --full nor --json", param_hint="--prompt")
    if feature is None:
        _glance(call)
        return
    detail = "brief" if prompt or (call.as_json and not full) else "full"
    use_case = GetFeatureStatus(feature_id=feature, detail=detail, to_work=prompt or call.as_json)
    if prompt:
        _print_prompt(call.ask(use_case))
    else:
        call.answer(use_case, partial(feature_status, full))


@top_level.command("cde list --status open", "cde list login --waits-for person", name="list")
def list_features(
    call: Call,
    word: Annotated[
        str | None, typer.Argument(help="Only features with this word in their name or goal.")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            help="Only features with this status; open means all that are unfinished.",
            autocompletion=completion.statuses,
        ),
    ] = None,
    workflow: OfWorkflow = None,
    waits_for: WaitingFor = None,
    agent: OfAgent = None,
    limit: Annotated[
        int | None, typer.Option(help="Features on a page; 50 by default, at most 100.")
    ] = None,
    cursor: Annotated[
        str | None,
        typer.Option(
            "--cursor",
            "--after",
            metavar="FEATURE",
            help="Only what comes after this feature, or next_cursor of the previous page.",
            autocompletion=completion.features,
        ),
    ] = None,
) -> None:
    """List features, newest first."""
    wanted = DEFAULT_LIMIT if limit is None else limit
    use_case = ListFeatures(
        status=status,
        limit=wanted,
        cursor=cursor,
        word=word,
        workflow=workflow,
        waits_for=PERSON if waits_for in _MYSELF else waits_for,
        agent=agent,
    )
    reply = call.ask(use_case)
    call.say(reply, view.feature_list)
    if not call.as_json:
        given = {
            "--status": status,
            "--workflow": workflow,
            "--waits-for": waits_for,
            "--agent": agent,
            "--limit": limit,
        }
        asked = [word] if word else []
        asked += [part for name, value in given.items() if value for part in (name, str(value))]
        call.remark(partial(view.list_remark, reply, asked))


def at_a_glance(context: Any) -> None:
    """Show the project that the current folder is in; where there is none, how to begin."""
    with boundary(context):
        call = Call()
        if is_set_up(call.root):
            try:
                _glance(call)
            except CDEError as error:
                if error.code != NOT_SET_UP:
                    raise
            else:
                return
        call.say(str(call.root), welcome)


def _glance(call: Call) -> None:
    with call.application() as application:
        info = application.handle(GetProjectInfo())
        listed = application.handle(ListFeatures(status=OPEN, limit=GLANCE_LIMIT))
    call.say(info, partial(glance, listed))


def _require_for_people(call: Call, prompt: bool) -> None:
    """Refuse to print a prompt alone where JSON is asked for, which has it."""
    if prompt and call.as_json:
        raise typer.BadParameter("it does not allow --json", param_hint="--prompt")


def _answer(call: Call, reply: Answer, render: Render[Answer], prompt: bool) -> None:
    """Print a reply; or the prompt of the phase to work on alone, and the reply aside."""
    phase = reply["phase"]
    if not prompt or phase is None:
        call.say(reply, render)
        return
    call.remark(partial(render, reply))
    say_raw(phase["prompt"])


def _print_prompt(reply: FeatureStatusReply) -> None:
    """Print the current phase's prompt.

    Raises:
        FeatureError: E105, the feature is closed and has none.
    """
    feature, phase = reply["feature"], reply["phase"]
    if phase is None:
        raise FeatureError.of(
            "E105",
            feature=feature["name"],
            status=feature["status"],
            project_path=reply["project"]["path"],
        )
    say_raw(phase["prompt"])
