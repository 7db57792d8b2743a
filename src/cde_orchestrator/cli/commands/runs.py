"""The command that lets agents work by themselves."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from cde_orchestrator.application.features.find_feature import FindFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.move_work import MoveWork
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.runs.budget import MINUTES_BOUNDS, USD_BOUNDS, Budget
from cde_orchestrator.application.runs.observer import PhaseRun, RunObserver, RunReply
from cde_orchestrator.application.runs.run_feature import FeatureRun
from cde_orchestrator.application.runs.run_features import RunsReply, open_features, run_features
from cde_orchestrator.application.runs.show_agents import GetTrustedAgents
from cde_orchestrator.application.views import FeatureRow
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.cli.commands.agents import trusted
from cde_orchestrator.cli.commands.approve import decide
from cde_orchestrator.cli.console.input import text_or_stdin
from cde_orchestrator.cli.console.output import is_terminal
from cde_orchestrator.cli.console.wording import clean
from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.call import Call, Commands, confirmed
from cde_orchestrator.cli.views import run as view
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.infrastructure.system.cancellation import Cancellation, cancellable
from cde_orchestrator.infrastructure.trust.person import terminal_problem

top_level = Commands()

TERMINATED = 143
"""What a shell sees of a program that SIGTERM ended."""
STUCK_SECONDS = 5.0
"""How long a run may take to end before another signal ends the process itself."""


FeatureReference = Annotated[
    str | None,
    typer.Argument(
        help="The feature to continue: its name, id or the beginning of its id. Default: the only "
        "open one.",
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
BudgetUsd = Annotated[
    float | None,
    typer.Option(
        metavar="USD",
        min=USD_BOUNDS[0],
        max=USD_BOUNDS[1],
        help="Pause and ask you once the agents report costs of this much.",
    ),
]
BudgetMinutes = Annotated[
    float | None,
    typer.Option(
        metavar="MINUTES",
        min=MINUTES_BOUNDS[0],
        max=MINUTES_BOUNDS[1],
        help="Pause and ask you when the run has taken this long.",
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
    budget_usd: BudgetUsd = None,
    budget_minutes: BudgetMinutes = None,
) -> None:
    """Let agents work through a feature's phases until it is done or a person is needed.

    An agent's work passes the same gates as everyone's; a refusal is handed back to the agent
    for its next attempt. You can stop the run at any time: the next run continues from there.
    """
    if (feature is not None) + (prompt is not None) + every > 1:
        raise typer.BadParameter("give only one of a feature, --prompt and --all")
    names = [name.strip() for name in agent.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter(
            "name at least one of those that cde agents shows", param_hint="'--agent'"
        )
    if approve and (every or (problem := terminal_problem([sys.stdin, sys.stdout]))):
        reason = "it cannot be given with --all" if every else problem
        raise typer.BadParameter(
            f"a person is asked at a terminal: {reason}", param_hint="'--approve'"
        )
    if not call.as_json and is_terminal(sys.stdin):
        trusted(names, call, ask=True)
    with ending_at_once() as cancellation, call.application() as application:
        application.require_trusted()
        if budget_usd is not None:
            _require_costs(application, names)
        application.handle(GetTrustedAgents(names=names))  # before a feature is started for them
        budget = Budget(usd=budget_usd, minutes=budget_minutes)
        wanted = partial(FeatureRun, names=names, timeout_seconds=timeout, budget=budget)
        if every:
            with _saying_how_to_go_on(call, "--all", agent):
                runs = _run_all(application, wanted, cancellation, jobs=jobs, quiet=call.as_json)
            call.say(runs, view.runs_ended)
            raise typer.Exit(int(any(run["error"] for run in runs["runs"])))
        if prompt is not None:
            feature = _started(application, prompt, workflow)
        reference = feature or application.handle(FindFeature())["name"]
        with _saying_how_to_go_on(call, reference, agent):
            reply = _run_with_person(application, reference, wanted, budget, call, approve=approve)
    call.say(reply, view.run_ended)


@contextmanager
def _saying_how_to_go_on(call: Call, meant: str, agents: str) -> Iterator[None]:
    """Say it when a signal ends the run."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, KeyboardInterrupt) or end.code == TERMINATED:
            call.remark(partial(view.run_cut_short, meant, agents))
        raise


def _require_costs(application: Application, names: list[str]) -> None:
    """Refuse a budget in money for agents that do not say what they cost."""
    silent = [
        each.name
        for each in application.handle(GetTrustedAgents(names=names))
        if not each.reports_cost
    ]
    if silent:
        words = f"{', '.join(silent)} does not report its cost; use --budget-minutes"
        raise typer.BadParameter(words, param_hint="'--budget-usd'")


def _run_with_person(
    application: Application,
    reference: str,
    wanted: Callable[..., FeatureRun],
    budget: Budget,
    call: Call,
    *,
    approve: bool,
) -> RunReply:
    """Run a feature, and ask the person at the terminal where one is needed."""
    done: list[PhaseRun] = []
    while True:
        try:
            with view.display(call.as_json) as observer:
                continued = partial(wanted, done=done)
                reply, _ = _run_one(application, reference, continued, observer, apart=False)
        except CDESystemError as error:
            if error.code != "E940" or not _granted(error, budget, call):
                raise
            continue
        answered = _decided(application, reply, call) if approve else []
        if not answered:
            return reply
        done += answered


def _granted(error: CDEError, budget: Budget, call: Call) -> bool:
    """Whether a person at the terminal lets the run continue with the same budget once more."""
    if call.as_json or terminal_problem([sys.stdin, sys.stdout]):
        return False
    typer.echo(clean(error.message), err=True)
    if not confirmed("Continue with the same budget once more?", err=True):
        return False
    budget.grant()
    return True


def _started(application: Application, prompt: str, workflow: str | None) -> str:
    """The id of a new feature."""
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
def ending_at_once() -> Iterator[Cancellation]:
    """Let SIGTERM end the run as Ctrl-C does, and all that runs for it with it.

    Further signals change nothing, for the end is on its way, unless it does not come: then the
    process ends, and what it started ends with it.
    """
    began: list[Stopwatch] = []

    def end(number: int, _frame: FrameType | None) -> None:
        if began:
            if began[0].elapsed_ms > STUCK_SECONDS * 1_000:
                os._exit(128 + number)
            return
        began.append(Stopwatch())
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(TERMINATED)

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        for each in before:
            signal.signal(each, end)
        with cancellable() as cancellation:
            yield cancellation
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


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
    status = application.handle(GetFeatureStatus(feature_id=reference, to_run=True))
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
    try:
        with nullcontext() if folder else _SHARED:
            return run(feature["id"]), run.folder
    except CDESystemError as error:
        if error.code == "E908":
            application.notify_of_given_up(feature["id"])
        raise


def _run_all(
    application: Application,
    wanted: Callable[..., FeatureRun],
    cancellation: Cancellation,
    *,
    jobs: int,
    quiet: bool,
) -> RunsReply:
    """Run every open feature, several at once."""

    def stop() -> None:
        application.agents.stop()
        cancellation.cancel()

    def one(feature: FeatureRow) -> tuple[RunReply, str]:
        observer = RunObserver() if quiet else view.PlainDisplay(f"{feature['name']}: ")
        reply, folder = _run_one(application, feature["id"], wanted, observer, apart=True)
        return reply, str(folder)

    return run_features(open_features(application), one, jobs=jobs, stop=stop)
