"""Commands that take features through their phases."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypeVar

import typer

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.find_feature import FindFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.views import FeatureReply
from cde_orchestrator.cli.console.input import results_given, text_or_stdin
from cde_orchestrator.cli.console.output import Render, print_to_stderr, printed_once, say_raw
from cde_orchestrator.cli.session import completion, options
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views import feature as view

top_level = Commands()
Answer = TypeVar("Answer", bound=FeatureReply)

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
            "--baseline/--no-baseline", help="Try the checks first, for at most baseline_seconds."
        ),
    ] = True,
    agent: options.AgentOption = None,
    show_prompt: PromptOption = False,
) -> None:
    """Start a feature and show what its first phase asks for.

    An agent or a program that reads the answer gets the phase's prompt, as from cde submit.
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
        _answer(call, call.ask(given_up), view.gave_up, prompt)
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
