"""The command that lets agents work by themselves."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.move_work import MoveWork
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.runs.run_feature import (
    FeatureRun,
    PhaseRun,
    RunObserver,
    RunReply,
)
from cde_orchestrator.application.runs.run_features import RunsReply, open_features, run_features
from cde_orchestrator.application.runs.show_agents import GetTrustedAgents
from cde_orchestrator.application.views import FeatureRow
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.cli.commands.agents import trusted
from cde_orchestrator.cli.commands.approve import decide
from cde_orchestrator.cli.console.input import text_or_stdin
from cde_orchestrator.cli.console.output import is_terminal
from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views import run as view
from cde_orchestrator.infrastructure.trust.person import terminal_problem

top_level = Commands()

TERMINATED = 143
"""What a shell sees of a program that SIGTERM ended."""


FeatureReference = Annotated[
    str | None,
    typer.Argument(
        help="The feature to continue: its name, id or the beginning of its id.",
        autocompletion=completion.open_features,
    ),
]
AgentNames = Annotated[
    str,
    typer.Option(
        "--agent",
        "-a",
        metavar="NAME[,NAME...]",
        help="The agents to use, in order; the next one is tried when one fails.",
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option(help="Start a feature with this prompt and run it; - reads standard input."),
]
WorkflowName = Annotated[
    str | None,
    typer.Option(
        "--workflow", "-w", help="The workflow for --prompt.", autocompletion=completion.workflows
    ),
]
All = Annotated[
    bool,
    typer.Option("--all", help="Run all open features, each in its own git worktree if possible."),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", "-j", min=1, max=64, help="How many features run at once, with --all."),
]
Approve = Annotated[
    bool, typer.Option("--approve", help="Ask you here when a phase waits for a person.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.001,
        max=86_400,  # as in the definition of an agent
        help="The limit for one attempt. Default: the agent's own.",
    ),
]


_SHARED = threading.Lock()
"""Held while an agent works in the project's own folder."""


@top_level.command(
    "cde run add-a-login-page --agent claude",
    "cde run --prompt 'Add a login page' --agent claude,codex --approve",
    "cde run --all --jobs 4 --agent claude",
)
def run(
    call: Call,
    feature: FeatureReference = None,
    agent: AgentNames = "",
    prompt: Prompt = None,
    workflow: WorkflowName = None,
    every: All = False,
    jobs: Jobs = 1,
    approve: Approve = False,
    timeout: Timeout = None,
) -> None:
    """Let agents work through a feature's phases until it is done or a person is needed.

    An agent's work passes the same gates as everyone's; a refusal is handed back to the agent
    for its next attempt. You can stop the run at any time: the next run continues from there.
    """
    if (feature is not None) + (prompt is not None) + every != 1:
        raise typer.BadParameter("give exactly one of a feature, --prompt and --all")
    names = [name.strip() for name in agent.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter("name at least one", param_hint="'--agent'")
    wanted = partial(FeatureRun, names=names, timeout_seconds=timeout)
    if approve and (every or (problem := terminal_problem([sys.stdin, sys.stdout]))):
        reason = "it cannot be given with --all" if every else problem
        raise typer.BadParameter(
            f"a person is asked at a terminal: {reason}", param_hint="'--approve'"
        )
    if not call.as_json and is_terminal(sys.stdin):
        trusted(names, call, ask=True)
    with _ending_on_sigterm(), call.application() as application:
        application.require_trusted()
        if every:
            runs = _run_all(application, names, wanted, jobs=jobs, quiet=call.as_json)
            call.say(runs, view.runs_ended)
            raise typer.Exit(int(any(run["error"] for run in runs["runs"])))
        reference = feature
        try:
            with view.display(call.as_json) as observer:
                reference = feature or _started(application, prompt or "", workflow, names)
                reply, _ = _run_one(application, reference, wanted, observer, apart=False)
            while approve and (answered := _decided(application, reply, call)):
                with view.display(call.as_json) as observer:
                    after, _ = _run_one(application, reference, wanted, observer, apart=False)
                reply = {**after, "phases": [*reply["phases"], *answered, *after["phases"]]}
        except KeyboardInterrupt:
            if reference is not None:
                call.remark(partial(view.run_cut_short, reference, agent))
            raise
    call.say(reply, view.run_ended)


def _started(application: Application, prompt: str, workflow: str | None, names: list[str]) -> str:
    """The id of a new feature; none is started for agents that may not be run."""
    application.handle(GetTrustedAgents(names=names))
    wanted = text_or_stdin(prompt, "The prompt")
    reply = application.handle(StartFeature(prompt=wanted, workflow=workflow))
    return reply["feature"]["id"]


def _decided(application: Application, reply: RunReply, call: Call) -> list[PhaseRun]:
    """The phase that a person approved here; empty where the run is at its end."""
    phase = reply["phase"]
    if reply["outcome"] != "waits_for_person" or phase is None:
        return []
    if decide(application, reply["feature"]["id"], call) is None:
        return []
    return [{"id": phase["id"], "attempts": 0, "agent": None}]


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does: the agents end with it."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)


def _run_one(
    application: Application,
    reference: str,
    wanted: Callable[..., FeatureRun],
    observer: RunObserver,
    *,
    apart: bool,
) -> tuple[RunReply, Path]:
    """Run a feature in its own folder, if it has one, else in the project's; ``apart`` makes one.

    ``wanted`` makes the run, as the options of the command say.
    """
    status = application.handle(GetFeatureStatus(feature_id=reference))
    feature = status["feature"]
    folder = application.worktree_of(feature["name"], make=apart)
    within = application
    if folder is not None:
        outputs = [output for phase in status["phases"] for output in phase["outputs"]]
        within = application.working_in(folder, outputs)
    if feature["current_phase"] is not None:
        within.handle(MoveWork(feature_id=feature["id"]))
    run = wanted(
        service=within,
        agents=application.agents,
        folder=folder or application.root,
        observer=observer,
    )
    # Without a folder of its own, a feature shares the project's with nobody else's agents.
    with nullcontext() if folder else _SHARED:
        return run(feature["id"]), run.folder


def _run_all(
    application: Application,
    names: list[str],
    wanted: Callable[..., FeatureRun],
    *,
    jobs: int,
    quiet: bool,
) -> RunsReply:
    """Run every open feature, several at once; none with agents that may not be run here."""
    application.handle(GetTrustedAgents(names=names))

    def one(feature: FeatureRow) -> tuple[RunReply, str]:
        observer = RunObserver() if quiet else view.PlainDisplay(f"{feature['name']}: ")
        reply, folder = _run_one(application, feature["id"], wanted, observer, apart=True)
        return reply, str(folder)

    return run_features(open_features(application), one, jobs=jobs, stop=application.agents.stop)
