"""Checks and runners of tests, tried before work begins: nothing surprising late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator.application.ports.checks import CheckRunner, TrustStore, Watch
from cde_orchestrator.application.ports.proving import (
    UNKNOWN_VERSION,
    TestRunner,
    TestRunners,
)
from cde_orchestrator.application.proofs.workflow_runners import command_lines, runners_of
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.clock import Clock, Stopwatch
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.printed_tests import printed_tests
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import Evidence
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.trial import (
    FAILING_KEPT,
    RAN,
    Outcome,
    SubjectKey,
    Trial,
    TrialKind,
    failing_tests,
    installing_line,
)
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Workflow

if TYPE_CHECKING:  # it is loaded only where a runner is run
    from cde_orchestrator.application.proofs.proving import Proving

KEPT = 20
"""Trials that stay with a project, the newest one of each command."""
TRIALS = "trials"
"""The project's member that has them."""
NOT_RUN = {126: "as what may not be executed", 127: "as where a program is not found"}
"""What shells and what starts programs for others end with."""
_SAID = 200
_RED = frozenset({"failed", "error"})


class Subject(Value):
    """A command that can be tried.

    Attributes:
        command: what has to be trusted first.
        used_by: the phases that run it.
        check: how it is run; None for a runner of tests.
        seconds: how long a runner of tests may take.
        problem: why there is none.
    """

    kind: TrialKind
    command: CommandLine
    used_by: list[str]
    check: Check | None = None
    runner: TestRunner | None = None
    problem: str = ""
    seconds: float = 0.0

    @property
    def key(self) -> SubjectKey:
        """As ``Trial.subject``."""
        return self.kind, self.command.words, self.command.directory

    @property
    def runs_tests(self) -> bool:
        """Whether a trial runs more than a question for a version."""
        return self.check is not None or bool(self.command.reads)

    def found_in(self, trials: Mapping[SubjectKey, Trial]) -> Trial | None:
        """Its trial among these by their subjects; one that read other results is of another."""
        found = trials.get(self.key)
        return found if found is not None and found.reads == self.command.reads else None


def subjects_of(
    workflow: Workflow, root: Path, runners: Callable[[], TestRunners]
) -> list[Subject]:
    """Each command that a workflow runs once, checks first."""
    found: dict[object, Subject] = {}
    for phase in workflow.phases:
        if (check := phase.gate_check) is None:
            continue
        same = found.get(check.command_line)
        if same is None or same.check is None:
            found[check.command_line] = Subject("check", check.command_line, [phase.id], check)
            continue
        same.used_by.append(phase.id)
        if check.timeout_seconds > same.check.timeout_seconds:
            found[check.command_line] = replace(same, check=check)
    phases = [phase for phase in workflow.phases if workflow.must_prove(phase)]
    proving = [phase.id for phase in phases]
    if not proving:
        return [*found.values()]
    try:
        named = runners_of(workflow, root, runners())
    except CDEError as error:
        command = CommandLine(kind="check", words=("runner",))
        return [*found.values(), Subject("runner", command, proving, problem=error.reason)]
    lines = ((line, each) for each in named for line in command_lines([each], ()))
    longest = max(phase.check_timeout_seconds for phase in phases)
    tests = [Subject("runner", line, proving, runner=each, seconds=longest) for line, each in lines]
    return [*found.values(), *tests]


class Plan(Value):
    """What is known of a workflow's commands, and what has to be run to know the rest."""

    known: Sequence[Trial] = ()
    due: Sequence[Subject] = field(default_factory=tuple)


