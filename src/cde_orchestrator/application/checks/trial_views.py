"""What is known of the commands that gate phases, for people and agents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cde_orchestrator.application.checks.baselines import (
    Baselines,
    Subject,
    kept_trials,
    trial_of,
)
from cde_orchestrator.application.checks.trial_words import (
    BEFORE,
    TrialView,
    ended,
    named,
    ran_none,
)
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.trial import Trial
from cde_orchestrator.domain.workflow import Workflow

LAST_TRIED = "when it was tried last by a start or cde check run"
_FINE = frozenset({"passed", "not_tried"})
_WAITS = "waits for a person: nobody has trusted it yet (cde trust)"


def trial_views(
    baselines: Baselines,
    workflow: Workflow,
    feature: Feature | None,
    project: Project | None,
    waiting: Sequence[Subject] = (),
) -> list[TrialView]:
    """Each command of a workflow as it is now, with its trial.

    Those that are ``waiting`` follow, of a newer workflow that the feature does not follow yet.

    It is the feature's; what the feature has not seen tried, or nobody trusted then, may have
    been tried in the project since, or run when a phase of it was submitted.
    """
    own = {trial.subject: trial for trial in (feature.trials if feature else ())}
    later = {trial.subject: trial for trial in kept_trials(project)}
    views = []
    for subject in baselines.subjects(workflow):
        trial, when = subject.found_in(own), BEFORE
        last = subject.found_in(later)
        if trial is not None and trial.outcome == "untrusted":
            trial = None  # whether it still is so is seen now
        may_run_now = trial is not None and trial.outcome == "cannot_run"
        if trial is None or (may_run_now and last is not None and last.at > trial.at):
            trial, when = last, LAST_TRIED
            seen = _submitted(subject, feature)
            if seen is not None and (trial is None or seen.at > trial.at):
                trial, when = seen, "when a phase was submitted last"
        views.append(_view(baselines, subject, trial, when))
    newer = ((_view(baselines, each, None, ""), _waiting_words(each)) for each in waiting)
    return views + [{**view, "words": words} for view, words in newer]


def waiting_words(waiting: Sequence[Subject]) -> str:
    """What of a changed workflow file waits for a person, in sentences; empty for nothing."""
    return " ".join(f"{_waiting_words(subject)}." for subject in waiting)


def _waiting_words(subject: Subject) -> str:
    head = named(*subject.key)
    if subject.command.reads:
        head += f" (reads {', '.join(map(plain, subject.command.reads))})"
    state = f"cannot be run: {plain(subject.problem)}" if subject.problem else _WAITS
    return f"{head} of the changed .cde/workflow.yml {state}; until then the feature keeps its own"


def _submitted(subject: Subject, feature: Feature | None) -> Trial | None:
    """How a check ended when a phase of the feature was submitted last; None for no such run."""
    if feature is None or subject.check is None:
        return None
    records = (feature.phases.get(phase_id) for phase_id in subject.used_by)
    found = (record.evidence for record in records if record is not None and record.evidence)
    runs = [run for run in found if ("check", run.command, run.directory) == subject.key]
    newest = max(runs, key=lambda run: run.at, default=None)
    if newest is None:
        return None
    seconds = newest.duration_ms / 1000  # its phase's time, which may be less than the longest
    return replace(trial_of(newest, subject.check), limit_seconds=seconds)


def _view(baselines: Baselines, subject: Subject, trial: Trial | None, when: str) -> TrialView:
    problem = baselines.problem(subject)
    waits = not baselines.trusts(subject)
    if problem:
        outcome = "cannot_run"
    elif waits:
        outcome = "untrusted"
    else:
        outcome = trial.outcome if trial else "not_tried"
    kind, command, directory = subject.key
    return {
        "kind": kind,
        "command": list(command),
        "directory": directory,
        "used_by": subject.used_by,
        "outcome": outcome,
        "waits": waits,
        "words": _words(subject, outcome, trial, problem, when),
        "at": trial.at.isoformat() if trial else None,
        "exit_code": trial.exit_code if trial else None,
        "duration_ms": trial.duration_ms if trial else None,
        "counts": dict(trial.counts) if trial else {},
        "failing": list(trial.failing) if trial else [],
    }


def _words(subject: Subject, outcome: str, trial: Trial | None, problem: str, when: str) -> str:
    head = named(*subject.key)
    if problem:
        return f"{head} cannot be run: {plain(problem)}"
    if outcome == "untrusted":
        return f"{head} {_WAITS}"
    if trial is None:
        return f"{head} was not tried yet (cde check run)"
    return f"{head} {ended(trial, when)}"


def noteworthy(views: Sequence[TrialView]) -> list[str]:
    """What to know of them before work begins."""
    return [
        f"{each['words']}."
        for each in views
        if each["outcome"] not in _FINE or ran_none(each["counts"])
    ]
