"""Run a feature by agents in the background, and stop a run, wherever it was started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.ports.agents import Agents
from cde_orchestrator.application.ports.checks import Callers, TrustStore
from cde_orchestrator.application.ports.runs import KeptRun, Runs
from cde_orchestrator.application.runs.budget import MINUTES_BOUNDS, USD_BOUNDS
from cde_orchestrator.application.runs.show_agents import chosen_agents, require_trusted
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureView, feature_view
from cde_orchestrator.domain.clock import parse_utc
from cde_orchestrator.domain.exceptions import AgentError, CDESystemError, ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, FAILED, Feature
from cde_orchestrator.domain.text import command_words
from cde_orchestrator.domain.workflow import WAITS_FOR_PERSON

RUN_STARTED, RUN_STOPPED = "run_started", "run_stopped"
"""Events of a feature."""


class ChoiceRow(TypedDict):
    """An agent that a feature may be run with, as far as is seen without starting anything.

    ``command`` is as a shell would need it, so that nobody takes one of its words for two.
    """

    name: str
    command: str
    trusted: bool
    installed: bool
    digest: str


class ChoicesReply(TypedDict):
    """What a feature may be run with; ``running`` is the id of a run that there is already."""

    feature: FeatureView
    agents: list[ChoiceRow]
    running: str | None


class BackgroundReply(TypedDict):
    """A run that was started or stopped: its id, its process, since when, and by whom."""

    feature: FeatureView
    run: str
    pid: int
    since: str
    by: str


class StoppedReply(BackgroundReply):
    """A run that was stopped; ``agents`` are whom a page began it with, by name, if one did."""

    agents: list[str]


class RunningReply(BackgroundReply):
    """A run that may be stopped; ``also`` are further features that end with it, by name."""

    also: list[str]


class ShowRunChoices(UseCase[ChoicesReply], operation="show_run_choices"):
    """The agents that a feature may be run with."""

    feature_id: str

    def __call__(
        self,
        *,
        root: Path,
        features: ProjectFeatures,
        agents: Agents,
        trust: TrustStore,
        runs: Runs,
    ) -> ChoicesReply:
        """Raises E004, E102, E103, E105, E314, E336: it waits for a person."""
        _, feature, _ = features.read(self.feature_id)
        _require_work(feature)
        running = _running(feature, runs)
        rows: list[ChoiceRow] = [
            {
                "name": agent.name,
                "command": command_words(agent.command),
                "trusted": trust.trusts(root, agent.command_line),
                "installed": agents.is_installed(agent),
                "digest": trust.digest(root, agent.command_line),
            }
            for agent in agents.definitions().values()
        ]
        rows.sort(key=lambda row: (not row["installed"], not row["trusted"]))
        return {
            "feature": feature_view(feature),
            "agents": rows,
            "running": running.id if running else None,
        }


class StartRun(UseCase[BackgroundReply], operation="start_run"):
    """Start ``cde run`` for a feature, as a process that outlives whoever started it.

    Attributes:
        agents: their names, the first choice first.
        budget_usd: what the agents may report to have cost.
        budget_minutes: how long the run may take.
    """

    feature_id: str
    agents: Sequence[str]
    budget_usd: float | None = None
    budget_minutes: float | None = None

    def __call__(
        self,
        *,
        root: Path,
        features: ProjectFeatures,
        agents: Agents,
        trust: TrustStore,
        callers: Callers,
        runs: Runs,
    ) -> BackgroundReply:
        """Raises E004, E102, E103, E105, E305, E314, E336, E905, E909, E910, E912."""
        _, feature, _ = features.read(self.feature_id)
        _require_work(feature)
        if not self.agents:
            raise ValidationError.of("E305", argument="agents", reason="name at least one")
        chosen = chosen_agents(agents, self.agents)
        for each in chosen:
            if not (trust.trusts(root, each.command_line) or agents.is_installed(each)):
                reason = "its program is not installed where this server runs"
                raise AgentError.of("E905", agent=each.name, reason=reason)  # no trust helps
        require_trusted(chosen, root, trust)
        silent = [each.name for each in chosen if not each.reports_cost]
        if self.budget_usd is not None and silent:
            reason = f"{', '.join(silent)} does not report its cost; limit the minutes instead"
            raise ValidationError.of("E305", argument="budget_usd", reason=reason)
        words = [f"--agent={','.join(self.agents)}"]
        words += _budget("budget_usd", self.budget_usd, USD_BOUNDS)
        words += _budget("budget_minutes", self.budget_minutes, MINUTES_BOUNDS)
        if (other := _running(feature, runs)) is not None:
            holder = f"process {other.process.pid}"
            raise CDESystemError.of("E909", feature=feature.name, holder=holder)
        if reason := runs.start(feature.id, words):
            raise ValidationError.of("E336", feature=feature.name, reason=reason)
        started = runs.kept(feature.id)
        with features.change(feature.id) as (_, changed, _workflow):
            _note(changed, RUN_STARTED, features, callers, root, agents=[*self.agents])
        return _reply(changed, started)


class ShowRunning(UseCase[RunningReply], operation="show_running"):
    """The run of a feature that may be stopped."""

    feature_id: str

    def __call__(self, *, features: ProjectFeatures, runs: Runs) -> RunningReply:
        """Raises E004, E102, E103, E337: there is none."""
        project, feature, _ = features.read(self.feature_id)
        running = _require_running(feature, runs)
        others = filter(None, map(project.features.by_id, runs.alongside(running)))
        return {**_reply(feature, running), "also": [each.name for each in others]}


class StopRun(UseCase[StoppedReply], operation="stop_run"):
    """End the run of a feature as Ctrl-C does, and all that it started; nothing is lost.

    Attributes:
        run: the id of the run that is meant; whichever there is when None.
    """

    feature_id: str
    run: str | None = None

    def __call__(
        self, *, root: Path, features: ProjectFeatures, callers: Callers, runs: Runs
    ) -> StoppedReply:
        """Raises E004, E102, E103, E206, E337: there is none, or it does not end."""
        _, feature, _ = features.read(self.feature_id)
        running = _require_running(feature, runs)
        if self.run not in {None, running.id}:
            reason = "that run has ended, and another one was started"
            raise ValidationError.of("E337", feature=feature.name, reason=reason)
        if reason := runs.stop(feature.id, running):
            raise ValidationError.of("E337", feature=feature.name, reason=reason)
        with features.change(feature.id) as (_, changed, _workflow):
            _note(changed, RUN_STOPPED, features, callers, root)
        return {**_reply(changed, running), "agents": _begun_with(feature, running)}


def _require_work(feature: Feature) -> None:
    """Refuse a feature in which no agent has anything to do."""
    if feature.status in CLOSED_STATUSES - {FAILED}:  # which a run resumes
        raise feature.closed()
    if feature.status == WAITS_FOR_PERSON:
        reason = "it waits for a person, who has to decide first"
        raise ValidationError.of("E336", feature=feature.name, reason=reason)


def _running(feature: Feature, runs: Runs) -> KeptRun | None:
    kept = runs.kept(feature.id)
    # Of one that may run elsewhere the lock decides, which nobody can write into a file.
    return kept if kept and kept.end is None and runs.where(kept) == "here" else None


def _require_running(feature: Feature, runs: Runs) -> KeptRun:
    running = _running(feature, runs)
    if running is None:
        reason = "no run of it is known on this machine"
        raise ValidationError.of("E337", feature=feature.name, reason=reason)
    return running


def _begun_with(feature: Feature, run: KeptRun) -> list[str]:
    """The agents of a run that a page began; none where it began in a terminal."""
    for event in reversed(feature.events):
        if event["event"] == RUN_STARTED:
            is_same = parse_utc(event["at"]) >= parse_utc(run.since)
            return [*event["agents"]] if is_same else []
    return []


def _budget(name: str, value: float | None, bounds: tuple[float, float]) -> list[str]:
    if value is None:
        return []
    if not bounds[0] <= value <= bounds[1]:
        reason = f"it is not between {bounds[0]:g} and {bounds[1]:,.0f}"
        raise ValidationError.of("E305", argument=name, reason=reason)
    return [f"--{name.replace('_', '-')}={value!r}"]


def _note(
    feature: Feature,
    event: str,
    features: ProjectFeatures,
    callers: Callers,
    root: Path,
    **facts: object,
) -> None:
    by, now = callers.caller(root, None).name, features.clock()
    feature.note(event, at=now.isoformat(), by=by, phase=feature.current_phase, **facts)
    feature.updated_at = now


def _reply(feature: Feature, run: KeptRun | None) -> BackgroundReply:
    return {
        "feature": feature_view(feature),
        "run": run.id if run else "",
        "pid": run.process.pid if run else 0,
        "since": run.since if run else "",
        "by": run.attempt if run else "",
    }