class Baselines(Value):
    """Tries the commands of the project at ``root``.

    Attributes:
        runners: gives the runners of tests, where a workflow has any.
        proving: gives what makes copies of the source.
        seconds: how long a start waits for all of them together; 0: nothing is run.
    """

    root: Path
    checks: CheckRunner
    trust: TrustStore
    runners: Callable[[], TestRunners]
    proving: Callable[[], Proving]
    clock: Clock
    seconds: float

    def subjects(self, workflow: Workflow) -> list[Subject]:
        """Each command that a workflow runs once, checks first."""
        return subjects_of(workflow, self.root, self.runners)

    def problem(self, subject: Subject) -> str:
        """Why it cannot be run, as far as that is seen without a run; empty where it may be."""
        if subject.check is None:
            return subject.problem
        return self.checks.problem(self.root, subject.check) or ""

    def trusts(self, subject: Subject) -> bool:
        """Whether a person trusts it."""
        return bool(subject.problem) or self.trust.trusts(self.root, subject.command)

    def plan(self, workflow: Workflow, project: Project | None, tree: str | None) -> Plan:
        """What is known of the commands before work on the source of this tree begins.

        What ended on the same source is not run again, nor what is known to take longer than a
        start waits.
        """
        before = {trial.subject: trial for trial in kept_trials(project)}
        known: list[Trial] = []
        due: list[Subject] = []
        for subject in self.subjects(workflow):
            last = subject.found_in(before)
            if problem := self.problem(subject):
                known.append(self._trial(subject, "cannot_run", says=problem))
            elif not self.trusts(subject):
                known.append(self._trial(subject, "untrusted"))
            elif last is not None and last.tree == tree is not None and last.outcome in RAN:
                known.append(last)
            elif last is not None and last.is_known_to_exceed(self.seconds):
                known.append(replace(last, failing=()))  # of another source: nothing is compared
            elif self.seconds:
                due.append(subject)
        return Plan(known, due)

    def run(
        self,
        due: Sequence[Subject],
        tree: str | None,
        *,
        seconds: float | None = None,
        watch: Watch | None = None,
    ) -> list[Trial]:
        """Try them, one after the other; a check that fails is repeated once.

        Runners that only say their version come first: a check may take all the time there is.

        Args:
            due: trusted ones.
            tree: git's id of the source.
            seconds: how long all of them may take; each its own time when None.
            watch: gets what they print.
        """
        timer = Stopwatch()
        tried = []
        for subject in sorted(due, key=lambda each: each.runs_tests):
            left = None if seconds is None else seconds - timer.elapsed_ms / 1000
            if left is not None and left <= 0:
                break
            tried.append(replace(self._tried(subject, tree, left, watch), tree=tree))
        return tried

    def _tried(
        self, subject: Subject, tree: str | None, left: float | None, watch: Watch | None
    ) -> Trial:
        try:
            if subject.check is not None:
                return self._checked(subject, subject.check, left, watch)
            version = subject.runner.version(self.root) if subject.runner else ""
            if subject.runner is not None and version == UNKNOWN_VERSION:
                return self._run_in_copy(subject, subject.runner, tree, left, watch)
        except FeatureError as error:
            if error.code not in {"E121", "E136", "E137"}:
                raise
            return self._trial(subject, "cannot_run", says=str(error.context["reason"]))
        return self._trial(subject, "passed", says=version)

    def _run_in_copy(
        self,
        subject: Subject,
        runner: TestRunner,
        tree: str | None,
        left: float | None,
        watch: Watch | None,
    ) -> Trial:
        """All that the project's own runner runs, in a copy, where its report is nobody's.

        Raises E136, there can be no copy; E137, it cannot be run.
        """
        timer = Stopwatch()
        limit = min(subject.seconds, subject.seconds if left is None else left)
        seen: dict[str, Any] = {"limit_seconds": round(limit, 1)}
        with self.proving().copy(tree) as copy:
            left = max(0.1, limit - timer.elapsed_ms / 1000)
            try:
                run = runner.run(self.root, copy.folder, (), left, watch)
            except FeatureError as error:
                if error.code != "E119":
                    raise
                tail = str(error.context.get("tail", ""))
                seen |= {"says": installing_line(tail)[:_SAID], "duration_ms": timer.elapsed_ms}
                return self._trial(subject, "too_slow", **seen)
        counts = Counter(result.outcome for result in run.results.values())
        red = [test for test, each in run.results.items() if each.outcome in _RED]
        few = red if len(red) <= FAILING_KEPT else ()
        return self._trial(
            subject,
            "failed" if red else "passed",
            counts={"passed": 0, **counts},
            failing=tuple(without_secrets(test[: 10 * _SAID])[:_SAID] for test in few),
            duration_ms=timer.elapsed_ms,
            **seen,
        )

    def _checked(
        self, subject: Subject, check: Check, left: float | None, watch: Watch | None
    ) -> Trial:
        """Raises E121, it cannot be run."""
        if left is not None:
            check = replace(check, timeout_seconds=min(check.timeout_seconds, left))
        timer = Stopwatch()
        first = self.checks.run(self.root, check, self.clock(), watch)
        took = timer.elapsed_ms / 1000
        trial = trial_of(first, check)
        if trial.outcome == "failed" and took < check.timeout_seconds - took:
            again = replace(check, timeout_seconds=check.timeout_seconds - took)
            if self.checks.run(self.root, again, self.clock(), watch).passed:
                return trial_of(first, check, is_flaky=True)
        return trial

    def _trial(self, subject: Subject, outcome: Outcome, **seen: Any) -> Trial:
        kind, command, directory = subject.key
        return Trial(
            at=self.clock(),
            kind=kind,
            command=command,
            directory=directory,
            outcome=outcome,
            reads=subject.command.reads,
            **seen,
        )


