"""Commands that take features through their phases."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import DEFAULT_LIMIT, OPEN, ListFeatures
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.views import FeatureStatusReply
from cde_orchestrator.cli.console.input import (
    STDIN,
    results_from_files,
    results_from_json,
    text_from,
    text_from_stdin,
)
from cde_orchestrator.cli.console.output import print_to_stderr, say, say_raw, show_beside
from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.application import answer, application_at, ask, project_root
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import (
    AgentOption,
    JsonOption,
    OpenFeatureArgument,
    ProjectOption,
    ReasonOption,
    TakeoverOption,
)
from cde_orchestrator.cli.views.feature import (
    feature_list,
    feature_status,
    list_remark,
    started,
    submitted,
)
from cde_orchestrator.cli.views.lifecycle import gave_up
from cde_orchestrator.cli.views.project import glance, welcome
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.infrastructure.paths import FOLDER

top_level = command_group()

GLANCE_LIMIT = 20
"""Open features that ``cde status`` shows."""

ResultsFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="The same from a file; - reads standard input.")
]
OutputOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ID=PATH", help="The text of one output, from a file. May be repeated."),
]
RestoreOption = Annotated[
    bool,
    typer.Option("--restore", help="First restore changed outputs of earlier phases."),
]
OnceOption = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        help="With --failed: repeats with the same key count once.",
    ),
]


@top_level.command(
    epilog=examples(
        "cde start 'Add a login page with password reset'",
        "cde start - --workflow quick-fix < report.txt",
    ),
)
def start(
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
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            "-n",
            help="The feature's name. Default: derived from the prompt.",
            show_default=False,
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Repeats with the same key start nothing new."),
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start a feature and show what its first phase asks for."""
    with boundary(as_json=as_json):
        wanted = text_from_stdin("The prompt") if prompt == STDIN else prompt
        use_case = StartFeature(
            prompt=wanted, workflow=workflow, name=name, idempotency_key=idempotency_key
        )
        answer(use_case, started, project=project, as_json=as_json)


@top_level.command(
    epilog=examples(
        "cde submit add-a-login-page define",
        "cde submit add-a-login-page define --output spec=draft.md",
        "cde submit add-a-login-page define --results-file results.json",
    ),
)
def submit(
    feature: OpenFeatureArgument,
    phase: Annotated[
        str,
        typer.Argument(help="The current phase's id.", autocompletion=completion.current_phase),
    ],
    results: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Texts of outputs, as an object by output id."),
    ] = None,
    results_file: ResultsFile = None,
    output: OutputOption = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Give up this attempt instead; needs --reason.")
    ] = False,
    reason: ReasonOption = None,
    idempotency_key: OnceOption = None,
    agent: AgentOption = None,
    takeover: TakeoverOption = False,
    restore: RestoreOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Submit the current phase's outputs and continue with the next phase.

    Outputs that are not given here must already exist at their paths in the project.
    """
    with boundary(as_json=as_json):
        if failed:
            given_up = FailPhase(
                feature_id=feature,
                phase_id=phase,
                reason=reason,
                agent=agent,
                takeover=takeover,
                idempotency_key=idempotency_key,
                results=_results(results, results_file, output),
            )
            answer(given_up, gave_up, project=project, as_json=as_json)
            return
        use_case = SubmitWork(
            feature_id=feature,
            phase_id=phase,
            results=_results(results, results_file, output),
            agent=agent,
            takeover=takeover,
            restore=restore,
            watch=None if as_json else print_to_stderr,
        )
        answer(use_case, submitted, project=project, as_json=as_json)


@top_level.command(
    epilog=examples(
        "cde status",
        "cde status add-a-login-page --full",
        "cde status add-a-login-page --prompt | claude -p",
    ),
)
def status(
    feature: Annotated[
        str | None,
        typer.Argument(
            help="The feature's name, id or the beginning of its id. Default: the whole project.",
            autocompletion=completion.features,
            show_default=False,
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also show the full goal and the times.")
    ] = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Print only the current phase's prompt.")
    ] = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a feature's status; without a feature, the project and its open features.

    With --json and no feature, the answer is that of cde project info.
    """
    if feature is None and (full or prompt):
        raise typer.BadParameter(
            "it needs a feature", param_hint="--prompt" if prompt else "--full"
        )
    if prompt and (full or as_json):
        raise typer.BadParameter("it allows neither --full nor --json", param_hint="--prompt")
    with boundary(as_json=as_json):
        if feature is None:
            _glance(project, as_json=as_json)
            return
        use_case = GetFeatureStatus(feature_id=feature, detail="full" if full else "brief")
        if prompt:
            _print_prompt(ask(use_case, project))
        else:
            answer(use_case, feature_status, project=project, as_json=as_json)


@top_level.command(
    "list",
    epilog=examples("cde list --status open", "cde list --limit 10 --json"),
)
def list_features(
    status: Annotated[
        str | None,
        typer.Option(
            help="Only features with this status; open means all that are unfinished.",
            autocompletion=completion.statuses,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Features on a page; 50 by default, at most 100.")
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(help="Where to continue: next_cursor of the previous page.")
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """List features, newest first."""
    with boundary(as_json=as_json):
        wanted = DEFAULT_LIMIT if limit is None else limit
        reply = ask(ListFeatures(status=status, limit=wanted, cursor=cursor), project)
        say(reply, feature_list, project=project, as_json=as_json)
        if not as_json:
            options = ["--status", status] if status else []
            options += ["--limit", str(limit)] if limit else []
            show_beside(partial(list_remark, reply, options), project=project)


def at_a_glance() -> None:
    """Show the project that the current folder is in; where there is none, how to begin."""
    with boundary():
        root = project_root(None)
        if (root / FOLDER).is_dir():
            _glance(None, as_json=False)
        else:
            say(str(root), welcome, project=None, as_json=False)


def _results(inline: str | None, file: str | None, outputs: list[str] | None) -> dict[str, str]:
    """What the options of ``submit`` give, as texts by output id."""
    if inline is not None and file is not None:
        raise typer.BadParameter("give one of --results and --results-file")
    given = results_from_files(outputs or [])
    if file is not None:
        named = results_from_json(text_from(file, "--results-file"), "--results-file")
    else:
        named = results_from_json(inline, "--results") if inline is not None else {}
    twice = given.keys() & named.keys()
    if twice:
        reason = f"{', '.join(sorted(twice))} is also given in the results"
        raise typer.BadParameter(reason, param_hint="'--output'")
    return named | given


def _glance(project: Path | None, *, as_json: bool) -> None:
    with application_at(project_root(project)) as application:
        info = application.handle(GetProjectInfo())
        listed = application.handle(ListFeatures(status=OPEN, limit=GLANCE_LIMIT))
    say(info, partial(glance, listed), project=project, as_json=as_json)


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
