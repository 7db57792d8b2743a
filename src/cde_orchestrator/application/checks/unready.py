"""What will refuse the work on open features late, and can be seen now."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from cde_orchestrator.application.checks.baselines import Baselines, Subject, kept_trials
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.domain.check import check_cannot_run
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import Workflow

_NEWER = (
    "It came with a change of .cde/workflow.yml: until a person trusts it, the feature keeps its "
    "own; if nobody meant the change, take it back."
)

_TRIED = ", when it was tried last (cde check run tries it again)"


def unready(
    project: Project, features: ProjectFeatures, baselines: Baselines
) -> Iterator[CDEError]:
    """Checks that cannot be run (E121), and those of open features that nobody trusts (E120).

    Nothing is run to find out; a runner of tests that could not be run when it was tried last is
    E137. Of features whose workflow has no such check, one is decoded; of those of older releases
    all are, and each of their workflows is examined once.

    Raises:
        ValidationError: E310 or E311, the project's workflow file is not valid.
    """
    default = features.workflows.load(features.root).get()
    tried = {trial.subject: trial for trial in kept_trials(project)}
    for subject in baselines.subjects(default):
        last = subject.found_in(tried)
        if problem := baselines.problem(subject):
            yield check_cannot_run(subject.command.words, problem)
        elif subject.runner is not None and last is not None and last.outcome == "cannot_run":
            name, command = subject.runner.name, shlex.join(subject.command.words)
            yield FeatureError.of("E137", runner=name, command=command, reason=last.says + _TRIED)
    refused: dict[str, list[_Refused]] = {}
    for summary in project.features.summaries():
        followed = summary.workflow_digest or ""
        if summary.status in CLOSED_STATUSES or refused.get(followed) == []:
            continue
        feature = project.features.by_id(summary.id)
        if feature is None:
            continue
        followed = followed or feature.workflow_type  # of an older release, which kept the name
        if followed not in refused:
            newer = features.waiting(project, feature)
            refused[followed] = [
                *_refused(baselines, features.workflow_of(project, feature)),
                *(_Refused(subject=each, is_newer=True) for each in newer),
            ]
        for each in refused[followed]:
            due = [
                phase
                for phase in each.subject.used_by
                if phase not in feature.phases
                or feature.phases[phase].status is not PhaseStatus.COMPLETED
            ]
            if due:
                yield each.error(feature.name, due[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused:
    """A command that would not be run.

    Attributes:
        problem: why not; empty for lack of trust.
        is_newer: whether it is of a newer workflow, which waits for a person.
    """

    subject: Subject
    problem: str = ""
    is_newer: bool = False

    def error(self, feature: str, phase: str) -> FeatureError:
        """What the phase would be refused with."""
        command = self.subject.command
        if self.problem:
            return check_cannot_run(command.words, self.problem)
        error = FeatureError.of("E120", feature=feature, phase=phase, command=command.shown)
        return error.also(_NEWER) if self.is_newer else error


def _refused(baselines: Baselines, workflow: Workflow) -> list[_Refused]:
    """The commands of a workflow that would not be run."""
    found = []
    for subject in baselines.subjects(workflow):
        problem = baselines.problem(subject)
        if problem or not baselines.trusts(subject):
            found.append(_Refused(subject=subject, problem=problem))
    return found