def trial_of(evidence: Evidence, check: Check, *, is_flaky: bool = False) -> Trial:
    """A run of a check as its trial; ``is_flaky``: it passed when it was repeated."""
    outcome: Outcome = "passed" if evidence.passed else "flaky" if is_flaky else "failed"
    says = None
    if evidence.exit_code is None:
        outcome = "too_slow"
    elif says := reason_not_run(evidence):
        outcome = "cannot_run"
    whole = evidence.size <= len(evidence.tail.encode())
    return Trial(
        at=evidence.at,
        kind="check",
        command=evidence.command,
        directory=evidence.directory,
        outcome=outcome,
        exit_code=evidence.exit_code,
        duration_ms=evidence.duration_ms,
        limit_seconds=round(check.timeout_seconds, 1),
        counts=printed_tests(evidence.tail, is_whole=whole).counts,
        failing=failing_tests(evidence) if outcome in {"failed", "flaky"} else (),
        says=says or _said(evidence, outcome),
    )


def _said(evidence: Evidence, outcome: Outcome) -> str:
    """What is kept of what it printed: why it did not pass, in short."""
    if outcome == "too_slow":
        return installing_line(evidence.tail)[:_SAID]
    return "" if evidence.passed else last_line(evidence)


def reason_not_run(evidence: Evidence) -> str:
    """Why a command that ended had not been run, as shells say it; empty where it had."""
    if evidence.exit_code not in NOT_RUN:
        return ""
    said = last_line(evidence)
    reason = f"it ended with exit code {evidence.exit_code}, {NOT_RUN[evidence.exit_code]}"
    return f"{reason}: {said}" if said else reason


def last_line(evidence: Evidence) -> str:
    """The last that a command printed, in short."""
    return evidence.tail.strip().rpartition("\n")[2][:_SAID]


def kept_trials(project: Project | None) -> list[Trial]:
    """The trials that the project keeps, as far as they can be read."""
    stored = project.metadata.get(TRIALS) if project is not None else None
    found = (Trial.of(each) for each in (stored if isinstance(stored, list) else ()))
    return [each for each in found if each is not None]


def keep_trials(project: Project, trials: Iterable[Trial]) -> None:
    """Keep the newest trial of each command that was run with the project; inside a change."""
    kept = {each.subject: each for each in kept_trials(project)}
    for each in trials:
        kept.pop(each.subject, None)
        kept[each.subject] = each
    stored = [each.to_dict() for each in [*kept.values()][-KEPT:]]
    project.metadata = {**project.metadata, TRIALS: stored}
